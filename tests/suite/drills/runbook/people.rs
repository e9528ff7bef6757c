//! People who cannot sign in, and those who attack them.

use serde_json::Value;

use super::{PASSWORD, USER, does, says};
use crate::support::outside::{
    install::{Install, wait_for},
    nodes::comes_to,
};

fn events(install: &Install, kind: &str) -> Vec<Value> {
    let said = install.good(&["audit", "--kind", kind, "--json"]);
    serde_json::from_str(&said).expect("an array")
}

/// What failed is told a moment later.
fn told(install: &Install, kind: &str, times: u64) {
    let count = || events(install, kind).iter().filter_map(|event| event["count"].as_u64()).sum::<u64>();
    wait_for(|| (count() >= times).then_some(())).expect("they are told");
}

#[tokio::test]
async fn somebody_who_is_locked_out_is_let_in() {
    let install = Install::new();
    install.add_user(USER, PASSWORD, &[]);
    let server = install.start().await;
    let client = server.client();
    for _ in 0..10 {
        client.login(USER, "something else").await.problem(401, "invalid_credentials");
    }
    client.login(USER, PASSWORD).await.problem(429, "too_many_attempts");
    told(&install, "sign_in_failed", 11);
    told(&install, "locked_out", 1);
    let said = does(&install, "cannot sign in: why, and let in who is locked out", &[("NAME", USER)]);
    says(&said, &["active", "wrong_password", "locked_out", "127.0.0.1", "alice can sign in again"]);
    assert_eq!(client.signed_in(USER, PASSWORD).await.check().await.status, 200);
}

#[tokio::test]
async fn who_guesses_is_found_by_address() {
    let install = Install::new().with("KEYWARD_SERVER_TRUSTED_PROXIES", "127.0.0.1");
    install.add_user(USER, PASSWORD, &[]);
    let server = install.start().await;
    let from = async |address: &str, name: &str, password: &str| {
        let body = serde_json::json!({ "username": name, "password": password });
        let request = server.client().request("POST", "/v1/login").header("x-forwarded-for", address);
        crate::support::outside::actor::send(request.json(&body)).await.status
    };
    for guess in 0..6 {
        let name = if guess % 2 == 0 { USER.to_owned() } else { format!("nobody{guess}") };
        assert_eq!(from("192.0.2.66", &name, "a guess").await, 401);
    }
    assert_eq!(from("192.0.2.7", USER, "a slip").await, 401);
    assert_eq!(from("192.0.2.66", USER, PASSWORD).await, 200);
    told(&install, "sign_in_failed", 7);
    let title = "somebody guesses: from which addresses, how often, and who signed in from there";
    let said = does(&install, title, &[]);
    assert!(said.starts_with("6 192.0.2.66\n1 192.0.2.7\n"), "{said}");
    let inside: Vec<&str> = said.lines().filter(|line| line.contains("signed_in")).collect();
    assert!(inside.len() == 1 && inside[0].contains(USER) && inside[0].contains("192.0.2.66"), "{said}");
}

#[tokio::test]
async fn whose_token_was_stolen_is_found_and_their_sessions_end() {
    let install = Install::new().with("KEYWARD_TOKENS_REUSE_GRACE", 0);
    install.add_user(USER, PASSWORD, &[]);
    let server = install.start().await;
    let alice = server.client().signed_in(USER, PASSWORD).await;
    let elsewhere = server.client().signed_in(USER, PASSWORD).await;
    let newer = alice.refreshed().await;
    assert_eq!(newer.check().await.status, 200);
    assert_eq!(alice.refreshes().await.status, 401, "a copy of the old token");
    comes_to(401, async || newer.check().await).await;
    assert_eq!(elsewhere.check().await.status, 200);
    let said = does(&install, "a token was stolen: whose, and all of theirs ended", &[("NAME", USER)]);
    says(&said, &["refresh_reused", USER, &alice.session, "1 sessions of alice are ended"]);
    comes_to(401, async || elsewhere.check().await).await;
    let ended = install.good(&["audit", "--session", &alice.session]);
    says(&ended, &["signed_out", "reuse_detected"]);
}
