//! What an operator changes from the command line beside a running server: roles, apps, and what they mean
//! to those who are signed in (contract 1 and 2.4).

use std::time::Instant;

use serde_json::{Value, json};

use super::{
    actor::{Actor, Answer, send},
    app_server::AppServer,
    install::{Install, PATIENCE, Server},
};

const PASSWORD: &str = "correct horse battery";

async fn start(more: &[&str]) -> (Install, Server) {
    let install = Install::new();
    install.add_user("alice", PASSWORD, more);
    let server = install.start().await;
    (install, server)
}

fn object(install: &Install, arguments: &[&str]) -> Value {
    serde_json::from_str(&install.good(&[arguments, &["--json"]].concat())).expect("JSON")
}

/// Asks until the check refuses; another process' news takes a moment.
async fn refused(actor: &Actor) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = actor.check().await;
        if answer.status != 200 {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "it passes for ever");
    }
}

#[tokio::test]
async fn a_role_that_is_taken_away_is_401_token_outdated_and_a_refresh_brings_the_roles_of_now() {
    let (install, server) = start(&["--role", "editor"]).await;
    let shop = AppServer::register(&install, &server, "shop");
    let alice = server.client().signed_in("alice", PASSWORD).await;
    assert_eq!(alice.check_at("/v1/check?role=editor").await.status, 200);
    let user = object(&install, &["user", "role", "alice", "--remove", "editor", "--add", "reader"]);
    assert_eq!(user["roles"], json!(["reader"]));

    // Whether the server has heard of it by then or not.
    let renewed = alice.refreshed().await;
    refused(&alice).await.refused(401, "token_outdated");
    let me = alice.get("/v1/me").await;
    me.problem(401, "token_outdated");
    assert!(me.header("www-authenticate").contains("invalid_token"), "{me:?}");
    let asked = shop.request("POST", "/oauth/introspect").body(format!("token={}", alice.access));
    let asked = asked.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send(asked).await.json(), json!({ "active": false }));
    for _ in 0..50 {
        let answer = renewed.check_at("/v1/check?role=reader").await;
        assert_eq!((answer.status, answer.header("x-auth-roles")), (200, "reader"));
    }
    renewed.check_at("/v1/check?role=editor").await.refused(403, "insufficient_role");
    assert_eq!(renewed.session, alice.session, "no session ends by it");
    assert_eq!(alice.logout().await.status, 204, "an outdated token still signs out");
}

#[tokio::test]
async fn each_command_tells_a_program_what_came_of_it() {
    let (install, server) = start(&["--email", "alice@example.com"]).await;
    let shown = object(&install, &["user", "show", "ALICE"]);
    assert_eq!((&shown["email"], &shown["email_verified"]), (&json!("alice@example.com"), &json!(false)));
    let told = object(&install, &["user", "email", "alice", "a@example.org", "--verified"]);
    assert_eq!((&told["email"], &told["email_verified"]), (&json!("a@example.org"), &json!(true)));
    for (text, found) in [("ALI", 1), ("A@example.org", 1), ("lice", 0), ("nobody", 0)] {
        let listed = object(&install, &["user", "list", "--search", text]);
        assert_eq!(listed.as_array().map(Vec::len), Some(found), "{text}");
    }
    assert_eq!(object(&install, &["user", "disable", "alice"])["status"], "disabled");
    assert_eq!(object(&install, &["user", "enable", "alice"])["status"], "active");

    let added = object(&install, &["app", "add", "shop", "--origin", "https://shop.example.com"]);
    assert_eq!((&added["kind"], &added["secret"]), (&json!("public"), &Value::Null));
    let changed = object(&install, &["app", "update", "shop", "--confidential", "--no-origin"]);
    assert_eq!((&changed["kind"], &changed["origins"]), (&json!("confidential"), &json!([])));
    assert_eq!((&changed["access_ttl"], &changed["audience"]), (&Value::Null, &Value::Null));
    let decided = ["app", "update", "shop", "--access-ttl", "5m", "--audience", "https://api.example.com"];
    let changed = object(&install, &decided);
    assert_eq!(
        (&changed["access_ttl"], &changed["audience"]),
        (&json!(300), &json!("https://api.example.com"))
    );
    let changed = object(&install, &["app", "update", "shop", "--no-audience"]);
    assert_eq!((&changed["access_ttl"], &changed["audience"]), (&json!(300), &Value::Null));
    let secret = object(&install, &["app", "new-secret", "shop"])["secret"].clone();
    assert!(secret.is_string() && secret != changed["secret"]);
    assert_eq!(object(&install, &["app", "show", "shop"])["name"], "shop");

    let alice = server.client().signed_in("alice", PASSWORD).await;
    let session = object(&install, &["session", "show", &alice.session]);
    assert_eq!((&session["username"], &session["app"]), (&json!("alice"), &json!("default")));
    assert_eq!(object(&install, &["session", "list"]).as_array().map(Vec::len), Some(1));
    assert_eq!(object(&install, &["session", "revoke", &alice.session]), json!({ "ended": 1 }));
    assert_eq!(object(&install, &["session", "revoke", "--app", "default"]), json!({ "ended": 0 }));
    assert_eq!(object(&install, &["session", "list"]), json!([]));
    assert_eq!(object(&install, &["app", "remove", "shop"]), json!({ "name": "shop", "ended": 0 }));
    assert!(object(&install, &["key", "rotate"])["kid"].is_string());
    assert_eq!(object(&install, &["user", "delete", "alice"])["username"], "alice");
    for (arguments, code) in [
        (&["user", "show", "alice"][..], 1),
        (&["app", "show", "shop"], 1),
        (&["app", "update", "default", "--confidential"], 1),
        (&["app", "update", "default", "--access-ttl", "25h"], 1),
        (&["app", "update", "default", "--access-ttl", "1500ms"], 1),
        (&["app", "update", "default", "--audience", "a b"], 1),
        (&["session", "show", "nosuch"], 1),
        (&["user", "role", "alice"], 2),
        (&["app", "update", "default"], 2),
    ] {
        assert_eq!(install.run(arguments).code, Some(code), "{arguments:?}");
    }
}

#[tokio::test]
async fn an_account_that_is_there_is_given_roles_by_another_command() {
    let (install, _server) = start(&[]).await;
    let add = ["user", "add", "Alice", "--role", "admin", "--password-stdin"];
    let outcome = install.run_with_input(&add, PASSWORD);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("keyward user role"), "{outcome:?}");
}

#[tokio::test]
async fn a_wrong_current_password_is_422_and_the_token_lives() {
    let (_install, server) = start(&[]).await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    let body = json!({ "current": "something else", "new": "seven words make a fine passphrase" });
    let answer = alice.post_authorized("/v1/password", &body).await;
    answer.problem(422, "wrong_password");
    assert!(!answer.headers.contains_key("www-authenticate"), "{answer:?}");
    assert_eq!(alice.check().await.status, 200);
}

#[tokio::test]
async fn nobody_signs_in_to_a_confidential_app_or_refreshes_its_tokens_without_its_secret() {
    let (install, server) = start(&[]).await;
    let shop = AppServer::register(&install, &server, "shop");
    let other = AppServer::register(&install, &server, "other");
    let client = server.client();
    for transport in ["body", "cookie", "session"] {
        let body =
            json!({ "username": "alice", "password": PASSWORD, "app": "shop", "transport": transport });
        for request in [
            client.request("POST", "/v1/login"),
            other.request("POST", "/v1/login"),
            client.request("POST", "/v1/login").basic_auth("shop", Some("wrong")),
        ] {
            let answer = send(request.json(&body)).await;
            answer.problem(401, "invalid_credentials");
            assert!(answer.header("www-authenticate").starts_with("Basic "), "{answer:?}");
        }
    }
    let body = json!({ "username": "alice", "password": PASSWORD, "app": "shop" });
    let alice = client.with_tokens(&send(shop.request("POST", "/v1/login").json(&body)).await);

    // Who has stolen the token alone; more than once, and an old one too: nothing becomes of the session.
    let refresh = |app: &AppServer| {
        let body = json!({ "refresh_token": alice.refresh });
        send(app.request("POST", "/v1/refresh").json(&body))
    };
    let in_cookie = |token: &str| {
        let cookie = format!("keyward-refresh={token}");
        let request = client.request("POST", "/v1/refresh").header("cookie", cookie);
        send(request.header("origin", &server.url))
    };
    for _ in 0..3 {
        alice.refreshes().await.problem(401, "invalid_credentials");
        refresh(&other).await.problem(401, "invalid_credentials");
        in_cookie(&alice.refresh).await.problem(401, "invalid_credentials");
    }
    let renewed = alice.with_tokens(&refresh(&shop).await);
    assert_eq!((renewed.check().await.status, renewed.session == alice.session), (200, true));

    // A public app has nothing to show.
    install.good(&["app", "update", "shop", "--public"]);
    alice.with_tokens(&renewed.refreshes().await);
}

#[tokio::test]
async fn who_failed_too_often_signs_in_once_they_are_unlocked() {
    let (install, server) = start(&[]).await;
    for _ in 0..10 {
        server.client().login("alice", "something else").await.problem(401, "invalid_credentials");
    }
    server.client().login("alice", PASSWORD).await.problem(429, "too_many_attempts");
    assert_eq!(object(&install, &["user", "unlock", "alice"])["username"], "alice");
    assert_eq!(server.client().signed_in("alice", PASSWORD).await.check().await.status, 200);
    assert_eq!(install.run(&["user", "unlock", "nobody"]).code, Some(1));
}
