//! Contract 2.2: the check, for gateways.

use serde_json::json;

use super::{
    actor::{Actor, check},
    install::{Install, Server},
    raw::Raw,
};

const PASSWORD: &str = "correct horse battery";
const IDENTITY: [&str; 5] =
    ["x-auth-user", "x-auth-username", "x-auth-session", "x-auth-app", "x-auth-roles"];

async fn alice(install: &Install) -> (Server, Actor) {
    install.add_user("alice", PASSWORD, &["--role", "ops", "--role", "dev"]);
    let server = install.start().await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    (server, alice)
}

#[tokio::test]
async fn who_is_let_in_is_named() {
    let install = Install::new();
    let (server, alice) = alice(&install).await;
    let answer = alice.check().await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(answer.header("x-auth-user"), alice.get("/v1/me").await.json()["id"]);
    assert_eq!(answer.header("x-auth-username"), "alice");
    assert_eq!(answer.header("x-auth-session"), alice.session);
    assert_eq!(answer.header("x-auth-app"), "default");
    assert_eq!(answer.header("x-auth-roles"), "dev,ops");
    assert_eq!(answer.header("ratelimit-policy"), r#""session";q=100;w=60"#);
    assert!(answer.header("ratelimit").starts_with(r#""session";r=99;t="#), "{answer:?}");
    drop(server);
}

#[tokio::test]
async fn any_method_and_path_below_is_the_check() {
    let install = Install::new();
    let (server, alice) = alice(&install).await;
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        for path in ["/v1/check", "/v1/check/", "/v1/check/a/b%2Fc", "/v1/check//x", "/v1/check?a=b&&=&%ff"] {
            assert_eq!(check(alice.authorized(method, path)).await.status, 200, "{method} {path}");
            check(alice.request(method, path)).await.refused(401, "token_missing");
        }
    }
    let mut raw = Raw::connect(&server.url);
    raw.head("GET /v1/check/a%2Fb/../..//c?x=1", &[&format!("Authorization: Bearer {}", alice.access)]);
    assert_eq!(raw.answer().status, 200);
}

#[tokio::test]
async fn the_check_listener_has_nothing_but_the_check() {
    let install = Install::new();
    let (server, alice) = alice(&install).await;
    let gateway = alice.at(&server.check_url);
    for path in
        ["/", "/v1/check", "/healthz", "/readyz", "/metrics", "/v1/login", "/.well-known/jwks.json", "/a/b"]
    {
        assert_eq!(gateway.check_at(path).await.status, 200, "{path}");
        check(gateway.request("GET", path)).await.refused(401, "token_missing");
        check(gateway.request("POST", path)).await.refused(401, "token_missing");
    }
}

#[tokio::test]
async fn no_body_is_read() {
    let install = Install::new();
    let (server, alice) = alice(&install).await;
    let bearer = format!("Authorization: Bearer {}", alice.access);
    for announced in ["Content-Length: 5", "Content-Length: 99999999999", "Transfer-Encoding: chunked"] {
        for (credential, status) in [(bearer.as_str(), 200), ("X-Nothing: 1", 401)] {
            let mut raw = Raw::connect(&server.url);
            raw.head("POST /v1/check", &[credential, announced, "Content-Type: text/nonsense"]);
            assert_eq!(raw.answer().status, status, "{announced}");
        }
    }
    let sent = alice.authorized("POST", "/v1/check").body(vec![0; 100_000]);
    assert_eq!(check(sent).await.status, 200);
}

#[tokio::test]
async fn only_one_bearer_token_in_the_header_is_a_credential() {
    let install = Install::new();
    let (server, alice) = alice(&install).await;
    let token = &alice.access;
    let client = server.client();
    for path in ["/v1/check?access_token={}", "/v1/check?token={}", "/v1/check/{}"] {
        check(client.request("GET", &path.replace("{}", token))).await.refused(401, "token_missing");
    }
    let form =
        client.request("POST", "/v1/check").header("content-type", "application/x-www-form-urlencoded");
    check(form.body(format!("access_token={token}"))).await.refused(401, "token_missing");
    for header in [format!("bearer {token}"), format!("BEARER {token}")] {
        assert_eq!(
            check(client.request("GET", "/v1/check").header("authorization", header)).await.status,
            200
        );
    }
    for (header, code) in [
        (format!("Basic {token}"), "token_missing"),
        ("Bearer".to_owned(), "token_invalid"),
        (format!("Bearer  {token}"), "token_invalid"),
        (format!("Bearer {token} {token}"), "token_invalid"),
        (format!("Bearer {token}, Bearer {token}"), "token_invalid"),
        (format!("Bearer {token},{token}"), "token_invalid"),
        (format!("Bearer {}", alice.refresh), "token_invalid"),
        (format!("Bearer {}", "a".repeat(5000)), "token_invalid"),
        ("Bearer a.b.c".to_owned(), "token_invalid"),
    ] {
        let answer = check(client.request("GET", "/v1/check").header("authorization", &header)).await;
        answer.refused(401, code);
        assert!(!answer.text.contains(token.as_str()), "no token is repeated");
    }
    let twice = alice.authorized("GET", "/v1/check").header("authorization", format!("Bearer {token}"));
    check(twice).await.refused(401, "token_invalid");
    let bytes = client.request("GET", "/v1/check").header("authorization", &b"Bearer \xff\xfe"[..]);
    check(bytes).await.refused(401, "token_invalid");
}

#[tokio::test]
async fn the_challenge_names_an_error_only_where_a_token_came() {
    let install = Install::new();
    let (server, alice) = alice(&install).await;
    let none = check(server.client().request("GET", "/v1/check")).await;
    assert!(!none.header("www-authenticate").contains("error"), "RFC 6750 section 3.1: {none:?}");
    let bad =
        check(server.client().request("GET", "/v1/check").header("authorization", "Bearer a.b.c")).await;
    assert!(bad.header("www-authenticate").contains(r#"error="invalid_token""#), "{bad:?}");
    bad.problem(401, "token_invalid");
    assert_eq!(alice.logout().await.status, 204);
    let gone = alice.check().await;
    gone.problem_with_reason(401, "token_revoked", "logout");
    assert!(gone.header("www-authenticate").contains(r#"error="invalid_token""#), "{gone:?}");
}

#[tokio::test]
async fn roles_the_gateway_asks_for_must_be_there() {
    let install = Install::new();
    let (_server, alice) = alice(&install).await;
    for (query, status) in [
        ("?role=ops", 200),
        ("?role=dev&role=ops", 200),
        ("?x=1&role=op%73", 200),
        ("?role=admin", 403),
        ("?role=ops&role=admin", 403),
        ("?role=OPS", 403),
        ("?role=", 403),
        ("?role=dev,ops", 403),
        ("?role=%ff", 403),
    ] {
        let answer = alice.check_at(&format!("/v1/check{query}")).await;
        assert_eq!(answer.status, status, "{query}");
        if status == 403 {
            answer.refused(403, "insufficient_role");
            answer.problem(403, "insufficient_role");
        }
    }
    check(alice.request("GET", "/v1/check?role=ops")).await.refused(401, "token_missing");
}

#[tokio::test]
async fn over_the_rate_is_429_or_403_where_the_gateway_asks() {
    let install = Install::new().with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 3);
    let (server, alice) = alice(&install).await;
    for left in [2, 1, 0] {
        let answer = alice.check().await;
        assert!(answer.header("ratelimit").starts_with(&format!(r#""session";r={left};t="#)), "{answer:?}");
    }
    let over = alice.check().await;
    over.refused(429, "rate_limited");
    over.problem(429, "rate_limited");
    assert!(over.header("ratelimit").starts_with(r#""session";r=0;t="#), "{over:?}");
    let wait: u64 = over.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    alice.check_at("/v1/check?deny=403").await.refused(403, "rate_limited");
    alice.check_at("/v1/check?deny=404").await.refused(429, "rate_limited");
    let other = server.client().signed_in("alice", PASSWORD).await;
    assert_eq!(other.check().await.status, 200, "each session has a rate of its own");
    assert_eq!(alice.refreshed().await.check().await.status, 429, "a refresh does not begin it anew");
}

#[tokio::test]
async fn a_preflight_passes_only_where_the_gateway_allows_it() {
    let install = Install::new();
    let server = install.start().await;
    let client = server.client();
    let preflight = |method: &str, path: &str| {
        let request = client.request(method, path).header("origin", "https://app.example.com");
        request.header("access-control-request-method", "POST")
    };
    check(preflight("OPTIONS", "/v1/check")).await.refused(401, "token_missing");
    let passed = check(preflight("OPTIONS", "/v1/check?preflight=allow")).await;
    assert_eq!(passed.status, 200);
    for name in IDENTITY {
        assert_eq!(passed.header(name), "", "{name} is there, and empty");
    }
    check(preflight("GET", "/v1/check?preflight=allow")).await.refused(401, "token_missing");
    let reported = preflight("GET", "/v1/check?preflight=allow").header("x-forwarded-method", "OPTIONS");
    assert_eq!(check(reported).await.status, 200);
    // What a gateway appends to the path ends in its client's query.
    for (listener, path) in [(&server.url, "/v1/check/x"), (&server.check_url, "/x")] {
        let request = client.at(listener).request("OPTIONS", &format!("{path}?preflight=allow"));
        let request = request.header("origin", "https://app.example.com");
        check(request.header("access-control-request-method", "POST")).await.refused(401, "token_missing");
    }
    let no_origin = client.request("OPTIONS", "/v1/check?preflight=allow");
    check(no_origin).await.refused(401, "token_missing");
}

#[tokio::test]
async fn identity_headers_of_the_request_never_survive() {
    let install = Install::new();
    install.add_user("plain", PASSWORD, &[]);
    let server = install.start().await;
    let plain = server.client().signed_in("plain", PASSWORD).await;
    let mut request = plain.authorized("GET", "/v1/check");
    let mut anonymous = plain.request("GET", "/v1/check");
    for name in IDENTITY.iter().chain(&["x-auth-reason"]) {
        request = request.header(*name, "forged");
        anonymous = anonymous.header(*name, "forged");
    }
    let answer = check(request).await;
    for name in IDENTITY {
        assert_ne!(answer.header(name), "forged", "{name}");
    }
    assert_eq!(answer.header("x-auth-roles"), "", "empty where there is none, to overwrite a forged one");
    check(anonymous).await.refused(401, "token_missing");
}

#[tokio::test]
async fn names_outside_ascii_are_percent_encoded() {
    let install = Install::new();
    for (name, encoded) in
        [("Zoë", "Zo%C3%AB"), ("李 雷", "%E6%9D%8E%20%E9%9B%B7"), ("50%41", "50%2541"), ("a,b", "")]
    {
        install.add_user(name, PASSWORD, &[]);
        let server = install.start().await;
        let answer = server.client().signed_in(name, PASSWORD).await.check().await;
        let shown = answer.header("x-auth-username");
        assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()), "{shown}");
        let decoded = percent_encoding::percent_decode_str(shown).decode_utf8().expect("UTF-8");
        assert_eq!(decoded, name);
        assert!(encoded.is_empty() || shown == encoded, "{shown}");
        server.terminate();
    }
}

#[tokio::test]
async fn the_longest_names_and_most_roles_stay_within_the_header_bound() {
    let install = Install::new();
    let name = "李".repeat(128);
    let roles: Vec<String> = (0..16).map(|number| format!("{number:02}-{}", "r".repeat(45))).collect();
    let arguments: Vec<&str> = roles.iter().flat_map(|role| ["--role", role]).collect();
    install.add_user(&name, PASSWORD, &arguments);
    let server = install.start().await;
    // `check` holds every answer to its bound.
    let answer = server.client().signed_in(&name, PASSWORD).await.check().await;
    assert_eq!((answer.status, answer.header("x-auth-roles").len()), (200, 16 * 49 - 1));
    let one_more =
        [&["user", "add", "bob", "--password-stdin"], &arguments[..], &["--role", "one-more"]].concat();
    let refused = install.run_with_input(&one_more, PASSWORD);
    assert_ne!(refused.code, Some(0), "more roles than fit: {refused:?}");
}

#[tokio::test]
async fn a_session_that_is_over_is_refused_everywhere() {
    let install = Install::new();
    let (server, alice) = alice(&install).await;
    let second = server.client().signed_in("alice", PASSWORD).await;
    assert_eq!(second.check().await.status, 200);
    let gateway = second.at(&server.check_url);
    assert_eq!(gateway.check().await.status, 200);
    let body = json!({ "refresh_token": second.refresh });
    assert_eq!(server.client().post("/v1/logout", &body).await.status, 204);
    for actor in [&second, &gateway] {
        actor.check().await.refused(401, "token_revoked");
    }
    assert_eq!(alice.check().await.status, 200);
}
