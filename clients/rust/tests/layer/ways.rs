//! Both ways let in whom Keyward lets in, and refuse everybody else as its check does.

use serde_json::json;

use crate::{
    app::{App, both},
    http::until,
    server::{APP, Server},
};

#[tokio::test(flavor = "multi_thread")]
async fn who_is_signed_in_is_let_in_and_known() {
    let server = Server::start(&[]).await;
    let anna = server.sign_in().await;
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        let answer = app.get("/me", &anna.token).await;
        assert_eq!(answer.status, 200, "{way}: {}", answer.text());
        let known = answer.json();
        assert_eq!(known["session"], anna.session, "{way}");
        assert_eq!(known["username"], "anna", "{way}");
        assert_eq!((&known["app"], &known["roles"]), (&json!("default"), &json!(["editor"])), "{way}");
        assert_eq!((&known["is_editor"], &known["seen"]), (&json!(true), &json!([])), "{way}");
        assert_eq!(known["user"].as_str().map(str::len), Some(36), "{way}");
        assert_eq!((&known["acr"], &known["amr"]), (&json!("1"), &json!(["pwd"])), "{way}");
        assert_eq!((&known["is_recent"], &known["expires"]), (&json!(true), &json!(true)), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_is_refused_as_the_check_refuses() {
    let server = Server::start(&[]).await;
    let anna = server.sign_in().await;
    let other = server.sign_in().await;
    server.sign_out(&other).await;
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        let missing = app.ask("GET", "/me", &[]).await;
        assert_eq!(missing.refusal(), (401, "token_missing".to_owned()), "{way}");
        assert_eq!(missing.header("www-authenticate"), r#"Bearer realm="keyward""#, "{way}");

        let good = format!("Bearer {}", anna.token);
        for twice in [vec![("authorization", &*good); 2], vec![("authorization", "Bearer a b")]] {
            let malformed = app.ask("GET", "/me", &twice).await;
            assert_eq!(malformed.refusal(), (401, "token_invalid".to_owned()), "{way}");
            assert!(malformed.header("www-authenticate").contains(r#"error="invalid_request""#), "{way}");
        }

        let mut cut = anna.token.clone();
        cut.pop();
        let invalid = app.get("/me", &cut).await;
        assert_eq!(invalid.refusal(), (401, "token_invalid".to_owned()), "{way}");
        assert!(invalid.header("www-authenticate").contains(r#"error="invalid_token""#), "{way}");

        let revoked = until("the sign-out is known", async || {
            Some(app.get("/me", &other.token).await).filter(|answer| answer.status != 200)
        });
        let revoked = revoked.await;
        assert_eq!(revoked.refusal(), (401, "token_revoked".to_owned()), "{way}");
        assert_eq!(revoked.json()["reason"], "logout", "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_told_so_that_its_client_refreshes() {
    let server = Server::start(&[("TOKENS_ACCESS_TTL", "2s")]).await;
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        let anna = server.sign_in().await;
        let expired = until("it expires", async || {
            Some(app.get("/me", &anna.token).await).filter(|answer| answer.status != 200)
        });
        assert_eq!(expired.await.refusal(), (401, "token_expired".to_owned()), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_roles_make_a_token_outdated_and_not_revoked() {
    let server = Server::start(&[]).await;
    let ways = both(&server).await;
    let anna = server.sign_in().await;
    // What is outdated is told by the second in which a token was issued.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    server.run(&["user", "role", "anna", "--remove", "editor"], "");
    for (way, keyward) in ways {
        let app = App::start(&keyward).await;
        let outdated = until("the change is known", async || {
            Some(app.get("/me", &anna.token).await).filter(|answer| answer.status != 200)
        });
        assert_eq!(outdated.await.refusal(), (401, "token_outdated".to_owned()), "{way}");
        let anna = server.sign_in().await;
        assert_eq!(app.get("/me", &anna.token).await.json()["roles"], json!([]), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_cookie_is_let_in_from_pages_of_the_app_alone() {
    let server = Server::start(&[]).await;
    let cookie = format!("theme=dark; {}", server.sign_in_by_cookie().await);
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        let known = app.ask("GET", "/me", &[("cookie", &cookie)]).await;
        assert_eq!((known.status, &known.json()["username"]), (200, &json!("anna")), "{way}");
        let own = [("cookie", &*cookie), ("origin", &server.url)];
        assert_eq!(app.ask("POST", "/me", &own).await.status, 200, "{way}");
        let foreign = [("cookie", &*cookie), ("origin", "https://evil.example.com")];
        assert_eq!(app.ask("POST", "/me", &foreign).await.refusal(), (403, "cross_site".to_owned()), "{way}");
        // The client's own word for its method is not asked.
        let forged = [foreign[0], foreign[1], ("x-forwarded-method", "GET")];
        assert_eq!(app.ask("POST", "/me", &forged).await.status, 403, "{way}");
        // Of a credential that is not good, the cookie beside it makes no better one.
        let beside = [("cookie", &*cookie), ("authorization", "Bearer a.b.c")];
        assert_eq!(
            app.ask("GET", "/me", &beside).await.refusal(),
            (401, "token_invalid".to_owned()),
            "{way}"
        );
        assert_eq!(app.ask("GET", "/admins", &[("cookie", &cookie)]).await.status, 403, "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_with_a_session_cookie_is_opened_by_pages_of_the_app_alone() {
    let server = Server::start(&[]).await;
    let cookie = server.sign_in_by_cookie().await;
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        let open = async |origin: &str| {
            let handshake = [
                ("cookie", &*cookie),
                ("origin", origin),
                ("connection", "upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ];
            app.ask("GET", "/socket", &handshake).await
        };
        let foreign = open("https://evil.example.com").await;
        assert_eq!(foreign.refusal(), (403, "cross_site".to_owned()), "{way}");
        let own = open(&server.url).await;
        assert_eq!(own.status, 101, "{way}");
        assert!(!own.headers.contains_key("cache-control"), "{way}: {own:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_somebody_is_no_caches_unless_the_app_says_so() {
    let server = Server::start(&[]).await;
    let anna = server.sign_in().await;
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        assert_eq!(app.get("/me", &anna.token).await.header("cache-control"), "no-store", "{way}");
        assert_eq!(
            app.get("/kept", &anna.token).await.header("cache-control"),
            "private, max-age=60",
            "{way}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_with_a_slash_at_its_end_is_the_same() {
    let server = Server::start(&[]).await;
    let anna = server.sign_in().await;
    let keyward = keyward_tower::Keyward::local(format!("{}/", server.url), APP, &server.secret);
    let keyward = keyward.build().expect("a way");
    keyward.ready().await;
    let app = App::start(&keyward).await;
    assert_eq!(app.get("/me", &anna.token).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let server = Server::start(&[("RATE_LIMIT_SESSION_REQUESTS", "2")]).await;
    let anna = server.sign_in().await;
    let check = keyward_tower::Keyward::check(&server.check).build().expect("a way");
    assert!(check.is_ready(), "nothing is followed, so nothing is waited for");
    let app = App::start(&check).await;
    let limited = until("the limit", async || {
        Some(app.get("/me", &anna.token).await).filter(|answer| answer.status != 200)
    });
    let limited = limited.await;
    assert_eq!(limited.refusal(), (429, "rate_limited".to_owned()));
    assert!(limited.header("ratelimit-policy").contains("q=2"), "{limited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_lets_nobody_in() {
    let server = Server::start(&[]).await;
    let anna = server.sign_in().await;
    let keyward = keyward_tower::Keyward::local(&server.url, APP, "wrong").build().expect("a way");
    let app = App::start(&keyward).await;
    for _ in 0..20 {
        assert_eq!(app.get("/me", &anna.token).await.refusal(), (503, "store_unavailable".to_owned()));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
