//! Whoever uses the server: a client with or without tokens, and the answers it gets. What every
//! answer must have is checked on every answer.

use reqwest::{
    Client, Method, RequestBuilder,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap},
};
use serde_json::{Value, json};

use super::{documented, secrets};

/// A client of one listener, perhaps signed in.
#[derive(Clone)]
pub struct Actor {
    http: Client,
    url: String,
    pub access: String,
    pub refresh: String,
    pub session: String,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Actor {
    pub fn new(url: &str) -> Self {
        let none = String::new;
        let http = Client::builder().no_proxy().build().expect("a client");
        Self { http, url: url.to_owned(), access: none(), refresh: none(), session: none() }
    }

    /// The same at another listener.
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// The same with another access token.
    pub fn with_access(&self, token: &str) -> Self {
        Self { access: token.to_owned(), ..self.clone() }
    }

    /// The same with another refresh token.
    pub fn with_refresh(&self, token: &str) -> Self {
        Self { refresh: token.to_owned(), ..self.clone() }
    }

    /// A request that is not sent yet.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// The same with the access token.
    pub fn authorized(&self, method: &str, path: &str) -> RequestBuilder {
        self.request(method, path).header(AUTHORIZATION, format!("Bearer {}", self.access))
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.authorized("GET", path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request("POST", path).json(body)).await
    }

    pub async fn post_authorized(&self, path: &str, body: &Value) -> Answer {
        send(self.authorized("POST", path).json(body)).await
    }

    pub async fn login(&self, username: &str, password: &str) -> Answer {
        self.post("/v1/login", &json!({ "username": username, "password": password })).await
    }

    /// The same client, signed in.
    pub async fn signed_in(&self, username: &str, password: &str) -> Self {
        self.with_tokens(&self.login(username, password).await)
    }

    /// The same client with the tokens of an answer.
    pub fn with_tokens(&self, answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        let text = |name: &str| body[name].as_str().expect(name).to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
            session: text("session_id"),
            ..self.clone()
        }
    }

    /// Presents the refresh token.
    pub async fn refreshes(&self) -> Answer {
        self.post("/v1/refresh", &json!({ "refresh_token": self.refresh })).await
    }

    /// The same client after a refresh that must succeed.
    pub async fn refreshed(&self) -> Self {
        self.with_tokens(&self.refreshes().await)
    }

    /// Asks whether the access token passes.
    pub async fn check(&self) -> Answer {
        self.check_at("/v1/check").await
    }

    /// The same at another path.
    pub async fn check_at(&self, path: &str) -> Answer {
        check(self.authorized("GET", path)).await
    }

    /// Signs out with the access token.
    pub async fn logout(&self) -> Answer {
        send(self.authorized("POST", "/v1/logout")).await
    }

    /// The sessions of the user.
    pub async fn sessions(&self) -> Vec<Value> {
        let answer = self.get("/v1/sessions").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["sessions"].as_array().expect("an array").clone()
    }
}

/// Sends a request and checks what every answer must have.
pub async fn send(request: RequestBuilder) -> Answer {
    secrets::register_request(&request);
    let asked = request.try_clone();
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a body");
    secrets::register_answer(&headers, &text);
    let answer = Answer { status, headers, text };
    answer.has_one("x-request-id");
    documented::check(asked, &answer);
    assert!(answer.headers.get_all("set-cookie").iter().next().is_none(), "a cookie: {answer:?}");
    if answer.text.contains("_token\":\"") {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    }
    answer
}

/// Sends a request to the check and checks what each of its answers must have.
pub async fn check(request: RequestBuilder) -> Answer {
    let answer = send(request).await;
    assert!([200, 401, 403, 429, 503].contains(&answer.status), "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    let all = answer.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>();
    assert!(all < 3 * 1024, "{all} bytes of headers");
    for (name, value) in &answer.headers {
        assert!(value.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte)), "{name}: {value:?}");
        let identity = name.as_str().starts_with("x-auth-") && name != "x-auth-reason";
        assert!(!identity || answer.status == 200, "{name} in {answer:?}");
    }
    answer
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The value of a header, which is there once.
    pub fn header(&self, name: &str) -> &str {
        self.has_one(name);
        self.headers[name].to_str().expect("ASCII")
    }

    fn has_one(&self, name: &str) {
        assert_eq!(self.headers.get_all(name).iter().count(), 1, "{name} in {self:?}");
    }

    /// The answer is this problem, in the form of RFC 9457.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header(CONTENT_TYPE.as_str()), "application/problem+json", "{self:?}");
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["type"], format!("urn:keyward:problem:{code}"), "{body}");
        assert_eq!(body["status"], status, "{body}");
        for text in ["title", "detail"] {
            assert!(body[text].as_str().is_some_and(|text| !text.is_empty()), "{text} in {body}");
        }
        body
    }

    /// The answer is this problem, and says this reason.
    #[track_caller]
    pub fn problem_with_reason(&self, status: u16, code: &str, reason: &str) {
        assert_eq!(self.problem(status, code)["reason"], reason, "{self:?}");
    }

    /// The check refused for this.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.header("x-auth-reason")), (status, code), "{self:?}");
        let challenges = self.headers.get_all("www-authenticate").iter().count();
        assert_eq!(challenges, usize::from(status == 401), "{self:?}");
        if status == 401 {
            assert!(self.header("www-authenticate").starts_with("Bearer "), "{self:?}");
        }
    }
}
