//! Contract 2.2 by gRPC: the check as Envoy's `ext_authz` filter asks it, with Envoy's own messages. What
//! every answer must have is checked on every answer; above all that nothing but a yes looks like one.

use std::collections::{BTreeMap, HashMap};

use envoy_types::pb::envoy::{
    config::core::v3::{HeaderMap, HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction},
    service::auth::v3::{
        AttributeContext, CheckRequest,
        attribute_context::{HttpRequest, Request},
        authorization_client::AuthorizationClient,
        check_response::HttpResponse,
    },
};
use serde_json::{Value, json};
use tonic::{Code, transport::Channel};

use super::{
    actor::Actor,
    install::{Install, Server},
    raw::Raw,
};
use crate::support::servers::redis;

const PASSWORD: &str = "correct horse battery";
const IDENTITY: [&str; 5] =
    ["x-auth-user", "x-auth-username", "x-auth-session", "x-auth-app", "x-auth-roles"];

/// An answer that has been looked at: either kind of it is whole.
#[derive(Debug)]
pub(super) enum Verdict {
    LetIn { identity: BTreeMap<String, String>, response: BTreeMap<String, String> },
    Refused { status: i32, headers: BTreeMap<String, String>, body: String },
}

impl Verdict {
    #[track_caller]
    pub(super) fn let_in(self) -> BTreeMap<String, String> {
        match self {
            Self::LetIn { identity, .. } => identity,
            Self::Refused { .. } => panic!("refused: {self:?}"),
        }
    }

    #[track_caller]
    pub(super) fn refused(self, status: i32, code: &str) -> BTreeMap<String, String> {
        let Self::Refused { status: seen, headers, body } = self else { panic!("let in: {self:?}") };
        assert_eq!((seen, headers["x-auth-reason"].as_str()), (status, code), "{headers:?} {body}");
        let problem: Value = serde_json::from_str(&body).expect("a problem");
        assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)), "{problem}");
        headers
    }
}

/// A question, as Envoy puts it.
#[derive(Clone, Default)]
pub(super) struct Question {
    method: &'static str,
    headers: HashMap<String, String>,
    lines: Vec<(&'static str, Vec<u8>)>,
    extensions: HashMap<String, String>,
}

impl Question {
    fn new(method: &'static str) -> Self {
        Self { method, ..Self::default() }
    }

    pub(super) fn of(actor: &Actor) -> Self {
        Self::new("GET").header("authorization", &format!("Bearer {}", actor.access))
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    fn line(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.lines.push((name, value.into()));
        self
    }

    pub(super) fn extension(mut self, name: &str, value: &str) -> Self {
        self.extensions.insert(name.to_owned(), value.to_owned());
        self
    }

    fn message(self) -> CheckRequest {
        let line = |(name, raw_value): (&str, Vec<u8>)| HeaderValue {
            key: name.to_owned(),
            raw_value,
            ..HeaderValue::default()
        };
        let lines: Vec<_> = self.lines.into_iter().map(line).collect();
        let http = HttpRequest {
            id: "1".to_owned(),
            method: self.method.to_owned(),
            path: "/a?role=nobody&deny=403&preflight=allow".to_owned(),
            host: "app.example.com".to_owned(),
            protocol: "HTTP/1.1".to_owned(),
            headers: self.headers,
            header_map: (!lines.is_empty()).then_some(HeaderMap { headers: lines }),
            ..HttpRequest::default()
        };
        let request = Request { http: Some(http), ..Request::default() };
        let attributes = AttributeContext {
            request: Some(request),
            context_extensions: self.extensions,
            ..AttributeContext::default()
        };
        CheckRequest { attributes: Some(attributes) }
    }
}

pub(super) struct Gateway(AuthorizationClient<Channel>);

impl Gateway {
    pub(super) async fn of(server: &Server) -> Self {
        Self(AuthorizationClient::connect(server.ext_authz_url.clone()).await.expect("a connection"))
    }

    pub(super) async fn ask(&mut self, question: Question) -> Verdict {
        self.send(question.message()).await
    }

    async fn send(&mut self, message: CheckRequest) -> Verdict {
        let answer = self.0.check(message).await.expect("an answer").into_inner();
        let code = answer.status.as_ref().expect("a status, or Envoy takes it for a yes").code;
        match answer.http_response.expect("what to do") {
            HttpResponse::OkResponse(ok) => {
                assert_eq!(code, 0, "one or the other");
                assert!(ok.headers_to_remove.is_empty() && ok.query_parameters_to_set.is_empty());
                let identity = named(ok.headers);
                assert!(identity.keys().map(String::as_str).eq(sorted(IDENTITY)), "{identity:?}");
                Verdict::LetIn { identity, response: named(ok.response_headers_to_add) }
            }
            HttpResponse::DeniedResponse(denied) => {
                let status = denied.status.expect("a status").code;
                let codes = [(401, 16), (403, 7), (429, 8), (503, 14)];
                assert!(codes.contains(&(status, code)), "{status} {code}");
                let headers = named(denied.headers);
                let has = |name: &str| headers.contains_key(name);
                assert_eq!(has("www-authenticate"), status == 401, "{headers:?}");
                let later = status == 503 || headers["x-auth-reason"] == "rate_limited";
                assert_eq!(has("retry-after"), later, "{headers:?}");
                assert_eq!(headers["cache-control"], "no-store");
                assert_eq!(headers["content-type"], "application/problem+json");
                assert!(!IDENTITY.iter().any(|name| has(name)), "{headers:?}");
                Verdict::Refused { status, headers, body: denied.body }
            }
            HttpResponse::ErrorResponse(_) => panic!("older Envoys do not know it"),
        }
    }
}

fn sorted(mut names: [&str; 5]) -> [&str; 5] {
    names.sort_unstable();
    names
}

/// Headers by name; each replaces what is there, even where it is empty.
fn named(options: Vec<HeaderValueOption>) -> BTreeMap<String, String> {
    let count = options.len();
    let named: BTreeMap<_, _> = options
        .into_iter()
        .map(|option| {
            assert_eq!(option.append_action(), HeaderAppendAction::OverwriteIfExistsOrAdd);
            assert!(option.keep_empty_value);
            let header = option.header.expect("a header");
            assert!(header.value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{header:?}");
            (header.key, header.value)
        })
        .collect();
    assert_eq!(named.len(), count, "a header twice: {named:?}");
    named
}

async fn alice(install: &Install) -> (Server, Actor, Gateway) {
    install.add_user("alice", PASSWORD, &["--role", "ops", "--role", "dev"]);
    let server = install.start().await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    let gateway = Gateway::of(&server).await;
    (server, alice, gateway)
}

#[tokio::test]
async fn who_is_let_in_is_named() {
    let install = Install::new();
    let (_server, alice, mut gateway) = alice(&install).await;
    let Verdict::LetIn { identity, response } = gateway.ask(Question::of(&alice)).await else {
        panic!("refused");
    };
    let user = alice.get("/v1/me").await.json()["id"].as_str().expect("an id").to_owned();
    let expected = [user.as_str(), "alice", &alice.session, "default", "dev,ops"];
    assert_eq!(IDENTITY.map(|name| identity[name].as_str()), expected);
    assert_eq!(response["ratelimit-policy"], r#""session";q=100;w=60"#);
    assert!(response["ratelimit"].starts_with(r#""session";r=99;t="#), "{response:?}");
}

#[tokio::test]
async fn only_one_bearer_token_is_a_credential() {
    let install = Install::new();
    let (_server, alice, mut gateway) = alice(&install).await;
    let token = format!("Bearer {}", alice.access);
    let with = |value: &str| Question::new("POST").header("authorization", value);
    gateway.ask(Question::new("GET")).await.refused(401, "token_missing");
    gateway.ask(with(&token.replace("Bearer", "bearer"))).await.let_in();
    gateway.ask(with(&token.replace("Bearer", "Basic"))).await.refused(401, "token_missing");
    for bad in ["Bearer a.b.c", "Bearer", &format!("{token},{token}"), &format!("Basic e30,{token}")] {
        gateway.ask(with(bad)).await.refused(401, "token_invalid");
    }
    let long = format!("Bearer {}", "a".repeat(8000));
    gateway.ask(with(&long)).await.refused(401, "token_invalid");
    let tampered = format!("{token}A");
    let challenge = gateway.ask(with(&tampered)).await.refused(401, "token_invalid");
    assert!(challenge["www-authenticate"].contains(r#"error="invalid_token""#), "{challenge:?}");
    for smuggled in ["x-auth-user", ":path", "x-authorization", "proxy-authorization"] {
        gateway.ask(Question::new("GET").header(smuggled, &token)).await.refused(401, "token_missing");
    }
}

#[tokio::test]
async fn lines_as_they_came_count_the_same() {
    let install = Install::new();
    let (_server, alice, mut gateway) = alice(&install).await;
    let token = format!("Bearer {}", alice.access);
    let with = |value: &[u8]| Question::new("GET").line("authorization", value);
    gateway.ask(with(token.as_bytes())).await.let_in();
    gateway.ask(with(b"Bearer \xff\xfe")).await.refused(401, "token_invalid");
    gateway.ask(with(b"Bearer a\nb")).await.refused(401, "token_invalid");
    let twice = with(token.as_bytes()).line("Authorization", token.clone());
    gateway.ask(twice).await.refused(401, "token_invalid");
    let both = Question::of(&alice).line("authorization", token);
    gateway.ask(both).await.refused(401, "token_invalid");
}

#[tokio::test]
async fn the_gateways_parameters_come_from_its_own_settings() {
    let install = Install::new().with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 7);
    let (_server, alice, mut gateway) = alice(&install).await;
    // The path of every question asks for a role that nobody has, in vain.
    let asks = |role: &str| Question::of(&alice).extension("role", role).extension("roles", "nobody");
    gateway.ask(asks("ops")).await.let_in();
    gateway.ask(asks("dev, ops")).await.let_in();
    for role in ["admin", "ops,admin", "OPS", ""] {
        gateway.ask(asks(role)).await.refused(403, "insufficient_role");
    }
    gateway.ask(Question::new("GET").extension("role", "ops")).await.refused(401, "token_missing");
    gateway.ask(Question::of(&alice)).await.let_in();
    let over = gateway.ask(Question::of(&alice)).await.refused(429, "rate_limited");
    assert!(over["ratelimit"].starts_with(r#""session";r=0;t="#), "{over:?}");
    let Verdict::Refused { status, .. } = gateway.ask(Question::of(&alice).extension("deny", "403")).await
    else {
        panic!("let in");
    };
    assert_eq!(status, 403);
}

/// Contract 5.3.
#[tokio::test]
async fn a_gateway_asks_how_and_how_long_ago_somebody_signed_in() {
    let install = Install::new();
    let (_server, alice, mut gateway) = alice(&install).await;
    let asks = |parameter: &str, value: &str| Question::of(&alice).extension(parameter, value);
    for (parameter, value) in [("acr", "1"), ("max_age", "3600")] {
        gateway.ask(asks(parameter, value)).await.let_in();
    }
    for (parameter, value) in [("acr", "2"), ("acr", "x"), ("max_age", "x"), ("max_age", "")] {
        let refused = gateway.ask(asks(parameter, value)).await;
        let headers = refused.refused(401, "insufficient_user_authentication");
        let challenge = &headers["www-authenticate"];
        assert_eq!(challenge.contains(r#"acr_values="2""#), value == "2", "{challenge}");
    }
}

#[tokio::test]
async fn a_preflight_passes_only_where_the_gateway_allows_it() {
    let install = Install::new();
    let (_server, _alice, mut gateway) = alice(&install).await;
    let preflight = |method| {
        let question = Question::new(method).header("origin", "https://app.example.com");
        question.header("access-control-request-method", "POST")
    };
    gateway.ask(preflight("OPTIONS")).await.refused(401, "token_missing");
    let forged = preflight("OPTIONS").extension("preflight", "allow").header("x-auth-user", "forged");
    let identity = gateway.ask(forged).await.let_in();
    assert!(identity.values().all(String::is_empty), "there, and empty: {identity:?}");
    for method in ["GET", "POST"] {
        let other = preflight(method).extension("preflight", "allow");
        gateway.ask(other.header("x-forwarded-method", "OPTIONS")).await.refused(401, "token_missing");
    }
    let bare = Question::new("OPTIONS").extension("preflight", "allow");
    gateway.ask(bare).await.refused(401, "token_missing");
}

#[tokio::test]
async fn a_session_cookie_changes_state_only_for_its_own_pages() {
    let install = Install::new();
    let (server, alice, mut gateway) = alice(&install).await;
    let body = json!({ "username": "alice", "password": PASSWORD, "transport": "session" });
    let login = server.client().request("POST", "/v1/login").header("origin", &server.url).json(&body);
    let login = login.send().await.expect("an answer");
    let cookie = login.headers()["set-cookie"].to_str().expect("ASCII").split(';').next().expect("a cookie");
    let with = |method| Question::new(method).header("cookie", &format!("theme=dark; {cookie}"));
    let identity = gateway.ask(with("GET")).await.let_in();
    assert_eq!(identity["x-auth-username"], "alice");
    assert_ne!(identity["x-auth-session"], alice.session);
    gateway.ask(with("POST")).await.refused(403, "cross_site");
    gateway.ask(with("")).await.refused(403, "cross_site");
    gateway.ask(with("POST").header("origin", "https://evil.example.com")).await.refused(403, "cross_site");
    gateway.ask(with("POST").header("origin", &server.url)).await.let_in();
    gateway.ask(with("POST").header("sec-fetch-site", "same-origin")).await.let_in();
    let doubled = Question::new("GET").header("cookie", &format!("{cookie}; {cookie}"));
    gateway.ask(doubled).await.refused(401, "invalid_request");
    let joined = Question::new("GET").header("cookie", &format!("{cookie},{cookie}"));
    gateway.ask(joined).await.refused(401, "token_invalid");
}

#[tokio::test]
async fn a_question_without_a_request_is_refused() {
    let install = Install::new();
    let server = install.start().await;
    let mut gateway = Gateway::of(&server).await;
    let attributes = Some(AttributeContext::default());
    let request = Some(Request::default());
    let bare = Some(AttributeContext { request, ..AttributeContext::default() });
    for attributes in [None, attributes, bare] {
        gateway.send(CheckRequest { attributes }).await.refused(401, "token_missing");
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let install = Install::new();
    let (_server, alice, mut gateway) = alice(&install).await;
    let many = |count: usize| {
        (0..count).fold(Question::of(&alice), |question, number| question.header(&format!("x-{number}"), "y"))
    };
    gateway.ask(many(1000)).await.let_in();
    gateway.ask(many(1024)).await.refused(401, "invalid_request");
    let large = |bytes: usize| Question::of(&alice).header("x-large", &"x".repeat(bytes)).message();
    gateway.send(large(120_000)).await.let_in();
    let error = gateway.0.check(large(140_000)).await.expect_err("too large");
    assert_eq!(error.code(), Code::OutOfRange, "{error:?}");
    gateway.ask(Question::of(&alice)).await.let_in();
}

#[tokio::test]
async fn nothing_else_is_spoken_there() {
    let install = Install::new();
    let (server, alice, mut gateway) = alice(&install).await;
    let http2 = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().expect("a client");
    let check = "/envoy.service.auth.v3.Authorization/Check";
    let other = "/envoy.service.auth.v3.Authorization/Uncheck";
    for (method, path, media, status) in [
        ("POST", other, "application/grpc", 404),
        ("POST", "/v1/check", "application/grpc", 404),
        ("GET", "/healthz", "", 404),
        ("GET", check, "application/grpc", 404),
        ("POST", check, "application/json", 415),
        ("POST", check, "", 415),
    ] {
        let request =
            http2.request(method.parse().expect("a method"), format!("{}{path}", server.ext_authz_url));
        let request = request.header("content-type", media).bearer_auth(&alice.access);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{method} {path} {media}");
        if status == 404 {
            assert_eq!(answer.headers()["grpc-status"], "12", "UNIMPLEMENTED: {path}");
        }
    }
    for body in [&b""[..], b"\0\0\0\0", b"\0\0\0\0\x03\xff\xff\xff", b"\x01\0\0\0\0", b"\0\xff\xff\xff\xff"] {
        let request = http2.post(format!("{}{check}", server.ext_authz_url));
        let request = request.header("content-type", "application/grpc").body(body.to_vec());
        let answer = request.send().await.expect("an answer");
        let status = answer.headers()["grpc-status"].to_str().expect("ASCII").to_owned();
        assert_ne!(status, "0", "{body:?}");
        assert_eq!(answer.bytes().await.expect("a body").len(), 0, "{body:?}");
    }
    for (request, status) in [("GET /v1/check", 404), (&format!("POST {check}"), 415)] {
        let mut plain = Raw::connect(&server.ext_authz_url);
        let bearer = format!("Authorization: Bearer {}", alice.access);
        plain.head(request, &[&bearer, "Content-Type: application/grpc", "Content-Length: 0"]);
        assert_eq!(plain.answer().status, status, "HTTP/1: {request}");
    }
    gateway.ask(Question::of(&alice)).await.let_in();
}

#[tokio::test]
async fn a_store_that_is_away_is_503() {
    let mut redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_OUTAGE_CHECK", "0");
    let (_server, alice, mut gateway) = alice(&install).await;
    gateway.ask(Question::of(&alice)).await.let_in();
    redis.kill();
    gateway.ask(Question::of(&alice)).await.refused(503, "store_unavailable");
    gateway.ask(Question::new("GET")).await.refused(401, "token_missing");
    redis.restart();
}

#[tokio::test]
async fn a_session_that_is_over_is_refused() {
    let install = Install::new();
    let (server, alice, mut gateway) = alice(&install).await;
    gateway.ask(Question::of(&alice)).await.let_in();
    assert_eq!(alice.logout().await.status, 204);
    gateway.ask(Question::of(&alice)).await.refused(401, "token_revoked");
    let page = Actor::new(&server.management_url).get("/metrics").await.text;
    for (status, count) in [(200, 1), (401, 1)] {
        let line = format!(r#"keyward_http_requests_total{{route="ext_authz",status="{status}"}} {count}"#);
        assert!(page.contains(&line), "{line} in {page}");
    }
}
