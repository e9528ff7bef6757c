//! A node that is gone, has no connections left, or cannot read its keys.

use std::fs;

use super::{PASSWORD, USER, does, logs, looks, says};
use crate::support::{
    outside::{
        ask::Ask,
        install::{Install, wait_for},
        nodes::{beside, comes_to, node, second_node},
        raw::Raw,
    },
    servers::{postgres, redis},
};

#[tokio::test]
async fn a_node_that_is_gone_takes_nobody_with_it() {
    let (redis, database) = (redis::Server::start(&[]), postgres::database());
    let install = node(&redis, &database);
    install.add_user(USER, PASSWORD, &[]);
    let second = second_node(&install, &redis, &database).start().await;
    let first = install.start().await;
    let stays = first.client().signed_in(USER, PASSWORD).await;
    let leaves = first.client().signed_in(USER, PASSWORD).await;
    first.kill();
    let title = "a node is gone: does it live, can it serve";
    let said = looks(&install, title, &[]);
    assert_eq!(said.matches("does not answer").count(), 2, "{said}");
    assert_eq!(leaves.at(&second.url).logout().await.status, 204);
    let stays = stays.at(&second.url).refreshed().await;
    assert_eq!(stays.check().await.status, 200);

    let again = install.start().await;
    assert_eq!(does(&install, title, &[]), "");
    leaves.check().await.refused(401, "token_revoked");
    assert_eq!(stays.at(&again.url).check().await.status, 200);
}

#[tokio::test]
async fn who_has_the_connections_is_shown() {
    let install = Install::new();
    let server = install.start().await;
    let open: Vec<Raw> = (0..5).map(|_| Raw::connect(&server.url)).collect();
    let count = |said: &str, name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        line.unwrap_or_else(|| panic!("{name} in {said}"))
    };
    let said = wait_for(|| {
        let title = "connections: how many there are and may be, by listener";
        let said = does(&install, title, &[("MANAGEMENT", &server.management_url)]);
        (count(&said, r#"keyward_connections{listener="public"}"#) >= 5.0).then_some(said)
    });
    let said = said.expect("they are counted");
    assert!(count(&said, r#"keyward_connections_max{listener="public"}"#) >= 16.0, "{said}");
    assert!(count(&said, "process_max_fds") > count(&said, "process_open_fds"), "{said}");
    says(&said, &["keyward_connections_refused_total 0", "keyward_connections_cut_total 0"]);
    drop(open);
}

#[tokio::test]
async fn keys_that_could_not_be_read_are_read_again() {
    let install = Install::new();
    install.add_user(USER, PASSWORD, &[]);
    let server = install.start().await;
    let alice = server.client().signed_in(USER, PASSWORD).await;
    let (keys, elsewhere) = (install.path("keys"), install.path("elsewhere"));
    fs::rename(&keys, &elsewhere).expect("moved");
    let other = beside(&install).with("KEYWARD_KEYS_DIR", elsewhere.display());
    let made = other.good(&["key", "rotate", "--json"]);
    let made: serde_json::Value = serde_json::from_str(&made).expect("an object");
    let kid = made["kid"].as_str().expect("a name");
    let title = "the keys cannot be read: why, and once more";
    let pid = server.pid().to_string();
    says(&looks(&install, title, &[("PID", &pid)]), &["keys", "missing"]);
    logs(&server, "the keys could not be read again");
    assert_eq!(alice.check().await.status, 200);
    assert_eq!(alice.refreshed().await.check().await.status, 200);

    fs::rename(&elsewhere, &keys).expect("moved back");
    looks(&install, title, &[("PID", &pid)]);
    let knows = || Ask::new("GET /.well-known/jwks.json").at(&server.url).text.contains(kid).then_some(());
    wait_for(knows).expect("the keys are read");
    comes_to(200, async || alice.check().await).await;
}
