//! Contract 5.3, step-up: who a gateway refuses for a sign-in that is too weak or too long ago proves more, and is let in
//! on every node.

use serde_json::{Value, json};

use super::{
    actor::{Actor, Answer},
    cookies::{cookie, send},
    ext_authz::{Gateway, Question},
    install::{Install, Server},
    nodes::{self, TwoNodes},
    second_factor::{code, enrol},
};
use crate::support::servers::{postgres, redis};

const PASSWORD: &str = "seven words make a fine passphrase indeed";
const PAGE: &str = "https://app.example.com";
const WEAK: &str = "insufficient_user_authentication";
const ASKS: &str = "/v1/check?acr=2&max_age=600";

async fn step_up(actor: &Actor, body: &Value) -> Answer {
    actor.post_authorized("/v1/step-up", body).await
}

/// A browser that is signed in to the app `web`, with the one cookie that it keeps.
async fn browser(server: &Server, transport: &str) -> (Answer, String) {
    let body = json!({ "username": "alice", "password": PASSWORD, "app": "web", "transport": transport });
    let request = server.client().request("POST", "/v1/login").header("origin", PAGE);
    let answer = send(request.json(&body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let kept = cookie(&answer.headers).expect("a cookie").split(';').next().expect("a pair").to_owned();
    (answer, kept)
}

#[tokio::test]
async fn a_gateway_refuses_a_step_up_follows_and_both_nodes_let_in() {
    let nodes = TwoNodes::with_alice(PASSWORD, |install| install).await;
    let alice = nodes.one.client().signed_in("alice", PASSWORD).await;
    let (app, codes) = enrol(&alice).await;
    let mut gateways = [Gateway::of(&nodes.one).await, Gateway::of(&nodes.two).await];
    let urls = [&nodes.one.url, &nodes.two.url];
    let asks = |actor| Question::of(actor).extension("acr", "2").extension("max_age", "600");
    for (gateway, url) in gateways.iter_mut().zip(urls) {
        gateway.ask(asks(&alice)).await.refused(401, WEAK);
        alice.at(url).check_at(ASKS).await.refused(401, WEAK);
    }

    let there = alice.at(&nodes.two.url);
    let body = json!({ "totp": code(&app, 1) });
    let answer = step_up(&there, &body).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
    let said = answer.json();
    assert_eq!((&said["session_id"], &said["token_type"]), (&json!(alice.session), &json!("Bearer")));
    assert_eq!((&said["acr"], &said["amr"]), (&json!("2"), &json!(["pwd", "otp", "mfa"])));
    assert!(said["refresh_token"].is_null(), "the one there is stays: {said}");

    let strong = alice.with_access(said["access_token"].as_str().expect("a token"));
    // By the refresh token of the sign-in: where this answer was lost, it brings the same.
    let refreshed = alice.refreshed().await;
    for (gateway, url) in gateways.iter_mut().zip(urls) {
        for actor in [&strong, &refreshed] {
            gateway.ask(asks(actor)).await.let_in();
            assert_eq!(actor.at(url).check_at(ASKS).await.status, 200);
        }
        assert_eq!(alice.at(url).check().await.status, 200, "the token of before says what was true");
        alice.at(url).check_at(ASKS).await.refused(401, WEAK);
    }

    let asked = alice.login("alice", PASSWORD).await.problem(403, "mfa_required");
    let replay = json!({ "mfa_token": asked["mfa_token"], "totp": body["totp"] });
    alice.post("/v1/login/answer", &replay).await.problem(422, "wrong_code");
    step_up(&strong, &json!({ "password": PASSWORD, "recovery_code": codes[0] })).await.json();
    let elsewhere = json!({ "mfa_token": asked["mfa_token"], "recovery_code": codes[1] });
    let elsewhere = alice.with_tokens(&alice.post("/v1/login/answer", &elsewhere).await);
    step_up(&elsewhere, &json!({ "recovery_code": codes[0] })).await.problem(422, "wrong_code");
    step_up(&there, &json!({ "password": "not the password at all" })).await.problem(422, "wrong_password");
}

/// A stranger's page has the browser send its cookie along, and guesses, or uses what it has seen.
#[tokio::test]
async fn a_session_by_cookie_is_stepped_up_from_its_own_pages_alone() {
    let install = Install::new();
    install.good(&["app", "add", "web", "--origin", PAGE]);
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let (_, kept) = browser(&server, "session").await;
    let (_, codes) = enrol(&server.client().signed_in("alice", PASSWORD).await).await;
    let steps_up = async |origin: Option<&str>, body: &Value| {
        let request = server.client().request("POST", "/v1/step-up").header("cookie", &kept).json(body);
        send(if let Some(origin) = origin { request.header("origin", origin) } else { request }).await
    };
    let check = async || send(server.client().request("GET", ASKS).header("cookie", &kept)).await;
    check().await.refused(401, WEAK);
    let body = json!({ "recovery_code": codes[0] });
    for origin in [Some("https://evil.example.com"), Some("null"), None] {
        let refused = steps_up(origin, &body).await;
        refused.problem(403, "cross_site");
        assert!(!refused.headers.contains_key("access-control-allow-origin"), "{refused:?}");
    }
    check().await.refused(401, WEAK);

    let answer = steps_up(Some(PAGE), &body).await;
    assert_eq!(answer.status, 200, "no code was spent from elsewhere: {answer:?}");
    assert_eq!(cookie(&answer.headers), None, "it stays as it is");
    let said = answer.json();
    assert_eq!((&said["acr"], &said["access_token"]), (&json!("2"), &Value::Null));
    assert!(said["session_expires_in"].as_u64().is_some_and(|secs| secs > 600_000), "{said}");
    assert_eq!(check().await.status, 200, "the cookie says it at once");
}

#[tokio::test]
async fn a_session_of_the_transport_cookie_keeps_its_refresh_cookie() {
    let install = Install::new();
    install.good(&["app", "add", "web", "--origin", PAGE]);
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let (signed_in, kept) = browser(&server, "cookie").await;
    let (_, codes) = enrol(&server.client().signed_in("alice", PASSWORD).await).await;
    let body = json!({ "recovery_code": codes[0] });
    let by_refresh_cookie = server.client().request("POST", "/v1/step-up").header("cookie", &kept);
    send(by_refresh_cookie.header("origin", PAGE).json(&body)).await.problem(401, "token_missing");

    let access = signed_in.json()["access_token"].as_str().expect("a token").to_owned();
    let alice = server.client().with_access(&access);
    let request = alice.authorized("POST", "/v1/step-up").header("cookie", &kept).header("origin", PAGE);
    let answer = send(request.json(&body)).await;
    assert_eq!((answer.status, cookie(&answer.headers)), (200, None), "{answer:?}");
    let strong = alice.with_access(answer.json()["access_token"].as_str().expect("a token"));
    assert_eq!(strong.check_at(ASKS).await.status, 200);
    let refresh = server.client().request("POST", "/v1/refresh").header("cookie", &kept);
    let refreshed = send(refresh.header("origin", PAGE)).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    let access = refreshed.json()["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(server.client().with_access(&access).check_at(ASKS).await.status, 200);
}

#[tokio::test]
async fn what_is_no_step_up_says_what_it_would_take() {
    let install = Install::new();
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    for (body, detail) in [
        (json!({}), "password, totp, recovery_code or passkey is expected"),
        (
            json!({ "totp": "123456", "recovery_code": "x" }),
            "one of totp, recovery_code and passkey is expected",
        ),
        (json!({ "totp": "12345" }), "totp: takes a code of six digits"),
        (json!({ "password": 1 }), "password: takes a string"),
        (json!({ "totp": "123456" }), "totp, recovery_code, passkey: the account has none"),
        (
            json!({ "password": PASSWORD, "totp": "123456" }),
            "totp, recovery_code, passkey: the account has none",
        ),
    ] {
        assert_eq!(step_up(&alice, &body).await.problem(400, "invalid_request")["detail"], detail);
    }
    let body = json!({ "password": PASSWORD });
    server.client().post("/v1/step-up", &body).await.problem(401, "token_missing");
    step_up(&alice.with_access("x.y.z"), &body).await.problem(401, "token_invalid");
    // A refresh token is no proof of who asks.
    step_up(&alice.with_access(&alice.refresh), &body).await.problem(401, "token_invalid");
    assert_eq!(step_up(&alice, &body).await.status, 200);
    assert_eq!(alice.logout().await.status, 204);
    step_up(&alice, &body).await.problem_with_reason(401, "token_revoked", "logout");

    let events = install.good(&["audit", "--user", "alice", "--kind", "stepped_up", "--json"]);
    assert_eq!(events.lines().count(), 1, "{events}");
    assert!(events.contains(r#""detail":"password""#) && events.contains(&alice.session), "{events}");
}

#[tokio::test]
async fn a_step_up_while_the_store_is_away_is_no_401() {
    let mut redis = redis::Server::start(&[]);
    let install = nodes::node(&redis, &postgres::database());
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    redis.kill();
    let away = step_up(&alice, &json!({ "password": PASSWORD })).await;
    away.problem(503, "store_unavailable");
    assert!(!away.header("retry-after").is_empty());
}
