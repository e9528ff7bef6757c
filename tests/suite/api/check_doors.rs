//! Contract 2.2: what a client says of itself, and what cannot be read, opens nothing at the check.

use reqwest::{RequestBuilder, header::HeaderValue};
use serde_json::json;

use super::{
    actor::{Actor, check},
    cookies,
    install::Install,
};
use crate::support::servers::redis;

const PASSWORD: &str = "correct horse battery";
const PREFLIGHT: &str = "/v1/check?preflight=allow";
/// Beside the method itself: what nobody can take for one, and what is more than one.
const UNREADABLE: [&[&[u8]]; 7] = [
    &[b""],
    &[b"G T"],
    &[b"\xff"],
    &[b"OPTIONS, OPTIONS"],
    &[b"GET", b"GET"],
    &[b"OPTIONS", b"OPTIONS"],
    &[b"("],
];

fn preflight(client: &Actor, method: &str, path: &str) -> RequestBuilder {
    let request = client.request(method, path).header("origin", "https://app.example.com");
    request.header("access-control-request-method", "POST")
}

fn reporting(request: RequestBuilder, methods: &[&[u8]]) -> RequestBuilder {
    methods.iter().fold(request, |request, method| {
        request.header("x-forwarded-method", HeaderValue::from_bytes(method).expect("a value"))
    })
}

#[tokio::test]
async fn only_an_options_or_a_get_that_reports_one_is_a_preflight() {
    let install = Install::new();
    let server = install.start().await;
    let client = server.client();
    for (method, reported) in [("OPTIONS", &[][..]), ("OPTIONS", &[&b"OPTIONS"[..]]), ("GET", &[b"OPTIONS"])]
    {
        let asked = reporting(preflight(&client, method, PREFLIGHT), reported);
        assert_eq!(check(asked).await.status, 200, "{method} {reported:?}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "PROPFIND", "options", "get"] {
        for reported in [&[][..], &[&b"OPTIONS"[..]]] {
            let asked = reporting(preflight(&client, method, PREFLIGHT), reported);
            check(asked).await.refused(401, "token_missing");
        }
    }
    let others: [&[&[u8]]; 4] = [&[b"GET"], &[b"POST"], &[b"options"], &[b"OPTIONS", b"POST"]];
    for reported in UNREADABLE.iter().chain(&others) {
        for method in ["GET", "OPTIONS"] {
            let asked = reporting(preflight(&client, method, PREFLIGHT), reported);
            check(asked).await.refused(401, "token_missing");
        }
    }
}

#[tokio::test]
async fn a_method_that_cannot_be_read_counts_as_one_that_changes_state() {
    let install = Install::new();
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let body = json!({ "username": "alice", "password": PASSWORD, "transport": "session" });
    let login = cookies::send(server.client().request("POST", "/v1/login").json(&body)).await;
    let cookie = cookies::cookie(&login.headers).expect("a cookie");
    let pair = cookie.split(';').next().expect("a pair");
    let client = server.client();
    let ask = |method: &str, reported: &[&[u8]]| {
        reporting(client.request(method, "/v1/check").header("cookie", pair), reported)
    };
    for reported in [&[][..], &[&b"GET"[..]], &[b"HEAD"], &[b"OPTIONS"]] {
        assert_eq!(check(ask("GET", reported)).await.status, 200, "{reported:?}");
    }
    let small: &[&[u8]] = &[b"get"];
    for reported in UNREADABLE.iter().chain([&small]) {
        check(ask("GET", reported)).await.refused(403, "cross_site");
        check(ask("GET", reported).header("origin", "https://evil.example.com"))
            .await
            .refused(403, "cross_site");
        let own = ask("GET", reported).header("origin", &server.url);
        assert_eq!(check(own).await.status, 200, "{reported:?}");
    }
    check(ask("get", &[])).await.refused(403, "cross_site");
}

/// On the listener for gateways that append the client's path, a path of exactly `/v1/check` may be the
/// client's: it can ask for more, never for less.
#[tokio::test]
async fn on_the_check_listener_a_path_opens_nothing() {
    let install = Install::new();
    install.add_user("alice", PASSWORD, &["--role", "ops"]);
    let server = install.start().await;
    let gateway = server.client().at(&server.check_url);
    for (method, reported) in [("OPTIONS", &[][..]), ("GET", &[&b"OPTIONS"[..]])] {
        let asked = reporting(preflight(&gateway, method, PREFLIGHT), reported);
        check(asked).await.refused(401, "token_missing");
    }
    let alice = server.client().signed_in("alice", PASSWORD).await.at(&server.check_url);
    assert_eq!(alice.check_at("/v1/check?role=ops").await.status, 200);
    alice.check_at("/v1/check?role=admin").await.refused(403, "insufficient_role");
    for path in ["/v1/check/?role=admin", "/v1/check/v1/check?role=admin", "/?role=admin", "/a?role=admin"] {
        assert_eq!(alice.check_at(path).await.status, 200, "{path}: the query is the client's");
    }
}

#[tokio::test]
async fn a_parameter_that_cannot_be_read_opens_nothing() {
    let install = Install::new();
    install.add_user("alice", PASSWORD, &["--role", "ops"]);
    let server = install.start().await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    for query in [
        "role",
        "role&x=1",
        "x&role",
        "role=ops&role",
        "role&role=ops",
        "%72ole=admin",
        "rol%65",
        "role=ops=",
    ] {
        alice.check_at(&format!("/v1/check?{query}")).await.refused(403, "insufficient_role");
        let client = server.client().request("GET", &format!("/v1/check?{query}"));
        check(client).await.refused(401, "token_missing");
    }
    for word in
        ["preflight", "preflight=", "preflight=1", "preflight=ALLOW", "preflight=allow,", "Preflight=allow"]
    {
        let asked = preflight(&server.client(), "OPTIONS", &format!("/v1/check?{word}"));
        check(asked).await.refused(401, "token_missing");
    }
    for word in ["deny", "deny=", "deny=200", "deny=404", "deny=403x"] {
        assert_eq!(alice.check_at(&format!("/v1/check?{word}")).await.status, 200);
        check(server.client().request("GET", &format!("/v1/check?{word}")))
            .await
            .refused(401, "token_missing");
    }
}

#[tokio::test]
async fn a_sign_in_that_no_session_can_show_is_refused() {
    let install = Install::new();
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    assert_eq!(alice.check_at("/v1/check?acr=1").await.status, 200, "every sign-in has one factor");
    for query in ["acr=2", "acr=3", "acr", "acr=", "acr=x", "acr=1&acr=2", "max_age", "max_age=x", "%61cr=2"]
    {
        let answer = alice.check_at(&format!("/v1/check?{query}")).await;
        answer.refused(401, "insufficient_user_authentication");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{challenge}");
        answer.problem(401, "insufficient_user_authentication");
    }
    check(server.client().request("GET", "/v1/check?acr=2")).await.refused(401, "token_missing");
    alice.check_at("/v1/check?acr=2&role=admin").await.refused(403, "insufficient_role");
}

/// Every outcome by every method: `check` looks at what each answer must have, a cookie above all.
#[tokio::test]
async fn every_answer_is_one_of_five_whatever_the_method() {
    let mut store = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", store.url()).with("KEYWARD_OUTAGE_CHECK", "0");
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    let methods = ["GET", "HEAD", "POST", "TRACE", "OPTIONS", "PROPFIND", "get", "X"];
    for method in methods {
        for url in [&server.url, &server.check_url] {
            assert_eq!(check(alice.at(url).authorized(method, "/v1/check")).await.status, 200, "{method}");
            let asked = alice.at(url).authorized(method, "/v1/check?role=admin");
            check(asked).await.refused(403, "insufficient_role");
        }
    }
    store.kill();
    for method in methods {
        let answer = check(alice.authorized(method, "/v1/check")).await;
        answer.refused(503, "store_unavailable");
        assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|wait| wait > 0), "{answer:?}");
    }
    store.restart();
}
