//! The keys that seal data: made at the first start, the same on all nodes, replaced and given up by command.

use std::fs;

use rusqlite::Connection;
use serde_json::Value;

use super::install::Install;
use crate::support::servers::redis;

fn listed(install: &Install) -> Vec<Value> {
    serde_json::from_str(&install.good(&["key", "list", "--sealing", "--json"])).expect("an array")
}

fn id(key: &Value) -> &str {
    key["id"].as_str().expect("an id")
}

/// What the doctor says of the keys.
fn found(install: &Install) -> Value {
    let findings: Vec<Value> =
        serde_json::from_str(&install.run(&["doctor", "--json"]).stdout).expect("an array");
    findings.into_iter().find(|finding| finding["part"] == "keys").expect("keys")
}

/// The start and the doctor name the key and the way out.
#[track_caller]
fn lacks(install: &Install, key: &str) {
    let start = install.run(&["serve"]);
    assert_eq!((start.code, start.stderr.lines().count()), (Some(1), 1), "{start:?}");
    let found = found(install);
    assert_eq!(found["health"], "wrong", "{found}");
    let command = format!("keyward key retire --sealing {key}");
    for said in [&start.stderr, found["finding"].as_str().expect("a text")] {
        assert!(said.contains("sealing.secret") && said.contains(&command), "{said}");
    }
}

#[tokio::test]
async fn a_lost_sealing_key_is_not_made_again_until_it_is_given_up() {
    let install = Install::new();
    install.start().await.terminate();
    let keys = listed(&install);
    assert_eq!((keys.len(), &keys[0]["state"]), (1, &Value::from("sealing")));
    assert_eq!(found(&install)["health"], "good");

    fs::remove_file(install.path("keys/sealing.secret")).expect("lost");
    lacks(&install, id(&keys[0]));
    assert!(!install.path("keys/sealing.secret").exists());
    // Another one beside it does not help: what the lost one sealed is still there.
    install.good(&["key", "rotate", "--sealing"]);
    lacks(&install, id(&keys[0]));

    let said = install.good(&["key", "retire", "--sealing", id(&keys[0])]);
    assert!(said.contains("nothing that it sealed can be opened"), "{said}");
    install.start().await.terminate();
    assert_eq!(found(&install)["health"], "good");
}

#[tokio::test]
async fn a_key_is_replaced_and_retired_while_the_server_runs() {
    let install = Install::new();
    let _server = install.start().await;
    let old = listed(&install)[0].clone();
    assert!(install.good(&["key", "rotate", "--sealing"]).ends_with(" is made; it seals in 15 min.\n"));
    let keys = listed(&install);
    assert_eq!([&keys[0]["state"], &keys[1]["state"]], ["sealing", "waiting"]);

    let refused = install.run(&["key", "retire", "--sealing", id(&old)]);
    assert!(refused.code == Some(1) && refused.stderr.contains("--compromised"), "{refused:?}");
    install.good(&["key", "retire", "--sealing", "--compromised", id(&old)]);
    let left = listed(&install);
    assert_eq!((left.len(), id(&left[0]), &left[0]["state"]), (1, id(&keys[1]), &Value::from("sealing")));
    let unknown = install.run(&["key", "retire", "--sealing", id(&old)]);
    assert!(unknown.stderr.contains(&format!("there is no key \"{}\"", id(&old))), "{unknown:?}");
    let odd = install.run(&["key", "retire", "--sealing", "odd"]);
    assert!(odd.code == Some(1) && odd.stderr.contains("not a valid sealing key id"), "{odd:?}");
}

#[tokio::test]
async fn an_installation_of_before_there_were_sealing_keys_is_given_one() {
    let install = Install::new();
    install.start().await.terminate();
    fs::remove_file(install.path("keys/sealing.secret")).expect("removed");
    let file = Connection::open(install.path("data/keyward.db")).expect("opened");
    file.execute("DELETE FROM installation WHERE name = 'sealing_key'", []).expect("made older");
    drop(file);
    let found = found(&install);
    assert!(
        found["health"] == "note" && found["finding"].as_str().expect("a text").contains("sealing.secret")
    );
    install.start().await.terminate();
    assert_eq!(listed(&install).len(), 1);
}

#[tokio::test]
async fn nodes_that_share_a_redis_alone_compare_their_sealing_keys_there() {
    let redis = redis::Server::start(&[]);
    let first = Install::new().with("REDIS_URL", redis.url());
    let _running = first.start().await;
    assert!(redis.ask::<i64>("TTL installation:sealing") > 0, "no key is without an end");

    let second = Install::new().with("REDIS_URL", redis.url());
    fs::create_dir(second.path("keys")).expect("made");
    for entry in fs::read_dir(first.path("keys")).expect("a folder") {
        let path = entry.expect("a file").path();
        let name = path.file_name().expect("a name");
        if name != "sealing.secret" {
            fs::copy(&path, second.path("keys").join(name)).expect("copied");
        }
    }
    lacks(&second, id(&listed(&first)[0]));
    fs::copy(first.path("keys/sealing.secret"), second.path("keys/sealing.secret")).expect("copied");
    second.start().await;
}
