//! Envoy before an app, with the files of `gateways/` as they are but for the addresses: by HTTP and by
//! gRPC, it lets in and refuses the same.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, Method, Uri},
};
use reqwest::RequestBuilder;
use rstest::rstest;
use serde_json::json;
use tokio::net::TcpListener;

use super::{
    actor::{Actor, Answer},
    install::{Install, PATIENCE, Server, free_addresses},
    raw::Raw,
};
use crate::servers::{envoy::Envoy, redis};

const PASSWORD: &str = "correct horse battery";
const IDENTITY: [&str; 5] =
    ["x-auth-user", "x-auth-username", "x-auth-session", "x-auth-app", "x-auth-roles"];

/// How Envoy asks.
#[derive(Debug, Clone, Copy)]
enum By {
    Http,
    Grpc,
}

/// What reached the app.
struct Visit {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Visit {
    /// Each is there once.
    fn identity(&self) -> [&str; 5] {
        IDENTITY.map(|name| {
            assert_eq!(self.headers.get_all(name).iter().count(), 1, "{name} in {:?}", self.headers);
            self.headers[name].to_str().expect("ASCII")
        })
    }
}

/// A server, an app, and Envoy before it.
struct Site {
    install: Install,
    server: Option<Server>,
    visits: Arc<Mutex<Vec<Visit>>>,
    envoy: Envoy,
}

impl Site {
    async fn start(by: By, install: Install) -> Self {
        install.add_user("alice", PASSWORD, &["--role", "ops"]);
        let server = install.start().await;
        let (visits, app) = app().await;
        let [listen] = free_addresses();
        let (config, keyward) = match by {
            By::Http => (include_str!("../../../gateways/envoy-http.yaml"), (8082, install.check)),
            By::Grpc => (include_str!("../../../gateways/envoy-grpc.yaml"), (8083, install.ext_authz)),
        };
        let envoy = Envoy::start(config, &[(8000, listen), keyward, (3000, app)]);
        Self { install, server: Some(server), visits, envoy }
    }

    /// Alice, signed in, as a client of Envoy.
    async fn alice(&self) -> Actor {
        self.user("alice").await
    }

    async fn user(&self, name: &str) -> Actor {
        let server = self.server.as_ref().expect("a server");
        server.client().signed_in(name, PASSWORD).await.at(&self.envoy.url)
    }

    /// What has reached the app since the last time.
    fn visits(&self) -> Vec<Visit> {
        std::mem::take(&mut self.visits.lock().expect("no test panicked in between"))
    }

    /// The request is answered by Keyward, and the app does not see it.
    async fn refuses(&self, request: RequestBuilder, status: u16, code: &str) -> Answer {
        let answer = ask(request).await;
        answer.refused(status, code);
        answer.problem(status, code);
        assert!(self.visits().is_empty(), "it reached the app: {answer:?}");
        answer
    }
}

/// An app that keeps what reaches it.
async fn app() -> (Arc<Mutex<Vec<Visit>>>, SocketAddr) {
    let visits: Arc<Mutex<Vec<Visit>>> = Arc::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let kept = Arc::clone(&visits);
    let app = Router::new().fallback(async move |request: Request| {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let visit = Visit { method: parts.method, uri: parts.uri, headers: parts.headers, body };
        kept.lock().expect("no other visit panicked").push(visit);
        "the app"
    });
    tokio::spawn(async { axum::serve(listener, app).await.expect("served") });
    (visits, address)
}

async fn ask(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.expect("a body") }
}

#[rstest]
#[case::http(By::Http)]
#[case::grpc(By::Grpc)]
#[tokio::test]
async fn envoy_hands_on_the_request_and_who_sends_it(#[case] by: By) {
    let site = Site::start(by, Install::new()).await;
    let alice = site.alice().await;
    let body: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
    let answer = ask(alice.authorized("POST", "/a/b;c?x=1&y=%20%2F").body(body.clone())).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "the app"));
    assert!(answer.header("ratelimit").starts_with(r#""session";r=99;t="#), "{answer:?}");
    assert_eq!(answer.header("ratelimit-policy"), r#""session";q=100;w=60"#);
    let visits = site.visits();
    let [visit] = &visits[..] else { panic!("{} visits", visits.len()) };
    assert_eq!((&visit.method, visit.uri.to_string().as_str()), (&Method::POST, "/a/b;c?x=1&y=%20%2F"));
    assert!(visit.body == body, "the body is another");
    let [_, username, session, app, roles] = visit.identity();
    assert_eq!([username, session, app, roles], ["alice", &alice.session, "default", "ops"]);
}

#[rstest]
#[case::http(By::Http)]
#[case::grpc(By::Grpc)]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_a_client_sends_to_envoy_passes_for_an_identity(#[case] by: By) {
    let install = Install::new();
    install.add_user("plain", PASSWORD, &[]);
    let site = Site::start(by, install).await;
    let plain = site.user("plain").await;
    let mut request = plain.authorized("GET", "/");
    for name in IDENTITY {
        request =
            request.header(name, "forged").header(name, "twice").header(name.replace('-', "_"), "forged");
    }
    assert_eq!(ask(request).await.status, 200);
    let mut raw = Raw::connect(&site.envoy.url);
    let bearer = format!("Authorization: Bearer {}", plain.access);
    raw.head("GET /", &[&bearer, "Connection: close, X-Auth-User, X-Auth-Roles", "X-Auth-Roles: admin"]);
    let answer = raw.answer();
    let visits = site.visits();
    assert_eq!(visits.len(), 1 + usize::from(answer.status == 200), "{answer:?}");
    for visit in visits {
        let [user, username, session, app, roles] = visit.identity();
        assert_eq!([username, session, app, roles], ["plain", &plain.session, "default", ""]);
        assert_eq!(user.len(), 36, "{user}");
        assert!(!visit.headers.keys().any(|name| name.as_str().contains('_')), "{:?}", visit.headers);
    }
    let forged = IDENTITY.iter().fold(plain.request("GET", "/"), |it, name| it.header(*name, "forged"));
    site.refuses(forged, 401, "token_missing").await;
}

#[rstest]
#[case::http(By::Http)]
#[case::grpc(By::Grpc)]
#[tokio::test]
async fn envoy_refuses_whoever_keyward_refuses(#[case] by: By) {
    let site = Site::start(by, Install::new()).await;
    let alice = site.alice().await;
    let token = format!("Bearer {}", alice.access);
    let none = site.refuses(alice.request("GET", "/?access_token=x"), 401, "token_missing").await;
    assert_eq!(none.header("www-authenticate"), r#"Bearer realm="keyward""#);
    let with = |value: String| alice.request("POST", "/").header("authorization", value);
    site.refuses(with(format!("{token}A")), 401, "token_invalid").await;
    site.refuses(with(format!("Bearer {}", "a".repeat(7_900))), 401, "token_invalid").await;
    site.refuses(with(token.clone()).header("authorization", &token), 401, "token_invalid").await;
    let preflight = alice.request("OPTIONS", "/x?preflight=allow&deny=403&role=ops");
    let preflight = preflight.header("origin", "https://evil.example.com");
    let preflight = preflight.header("access-control-request-method", "POST");
    site.refuses(preflight, 401, "token_missing").await;
    assert_eq!(ask(alice.authorized("GET", "/")).await.status, 200);
    assert_eq!(site.visits().len(), 1);
    let server = site.server.as_ref().expect("a server");
    assert_eq!(alice.at(&server.url).logout().await.status, 204);
    let gone = site.refuses(alice.authorized("GET", "/"), 401, "token_revoked").await;
    assert!(gone.header("www-authenticate").contains(r#"error="invalid_token""#), "{gone:?}");
}

#[rstest]
#[case::http(By::Http)]
#[case::grpc(By::Grpc)]
#[tokio::test]
async fn a_role_that_envoy_asks_for_is_not_to_be_had_by_another_path(#[case] by: By) {
    let install = Install::new();
    install.add_user("root", PASSWORD, &["--role", "admin"]);
    let site = Site::start(by, install).await;
    let (alice, root) = (site.alice().await, site.user("root").await);
    assert_eq!(ask(root.authorized("GET", "/admin/a?role=nobody")).await.status, 200);
    assert_eq!(site.visits().len(), 1);
    site.refuses(alice.authorized("GET", "/admin?role=ops"), 403, "insufficient_role").await;
    for path in
        ["/admin/", "//admin", "/x/../admin", "/x/%2e%2e/admin/b", "/%61dmin", "/./admin", "/x%2f..%2fadmin"]
    {
        let mut raw = Raw::connect(&site.envoy.url);
        raw.head(&format!("GET {path}"), &[&format!("Authorization: Bearer {}", alice.access)]);
        let status = raw.answer().status;
        assert!([400, 403].contains(&status), "{path}: {status}");
        assert!(site.visits().is_empty(), "{path}");
    }
}

#[rstest]
#[case::http(By::Http)]
#[case::grpc(By::Grpc)]
#[tokio::test]
async fn a_session_cookie_counts_with_envoy_as_well(#[case] by: By) {
    let site = Site::start(by, Install::new()).await;
    let server = site.server.as_ref().expect("a server");
    let body = json!({ "username": "alice", "password": PASSWORD, "transport": "session" });
    let login = server.client().request("POST", "/v1/login").header("origin", &server.url).json(&body);
    let login = login.send().await.expect("an answer");
    let cookie = login.headers()["set-cookie"].to_str().expect("ASCII").split(';').next().expect("a cookie");
    let client = Actor::new(&site.envoy.url);
    let with = |method| client.request(method, "/").header("cookie", format!("theme=dark; {cookie}"));
    assert_eq!(ask(with("GET")).await.status, 200);
    assert_eq!(site.visits()[0].identity()[1], "alice");
    // HTTP/2 lets a browser send each cookie in a line of its own.
    let http2 = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().expect("a client");
    let lines = http2.get(&site.envoy.url).header("cookie", "theme=dark").header("cookie", cookie);
    assert_eq!(ask(lines).await.status, 200);
    assert_eq!(site.visits()[0].identity()[1], "alice");
    site.refuses(with("POST"), 403, "cross_site").await;
    site.refuses(with("POST").header("x-forwarded-method", "GET"), 403, "cross_site").await;
    assert_eq!(ask(with("POST").header("origin", &server.url)).await.status, 200);
    assert_eq!(site.visits().len(), 1);
}

#[rstest]
#[case::http(By::Http)]
#[case::grpc(By::Grpc)]
#[tokio::test]
async fn over_the_rate_envoy_says_when_to_come_back(#[case] by: By) {
    let site = Site::start(by, Install::new().with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 2)).await;
    let alice = site.alice().await;
    for _ in 0..2 {
        assert_eq!(ask(alice.authorized("GET", "/")).await.status, 200);
    }
    assert_eq!(site.visits().len(), 2);
    let over = site.refuses(alice.authorized("GET", "/"), 429, "rate_limited").await;
    assert!(over.header("retry-after").parse::<u64>().is_ok_and(|wait| (1..=60).contains(&wait)), "{over:?}");
    assert!(over.header("ratelimit").starts_with(r#""session";r=0;t="#), "{over:?}");
}

#[rstest]
#[case::http(By::Http)]
#[case::grpc(By::Grpc)]
#[tokio::test]
async fn while_keyward_is_away_nobody_gets_through_envoy(#[case] by: By) {
    let mut site = Site::start(by, Install::new()).await;
    let alice = site.alice().await;
    assert_eq!(ask(alice.authorized("GET", "/")).await.status, 200);
    site.server.take().expect("a server").kill();
    for _ in 0..20 {
        for request in [alice.authorized("GET", "/"), alice.request("GET", "/")] {
            let answer = ask(request).await;
            assert_eq!(answer.status, 503, "{answer:?}");
        }
    }
    assert_eq!(site.visits().len(), 1, "only the one before");
    site.server = Some(site.install.start().await);
    comes_to(200, &alice).await;
}

#[rstest]
#[case::http(By::Http)]
#[case::grpc(By::Grpc)]
#[tokio::test]
async fn while_redis_is_away_envoy_says_503(#[case] by: By) {
    let mut redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_OUTAGE_CHECK", "0");
    let site = Site::start(by, install).await;
    let alice = site.alice().await;
    assert_eq!(ask(alice.authorized("GET", "/")).await.status, 200);
    redis.kill();
    for _ in 0..5 {
        assert_eq!(ask(alice.authorized("GET", "/")).await.status, 503);
    }
    assert_eq!(site.visits().len(), 1, "only the one before");
    redis.restart();
    let server = site.server.as_ref().expect("a server").client();
    let deadline = Instant::now() + PATIENCE;
    while server.login("alice", PASSWORD).await.status != 200 {
        assert!(Instant::now() < deadline, "no sign-in after the outage");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    comes_to(200, &site.alice().await).await;
}

/// Asks until the answer is `status`; until then nobody gets through.
async fn comes_to(status: u16, actor: &Actor) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask(actor.authorized("GET", "/")).await;
        if answer.status == status {
            return;
        }
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(Instant::now() < deadline, "it never comes to {status}: {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
