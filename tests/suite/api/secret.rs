//! The secret behind refresh tokens (contract 1): made once, the same on all nodes, and never again by itself.

use std::{fs, path::Path, process::Stdio};

use rusqlite::Connection;

use keyward::{
    domain::{
        refresh_token::{RefreshSecret, RefreshToken},
        session_token::SessionToken,
    },
    keys::folder::Folder,
};
use serde_json::json;

use super::{
    actor::check,
    install::{Install, wait_for},
    nodes::{node, second_node},
};
use crate::support::servers::{postgres, redis};

/// The start fails with one line that holds all of `words`, and so does the doctor's finding on the keys.
#[track_caller]
fn fails(install: &Install, words: &[&str]) {
    let start = install.run(&["serve"]);
    assert_eq!((start.code, start.stderr.lines().count()), (Some(1), 1), "{start:?}");
    let doctor = install.run(&["doctor", "--json"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    let findings: Vec<serde_json::Value> = serde_json::from_str(&doctor.stdout).expect("an array");
    let keys = findings.iter().find(|finding| finding["part"] == "keys").expect("keys");
    assert_eq!(keys["health"], "wrong", "{keys}");
    for word in words {
        assert!(start.stderr.contains(word), "{word:?} in {start:?}");
        assert!(keys["finding"].as_str().is_some_and(|text| text.contains(word)), "{word:?} in {keys}");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("a file").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

#[tokio::test]
async fn a_lost_secret_is_not_made_again() {
    let install = Install::new();
    install.start().await.terminate();
    let secret = install.path("keys/refresh.secret");
    let text = fs::read(&secret).expect("a secret");
    fs::remove_file(&secret).expect("lost");
    fails(&install, &["keys/refresh.secret", "missing", "keyward key new-secret"]);
    assert!(!secret.exists());

    fs::rename(install.path("keys"), install.path("elsewhere")).expect("moved");
    fails(&install, &["keys/refresh.secret", "missing", "keyward key new-secret"]);
    assert!(!secret.exists());

    fs::remove_dir_all(install.path("keys")).expect("removed");
    fs::rename(install.path("elsewhere"), install.path("keys")).expect("moved back");
    fs::write(&secret, text).expect("restored");
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("closed");
    install.start().await;
}

#[tokio::test]
async fn whoever_has_the_secret_alone_can_go_on_with_nobodys_session() {
    let install = Install::new();
    let server = install.start().await;
    let admin = server.admin().await;
    let bytes = Folder::open(&install.path("keys")).and_then(|folder| folder.secret());
    let secret = RefreshSecret::new(&bytes.expect("a folder").expect("a secret"));
    let session = RefreshToken::parse(&admin.refresh, &secret).expect("genuine").session();

    let forged = RefreshToken::first(session, &secret);
    let body = json!({ "refresh_token": forged.expose() });
    server.client().post("/v1/refresh", &body).await.problem(401, "refresh_invalid");
    let cookie = format!("keyward-session={}", SessionToken::new(session, &secret).expose());
    let checked = check(server.client().request("GET", "/v1/check").header("cookie", cookie)).await;
    checked.refused(401, "token_invalid");
    assert_eq!(admin.refreshed().await.check().await.status, 200);
    wait_for(|| (server.printed().matches("a token was forged").count() == 2).then_some(()))
        .expect("two lines");
}

#[tokio::test]
async fn a_node_with_another_secret_does_not_start() {
    let redis = redis::Server::start(&[]);
    let database = postgres::database();
    let first = node(&redis, &database);
    let _running = first.start().await;
    // It has brought keys of its own.
    let other = Install::new();
    other.start().await.terminate();
    let second =
        second_node(&first, &redis, &database).with("KEYWARD_KEYS_DIR", other.path("keys").display());
    fails(&second, &["refresh.secret is not the secret that is in use", "same keys folder"]);
    second_node(&first, &redis, &database).start().await;
}

#[tokio::test]
async fn nodes_with_a_database_each_compare_their_secrets_where_they_share_a_redis() {
    let redis = redis::Server::start(&[]);
    let on_redis = || Install::new().with("REDIS_URL", redis.url());
    let first = on_redis();
    let _running = first.start().await;
    let life: i64 = redis.ask("TTL installation");
    assert!(life > 0, "no key is without an end: {life}");

    let second = on_redis();
    fails(&second, &["refresh.secret", "missing"]);
    let other = Install::new();
    other.start().await.terminate();
    let third = on_redis().with("KEYWARD_KEYS_DIR", other.path("keys").display());
    fails(&third, &["refresh.secret is not the secret that is in use", &redis.url()]);
    // The failed start has left an empty one.
    fs::remove_dir_all(second.path("keys")).expect("removed");
    copy_folder(&first.path("keys"), &second.path("keys"));
    second.start().await;
}

#[tokio::test]
async fn of_two_nodes_that_start_at_once_with_keys_of_their_own_one_serves() {
    let redis = redis::Server::start(&[]);
    let nodes = [(); 2].map(|()| Install::new().with("REDIS_URL", redis.url()));
    let mut servers = nodes.each_ref().map(|node| {
        let mut command = node.command(Path::new(env!("CARGO_BIN_EXE_keyward")));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("keyward")
    });
    let ended =
        wait_for(|| servers.iter_mut().position(|server| server.try_wait().expect("a child").is_some()));
    let loser = ended.expect("one gives up");
    let winner = 1 - loser;
    let url = format!("http://{}/readyz", nodes[winner].listen);
    let mut is_ready = false;
    for _ in 0..1000 {
        is_ready = reqwest::get(&url).await.is_ok_and(|answer| answer.status() == 200);
        if is_ready {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let alive = servers[winner].try_wait().expect("a child").is_none();
    servers[winner].kill().expect("ended");
    servers[winner].wait().expect("ended");
    let mut said = String::new();
    std::io::Read::read_to_string(&mut servers[loser].stderr.take().expect("piped"), &mut said)
        .expect("text");
    assert!(is_ready && alive && said.contains("refresh.secret"), "{said}");
}

#[tokio::test]
async fn an_installation_of_before_takes_its_secret_at_the_first_start() {
    let install = Install::new();
    let server = install.start().await;
    let admin = server.admin().await;
    server.terminate();
    let file = Connection::open(install.path("data/keyward.db")).expect("opened");
    let older = "DROP TABLE installation; DROP TABLE leases; ALTER TABLE apps DROP COLUMN policy;
        ALTER TABLE sessions DROP COLUMN nonce_hash; ALTER TABLE users DROP COLUMN locale; DROP TABLE events;
        DROP TRIGGER user_roles_of_new; DROP TRIGGER user_roles_of_changed; DROP TRIGGER user_roles_of_deleted;
        DROP TABLE user_roles; DROP INDEX users_by_status; DROP INDEX users_by_email;
        DROP TABLE once; DROP TABLE factors; DROP TABLE recovery_codes; ALTER TABLE sessions DROP COLUMN proved;
        DROP TABLE mails; DROP TABLE email_changes; DROP INDEX users_by_verified_email;
        DROP TRIGGER email_changes_of_deleted;
        ALTER TABLE sessions DROP COLUMN proved_since; ALTER TABLE sessions DROP COLUMN proved_at;
        ALTER TABLE sessions DROP COLUMN bound_to;
        DELETE FROM refinery_schema_history WHERE version >= 7";
    file.execute_batch(older).expect("made older");
    drop(file);
    let server = install.start().await;
    admin.refreshed().await;
    server.terminate();
    fs::remove_dir_all(install.path("keys")).expect("lost");
    fails(&install, &["refresh.secret", "missing"]);
}

#[tokio::test]
async fn a_new_secret_lets_the_nodes_start_and_has_everybody_sign_in_again() {
    let install = Install::new();
    let server = install.start().await;
    let (admin, password) = (server.admin().await, server.admin_password());
    server.terminate();
    fs::remove_file(install.path("keys/refresh.secret")).expect("lost");
    let said = install.good(&["key", "new-secret"]);
    assert!(said.contains("everybody signs in again"), "{said}");
    let server = install.start().await;
    admin.refreshes().await.problem(401, "refresh_invalid");
    server.client().signed_in("admin", &password).await.refreshed().await;
}
