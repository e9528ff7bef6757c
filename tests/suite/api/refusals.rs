//! Sign-ins that are refused: what is answered, what the log says of them, and of whom (contract 2.1).

use std::fs;

use rusqlite::Connection;
use serde_json::json;

use super::{
    actor::{Answer, send},
    install::{Install, Server, wait_for},
};

const PASSWORD: &str = "correct horse battery";

async fn login(server: &Server, from: &str, name: &str, password: &str) -> Answer {
    let body = json!({ "username": name, "password": password });
    let request = server.client().request("POST", "/v1/login").header("x-forwarded-for", from);
    send(request.json(&body)).await
}

fn behind_a_proxy() -> Install {
    Install::new().with("KEYWARD_SERVER_TRUSTED_PROXIES", "127.0.0.0/8").with("KEYWARD_LOG_FORMAT", "json")
}

/// The lines of the log that say so of a failed sign-in.
fn lines(server: &Server, reason: &str) -> Vec<serde_json::Value> {
    let log = server.stderr();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let failures = lines.filter(|line| line["audit.kind"] == "sign_in_failed");
    failures.filter(|line| line["audit.reason"] == reason).collect()
}

#[tokio::test]
async fn the_log_says_who_was_refused_from_where_and_why_and_no_name_that_was_typed() {
    let install = behind_a_proxy().with("KEYWARD_RATE_LIMIT_LOGIN_FAILURES", 1);
    install.add_user("alice", PASSWORD, &[]);
    install.add_user("bob", PASSWORD, &[]);
    install.good(&["user", "disable", "bob"]);
    let server = install.start().await;
    let me = login(&server, "192.0.2.9", "alice", PASSWORD).await;
    let me = server.client().with_tokens(&me).get("/v1/me").await.json();
    login(&server, "192.0.2.1", "alice", "wrong").await.problem(401, "invalid_credentials");
    login(&server, "192.0.2.1", "alice", PASSWORD).await.problem(429, "too_many_attempts");
    login(&server, "192.0.2.2", "my secret in the wrong field", "x")
        .await
        .problem(401, "invalid_credentials");
    login(&server, "192.0.2.3", "bob", PASSWORD).await.problem(403, "account_disabled");
    for stranger in 10..19 {
        login(&server, &format!("192.0.2.{stranger}"), "alice", "x").await;
    }
    login(&server, "192.0.2.4", "alice", PASSWORD).await.problem(429, "too_many_attempts");
    for nobody in 0..4 {
        login(&server, "192.0.2.2", &format!("nobody{nobody}"), "x").await;
    }
    login(&server, "192.0.2.2", "admin", "x").await.problem(429, "too_many_attempts");
    for (kind, from, has_user) in [
        ("wrong_password", "192.0.2.1", true),
        ("locked_out", "192.0.2.1", true),
        ("unknown_user", "192.0.2.2", false),
        ("account_disabled", "192.0.2.3", true),
        ("account_locked_out", "192.0.2.4", true),
        ("address_locked_out", "192.0.2.2", false),
    ] {
        let line = wait_for(|| lines(&server, kind).into_iter().next());
        let line = line.unwrap_or_else(|| panic!("{kind}: {}", server.stderr()));
        assert_eq!((&line["level"], &line["client.address"]), (&json!("INFO"), &json!(from)), "{line}");
        assert_eq!(line["user.id"].is_string(), has_user, "{line}");
    }
    assert_eq!(lines(&server, "wrong_password")[0]["user.id"], me["id"]);
    assert!(!server.printed().contains("wrong field"), "{}", server.printed());
}

#[tokio::test]
async fn a_flood_of_refusals_is_a_few_lines_a_second_and_their_sum() {
    let install = behind_a_proxy().with("KEYWARD_RATE_LIMIT_LOGIN_FAILURES", 1);
    let server = install.start().await;
    login(&server, "192.0.2.1", "nobody", "x").await.problem(401, "invalid_credentials");
    for _ in 0..300 {
        login(&server, "192.0.2.1", "nobody", "x").await.problem(429, "too_many_attempts");
    }
    let told = |line: &serde_json::Value| line["audit.count"].as_u64().unwrap_or(1);
    let all = || lines(&server, "locked_out").iter().map(told).sum::<u64>() == 300;
    wait_for(|| all().then_some(())).expect("each of them is told of, if only as a number");
    let lines = lines(&server, "locked_out").len();
    assert!(lines < 150, "{lines}");
}

#[tokio::test]
async fn a_stored_hash_of_an_unknown_kind_is_a_wrong_password_and_a_line_in_the_log() {
    let install = behind_a_proxy();
    install.add_user("alice", PASSWORD, &[]);
    let md5 = "$1$3azHgidD$SrJPt7B.9rekpmwJwtON31";
    let file = fs::canonicalize(install.path("data/keyward.db")).expect("a database");
    let database = Connection::open(file).expect("opened");
    database.execute("UPDATE users SET password_hash = ?1", [md5]).expect("written");
    drop(database);
    let server = install.start().await;
    let unknown = login(&server, "192.0.2.1", "nobody", PASSWORD).await;
    let refused = login(&server, "192.0.2.1", "alice", PASSWORD).await;
    refused.problem(401, "invalid_credentials");
    assert_eq!(refused.text, unknown.text);
    let is_told = |log: &String| log.contains("a stored password hash");
    let log = wait_for(|| Some(server.stderr()).filter(is_told)).expect("a line in the log");
    let told: Vec<_> = log.lines().filter(|line| line.contains("a stored password hash")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains(r#""user.id":"#) && told[0].contains(r#""level":"ERROR""#), "{told:?}");
    assert!(!log.contains("SrJPt7B"), "{log}");
}

#[tokio::test]
async fn one_address_signs_up_only_so_often() {
    let install =
        behind_a_proxy().with("KEYWARD_ACCOUNTS_SIGNUP", "open").with("KEYWARD_RATE_LIMIT_SIGNUPS", 2);
    let server = install.start().await;
    let sign_up = |from: &str, name: &str, password: &str| {
        let body = json!({ "username": name, "password": password });
        let request = server.client().request("POST", "/v1/signup").header("x-forwarded-for", from);
        send(request.json(&body))
    };
    for _ in 0..3 {
        sign_up("192.0.2.1", "carol", "password").await.problem(422, "weak_password");
    }
    for name in ["carol", "dave"] {
        assert_eq!(sign_up("192.0.2.1", name, PASSWORD).await.status, 201, "{name}");
    }
    let refused = sign_up("192.0.2.1", "erin", PASSWORD).await;
    refused.problem(429, "too_many_attempts");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=3_600).contains(&wait), "{wait}");
    assert_eq!(sign_up("192.0.2.2", "erin", PASSWORD).await.status, 201);
}
