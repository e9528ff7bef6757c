//! Keys and secrets that are lost, or known to others.

use std::fs;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward::{domain::ids::TokenId, keys::folder::Folder};
use rstest::rstest;
use serde_json::Value;

use super::{PASSWORD, USER, does, says};
use crate::support::{
    outside::{
        install::Install,
        nodes::{comes_to, node, second_node},
    },
    servers::{postgres, redis},
};

fn part(token: &str, number: usize) -> Value {
    let text = token.split('.').nth(number).expect("a part");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
}

/// What a thief makes of a copy of the keys folder and somebody's token: one of an admin.
fn forged(install: &Install, token: &str) -> String {
    let mut keys = Folder::open(&install.path("keys")).and_then(|folder| folder.keys()).expect("keys");
    let key = keys.pop().expect("a key").key;
    let mut claims = part(token, 1);
    claims["roles"] = serde_json::json!(["admin"]);
    claims["jti"] = TokenId::random().to_string().into();
    let header = token.split('.').next().expect("a header");
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = key.sign(message.as_bytes()).expect("a signature");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn a_signing_key_that_leaked_opens_nothing_any_more() {
    let (redis, database) = (redis::Server::start(&[]), postgres::database());
    let install = node(&redis, &database);
    install.add_user(USER, PASSWORD, &[]);
    let second = second_node(&install, &redis, &database);
    let nodes = [install.start().await, second.start().await];
    let alice = nodes[0].client().signed_in(USER, PASSWORD).await;
    let thief = alice.with_access(&forged(&install, &alice.access));
    let as_admin = async |at: &str| thief.at(at).check_at("/v1/check?role=admin").await;
    for node in &nodes {
        assert_eq!(as_admin(&node.url).await.status, 200, "the key is worth something");
    }

    let header = part(&alice.access, 0);
    let kid = header["kid"].as_str().expect("a kid");
    let said = does(&install, "a signing key leaked: retire it", &[("KID", kid)]);
    says(&said, &["is deleted; running servers refuse its tokens", "key_retired", "compromised"]);
    for node in &nodes {
        does(&install, "a signing key leaked: each node", &[("PID", &node.pid().to_string())]);
        comes_to(401, async || as_admin(&node.url).await).await;
        assert!(!node.client().get("/.well-known/jwks.json").await.text.contains(kid));
    }
    assert_eq!(alice.check().await.status, 401);
    assert_eq!(alice.refreshed().await.check().await.status, 200, "nobody signs in again");
}

#[rstest]
#[case::lost(true)]
#[case::known(false)]
#[tokio::test]
async fn a_refresh_secret_that_is_lost_or_known_is_replaced(#[case] is_lost: bool) {
    let install = Install::new();
    install.add_user(USER, PASSWORD, &[]);
    let server = install.start().await;
    let alice = server.client().signed_in(USER, PASSWORD).await;
    server.terminate();
    if is_lost {
        fs::remove_file(install.path("keys/refresh.secret")).expect("lost");
        let start = install.run(&["serve"]);
        assert_eq!(start.code, Some(1), "{start:?}");
        says(&start.stderr, &["refresh.secret", "missing"]);
    }
    let said = does(&install, "refresh.secret is lost, or known: another, and nothing of before passes", &[]);
    says(&said, &["everybody signs in again", "a new key signs"]);
    let server = install.start().await;
    alice.refreshes().await.problem(401, "refresh_invalid");
    assert_eq!(alice.check().await.status, 401);
    server.client().signed_in(USER, PASSWORD).await.refreshed().await;
    assert_eq!(install.run(&["doctor"]).code, Some(0));
}

fn sealing_keys(install: &Install) -> Vec<Value> {
    serde_json::from_str(&install.good(&["key", "list", "--sealing", "--json"])).expect("an array")
}

#[rstest]
#[case::lost("sealing.secret is lost: give its key up")]
#[case::known("sealing.secret is known: another key, and no longer that one")]
#[tokio::test]
async fn a_sealing_key_that_is_lost_or_known_is_given_up(#[case] title: &str) {
    let install = Install::new();
    install.add_user(USER, PASSWORD, &[]);
    let server = install.start().await;
    let alice = server.client().signed_in(USER, PASSWORD).await;
    let keys = sealing_keys(&install);
    let id = keys[0]["id"].as_str().expect("an id");
    // It is lost where nodes do not start; who only knows of it goes on meanwhile.
    let mut running = Some(server);
    if title.contains("lost") {
        running.take().expect("it runs").terminate();
        fs::remove_file(install.path("keys/sealing.secret")).expect("lost");
        let start = install.run(&["serve"]);
        assert_eq!(start.code, Some(1), "{start:?}");
        says(&start.stderr, &["sealing.secret", id]);
    }
    says(&does(&install, title, &[("ID", id)]), &["nothing that it sealed can be opened"]);
    if running.is_none() {
        running = Some(install.start().await);
    }
    let left = sealing_keys(&install);
    assert_eq!((left.len(), &left[0]["state"]), (1, &Value::from("sealing")));
    assert_ne!(left[0]["id"], id);
    alice.refreshed().await;
    drop(running);
}
