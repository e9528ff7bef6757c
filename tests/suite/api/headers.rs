//! Contract 2: what every answer has, and how errors are told.

use serde_json::json;

use super::{
    actor::{Actor, send},
    install::Install,
    raw::Raw,
};

const ROUTES: &[(&str, &str)] = &[
    ("POST", "/v1/login"),
    ("POST", "/v1/refresh"),
    ("POST", "/v1/logout"),
    ("POST", "/v1/logout/all"),
    ("POST", "/v1/signup"),
    ("GET", "/v1/me"),
    ("POST", "/v1/password"),
    ("GET", "/v1/sessions"),
    ("DELETE", "/v1/sessions/0190a1b2-0000-7000-8000-000000000000"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
];

#[tokio::test]
async fn every_answer_carries_a_request_id() {
    let install = Install::new();
    let server = install.start().await;
    let client = server.client();
    let mut ids = Vec::new();
    for (method, path) in
        ROUTES.iter().chain(&[("GET", "/v1/check"), ("GET", "/nowhere"), ("BREW", "/v1/me")])
    {
        ids.push(send(client.request(method, path)).await.header("x-request-id").to_owned());
    }
    for path in ["/healthz", "/readyz", "/metrics", "/nowhere"] {
        ids.push(Actor::new(&server.management_url).get(path).await.header("x-request-id").to_owned());
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "each has its own");
}

#[tokio::test]
async fn a_presentable_request_id_is_kept_and_another_is_not() {
    let install = Install::new();
    let server = install.start().await;
    let client = server.client();
    for (given, kept) in [("0123-abc", true), ("with space", false), (&"x".repeat(5000), false), ("", false)]
    {
        let answer = send(client.request("GET", "/healthz").header("x-request-id", given)).await;
        assert_eq!(answer.header("x-request-id") == given, kept, "{given}");
        assert!(!answer.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_wrong_method_is_405() {
    let install = Install::new();
    let server = install.start().await;
    let client = server.client();
    for path in
        ["/", "/v1", "/v1/", "/v1/login/", "/v1/nothing", "/V1/LOGIN", "/v1/../v1/nothing", "/%00", "/v1/%ff"]
    {
        client.get(path).await.problem(404, "not_found");
    }
    for (method, path) in ROUTES {
        let wrong = if *method == "GET" { "POST" } else { "PUT" };
        let answer = send(client.request(wrong, path)).await;
        answer.problem(405, "method_not_allowed");
        assert!(answer.header("allow").contains(method), "RFC 9110 section 15.5.6: {answer:?}");
    }
    // An image tag signs nobody out.
    client.get("/v1/logout").await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn the_probes_are_on_both_listeners_and_the_metrics_on_one() {
    let install = Install::new();
    let server = install.start().await;
    let management = Actor::new(&server.management_url);
    for actor in [&server.client(), &management] {
        assert_eq!(actor.get("/healthz").await.status, 200);
        assert_eq!(actor.get("/readyz").await.status, 200);
    }
    server.client().get("/metrics").await.problem(404, "not_found");
    let metrics = management.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.text.contains("# TYPE keyward_"), "{}", metrics.text);
    management.post("/v1/login", &json!({})).await.problem(404, "not_found");
}

#[tokio::test]
async fn tokens_are_not_to_be_stored() {
    let install = Install::new();
    let server = install.start().await;
    let admin = server.client().login("admin", &server.admin_password()).await;
    assert_eq!(admin.header("cache-control"), "no-store");
    assert_eq!(admin.header("content-type"), "application/json");
    let admin = server.client().with_tokens(&admin);
    assert_eq!(admin.refreshes().await.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_wrong_content_type_is_415() {
    let install = Install::new();
    let server = install.start().await;
    let client = server.client();
    let admin = server.admin().await;
    let body =
        json!({ "username": "admin", "password": "x", "refresh_token": "x", "current": "x", "new": "x" });
    for path in ["/v1/login", "/v1/refresh", "/v1/logout", "/v1/signup", "/v1/password"] {
        for wrong in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", ""] {
            let request = admin.authorized("POST", path).header("content-type", wrong).body(body.to_string());
            send(request).await.problem(415, "unsupported_media_type");
        }
        let request = admin.authorized("POST", path).body(body.to_string());
        send(request).await.problem(415, "unsupported_media_type");
    }
    let right = client.request("POST", "/v1/login").header("content-type", "Application/JSON; charset=utf-8");
    send(right.body(body.to_string())).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_body_over_64_kib_is_413() {
    let install = Install::new();
    let server = install.start().await;
    let client = server.client();
    let body = |length: usize| {
        let text = r#"{"username":"admin","password":"wrong"}"#;
        text.to_owned() + &" ".repeat(length - text.len())
    };
    let json = || client.request("POST", "/v1/login").header("content-type", "application/json");
    send(json().body(body(64 * 1024))).await.problem(401, "invalid_credentials");
    send(json().body(body(64 * 1024 + 1))).await.problem(413, "payload_too_large");

    // Refused by what is announced, before it is sent.
    let mut raw = Raw::connect(&server.url);
    raw.head("POST /v1/login", &["Content-Type: application/json", "Content-Length: 99999999999"]);
    raw.answer().problem(413, "payload_too_large");

    // Refused by what comes, where nothing is announced.
    let mut raw = Raw::connect(&server.url);
    raw.head("POST /v1/login", &["Content-Type: application/json", "Transfer-Encoding: chunked"]);
    raw.send(format!("{:x}\r\n{}\r\n0\r\n\r\n", 64 * 1024 + 1, body(64 * 1024 + 1)));
    raw.answer().problem(413, "payload_too_large");
}

#[tokio::test]
async fn ambiguous_requests_are_refused() {
    let install = Install::new();
    let server = install.start().await;
    for lines in [
        &["Content-Length: 5", "Content-Length: 6"][..],
        &["Content-Length: 5", "Transfer-Encoding: chunked"],
        &["Content-Length: -1"],
        &["X-Folded: a\r\n b"],
    ] {
        let mut raw = Raw::connect(&server.url);
        raw.head("POST /v1/login", &[&["Content-Type: application/json"], lines].concat());
        let answer = raw.send("0\r\n\r\n").answer_or_end();
        assert!(answer.is_none_or(|answer| (400..500).contains(&answer.status)), "{lines:?}");
    }
}
