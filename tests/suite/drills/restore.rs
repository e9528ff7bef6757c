//! Backup and restore, by the commands of docs/operating.md: what comes back, and that nobody who was signed out is
//! in again.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::json;

use super::steps;
use crate::support::{
    outside::{
        actor::{Actor, send},
        app_server::{AppServer, Held},
        install::{Install, Server},
        nodes::{comes_to, node},
    },
    servers::{postgres, redis},
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";
const REVOKE: &str = "keyward session revoke --all\n";

/// Runs the block of the page that begins with this comment.
fn follow(install: &Install, title: &str, instead: &dyn Fn(String) -> String) {
    steps::run(install, &instead(steps::commands("operating.md", title)), &[]);
}

fn as_it_stands(script: String) -> String {
    script
}

/// Clients that were signed in at the backup, and one that signed in after it. Since then all have signed out.
struct Gone {
    fresh: Actor,
    refreshed: Actor,
    later: Actor,
    /// A session that an app server kept here, and its token.
    shop: AppServer,
    token: String,
}

impl Gone {
    /// `backup` is made while the server runs and clients are signed in.
    async fn after(install: &Install, server: &Server, backup: impl FnOnce()) -> Self {
        let shop = AppServer::register(install, server, "shop");
        let client = server.client();
        let fresh = client.signed_in("alice", PASSWORD).await;
        let refreshed = client.signed_in("alice", PASSWORD).await.refreshed().await;
        assert_eq!(refreshed.check().await.status, 200);
        let token = shop.created(&json!({ "user": "u1", "ip": "192.0.2.1", "ttl": 3600 })).await.token;
        backup();
        let later = client.signed_in("alice", PASSWORD).await;
        for actor in [&fresh, &refreshed, &later] {
            assert_eq!(actor.logout().await.status, 204);
            actor.check().await.refused(401, "token_revoked");
        }
        let gone = Self { fresh, refreshed, later, shop, token };
        assert_eq!(send(gone.kept(&gone.shop).request("DELETE", "")).await.status, 200);
        install.add_user("carol", PASSWORD, &[]);
        gone
    }

    fn kept<'a>(&self, shop: &'a AppServer) -> Held<'a> {
        Held { app: shop, token: self.token.clone(), id: String::new() }
    }

    /// What the restore alone would do: without it the drill shows nothing.
    async fn are_back_without_more(&self, install: &Install) {
        let server = install.start().await;
        assert_eq!(self.refreshed.refreshes().await.status, 200);
        assert_eq!(self.kept(&self.shop.at(&server)).get().await.status, 200);
        server.terminate();
    }

    async fn stay_out(&self, install: &Install) {
        let server = install.start().await;
        for actor in [&self.fresh, &self.refreshed, &self.later] {
            assert_eq!(actor.check().await.status, 401);
            assert_eq!(actor.refreshes().await.status, 401);
        }
        assert_eq!(self.kept(&self.shop.at(&server)).get().await.status, 404);
        let alice = server.client().signed_in("alice", PASSWORD).await;
        assert_eq!(alice.check().await.status, 200, "and who signs in again is in");
        server.terminate();
    }
}

fn with_alice(install: &Install) {
    install.add_user("alice", PASSWORD, &["--role", "seller"]);
}

fn has_carol(install: &Install) -> bool {
    install.good(&["user", "list"]).contains("carol")
}

#[tokio::test]
async fn the_embedded_database_is_restored_and_who_had_signed_out_is_out() {
    let install = Install::new();
    with_alice(&install);
    let server = install.start().await;
    let back_up = || follow(&install, "the embedded database, backed up", &as_it_stands);
    let gone = Gone::after(&install, &server, back_up).await;
    let mode = fs::metadata(install.path("keyward-backup.db")).expect("a copy").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    // A copy is never written over.
    let again = install.run(&["backup", "keyward-backup.db"]);
    assert!(
        again.code == Some(1) && again.stderr.contains("keyward-backup.db is there already"),
        "{again:?}"
    );
    let nowhere = install.run(&["backup", "nowhere/copy.db"]);
    assert!(
        nowhere.code == Some(1) && nowhere.stderr.contains("nowhere is no folder: make it"),
        "{nowhere:?}"
    );
    let left = fs::read_dir(install.path("")).expect("a folder").flatten();
    assert!(!left.map(|file| file.file_name()).any(|name| name.to_string_lossy().ends_with(".part")));
    server.kill();

    let restore =
        |script: &dyn Fn(String) -> String| follow(&install, "the embedded database, restored", script);
    restore(&|script| script.replace(REVOKE, ""));
    gone.are_back_without_more(&install).await;
    restore(&as_it_stands);
    gone.stay_out(&install).await;
    assert!(!has_carol(&install), "accounts are as they were at the backup");
    assert!(install.good(&["user", "show", "alice"]).contains("seller"));
}

#[tokio::test]
async fn postgresql_is_restored_and_sessions_are_as_they_are_in_redis() {
    let (redis, url) = (redis::Server::start(&[]), postgres::database());
    let install = node(&redis, &url);
    with_alice(&install);
    let server = install.start().await;
    let back_up = || follow(&install, "PostgreSQL, backed up", &as_it_stands);
    let gone = Gone::after(&install, &server, back_up).await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    server.terminate();
    let refused = install.run(&["backup", "copy.db"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("pg_dump"), "{refused:?}");

    follow(&install, "PostgreSQL, restored", &as_it_stands);
    assert!(!has_carol(&install));
    let server = install.start().await;
    alice.refreshed().await;
    server.terminate();
    gone.stay_out(&install).await;
}

/// Copies a file, or a folder of files, in place of what is there.
fn replace(from: &Path, to: &Path) {
    if from.is_file() {
        fs::copy(from, to).expect("copied");
        return;
    }
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).expect("made");
    for file in fs::read_dir(from).expect("a folder") {
        let file = file.expect("a file").path();
        fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("copied");
    }
}

/// Redis is started anew from a copy of what it keeps on its disk: a file or a folder, which is whole there after
/// `save`.
async fn redis_from_a_copy(mut redis: redis::Server, kept: &str, save: impl FnOnce(&redis::Server)) {
    let folder: Vec<String> = redis.ask("CONFIG GET dir");
    let [kept, copy] = [kept, "copy"].map(|name| Path::new(&folder[1]).join(name));
    let install = node(&redis, &postgres::database());
    with_alice(&install);
    let server = install.start().await;
    let back_up = || {
        save(&redis);
        replace(&kept, &copy);
    };
    let gone = Gone::after(&install, &server, back_up).await;
    server.terminate();

    for ends_all in [false, true] {
        redis.kill();
        replace(&copy, &kept);
        redis.restart();
        if ends_all {
            install.good(&["session", "revoke", "--all"]);
            gone.stay_out(&install).await;
        } else {
            gone.are_back_without_more(&install).await;
        }
    }
}

#[tokio::test]
async fn redis_is_restored_from_an_older_copy_and_who_had_signed_out_is_out() {
    // It writes no copy by itself.
    let redis = redis::Server::start(&["--save", "", "--appendonly", "no"]);
    redis_from_a_copy(redis, "dump.rdb", |redis| redis.ask::<()>("SAVE")).await;
}

#[tokio::test]
async fn redis_is_restored_from_an_older_log_and_who_had_signed_out_is_out() {
    // Not rewritten while it is copied; each write is in it before it is answered.
    let options = ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"];
    redis_from_a_copy(redis::Server::start(&options), "appendonlydir", |_| ()).await;
}

#[tokio::test]
async fn all_sessions_are_ended_while_nodes_run() {
    let install = Install::new();
    with_alice(&install);
    let server = install.start().await;
    let clients = [
        server.client().signed_in("alice", PASSWORD).await,
        server.client().signed_in("alice", PASSWORD).await,
    ];
    let said = install.good(&["session", "revoke", "--all"]);
    assert!(said.starts_with("2 sessions are ended; a new key signs"), "{said}");
    for client in &clients {
        assert_eq!(client.refreshes().await.status, 401);
        comes_to(401, async || client.check().await).await;
    }
    server.hang_up();
    comes_to(200, async || {
        let alice = server.client().login("alice", PASSWORD).await;
        server.client().with_tokens(&alice).check().await
    })
    .await;
    assert_eq!(install.good(&["key", "list", "--json"]).matches("\"kid\"").count(), 1);
    let again: serde_json::Value =
        serde_json::from_str(&install.good(&["session", "revoke", "--all", "--json"])).expect("an object");
    assert_eq!(again["ended"].as_u64().map(|ended| ended >= 1), Some(true), "{again}");
}
