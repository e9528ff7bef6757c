//! A plain client, which asks as a browser or a phone does.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{client::legacy, client::legacy::connect::HttpConnector, rt::TokioExecutor};
use serde_json::Value;

use crate::server::PATIENCE;

#[derive(Clone)]
pub struct Client(legacy::Client<HttpConnector, Full<Bytes>>);

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// Status, code and reason of a refusal, which header and body agree on.
    pub fn refusal(&self) -> (u16, String) {
        let problem = self.json();
        let code = problem["code"].as_str().expect("a code").to_owned();
        assert_eq!(problem["type"], format!("urn:keyward:problem:{code}"));
        assert_eq!(problem["status"], self.status);
        assert_eq!(self.header("x-auth-reason"), code);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.headers.contains_key("www-authenticate"), self.status == 401, "{self:?}");
        assert_eq!(
            self.headers.contains_key("retry-after"),
            self.status == 429 || self.status == 503,
            "{self:?}"
        );
        assert!(!self.headers.contains_key("set-cookie"));
        (self.status, code)
    }
}

impl Client {
    pub fn new() -> Self {
        Self(legacy::Client::builder(TokioExecutor::new()).build_http())
    }

    /// `None` = nobody answered.
    pub async fn get(&self, url: &str) -> Option<Answer> {
        self.send("GET", url, &[], Bytes::new()).await
    }

    pub async fn post(&self, url: &str, headers: &[(&str, &str)], body: &Value) -> Option<Answer> {
        let json = [("content-type", "application/json")];
        let headers: Vec<_> = headers.iter().chain(&json).copied().collect();
        self.send("POST", url, &headers, body.to_string().into()).await
    }

    pub async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Option<Answer> {
        let answer = tokio::time::timeout(PATIENCE, self.open(method, url, headers, body)).await.ok()??;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    /// The head of an answer whose body goes on.
    pub async fn open(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Option<Response<Incoming>> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.0.request(request.body(Full::new(body)).expect("a request")).await.ok()
    }
}

/// Asks again and again until the answer is the one, as a client would; for what becomes true in its own time.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
