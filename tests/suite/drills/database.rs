//! The database: PostgreSQL away, hung and read-only, and a full disk below SQLite.

use serde_json::json;

use super::stage::{PASSWORD, Stage, furnish, unhurried};
use crate::support::{
    outside::{
        ask::Ask,
        disk,
        install::Install,
        nodes::{node, second_node},
    },
    servers::{postgres, redis},
};

async fn stage_on(postgres: &postgres::Server, redis: &redis::Server) -> Stage {
    let database = postgres.database();
    Stage::of_two(node(redis, &database), |first| second_node(first, redis, &database)).await
}

#[tokio::test]
async fn postgresql_away() {
    let (mut postgres, redis) = (postgres::Server::start(), redis::Server::start(&[]));
    let stage = stage_on(&postgres, &redis).await;
    postgres.kill();
    stage.holds("postgresql_away");
    let _postgres = postgres.restart();
    stage.is_well();
}

#[tokio::test]
async fn postgresql_hangs() {
    let (postgres, redis) = (postgres::Server::start(), redis::Server::start(&[]));
    let stage = stage_on(&postgres, &redis).await;
    let hung = postgres.hang();
    stage.holds("postgresql_hangs");
    drop(hung);
    stage.is_well();
}

#[tokio::test]
async fn postgresql_read_only() {
    let (postgres, redis) = (postgres::Server::start(), redis::Server::start(&[]));
    let stage = stage_on(&postgres, &redis).await;
    stage.install.add_user("bert", PASSWORD, &[]);
    postgres.be_read_only(true);
    stage.holds("postgresql_read_only");
    // Nothing of an account can be changed.
    let bert = stage.nodes[0].client().signed_in("bert", PASSWORD).await;
    let change = json!({ "current": PASSWORD, "new": "eight words make an even finer passphrase indeed" });
    let change = Ask::new("POST /v1/password").bearer(&bert.access).json(&change);
    change.at(&stage.nodes[0].url).problem(503, "store_unavailable");
    postgres.be_read_only(false);
    stage.is_well();
}

#[tokio::test]
async fn disk_full() {
    let install = unhurried(Install::new());
    let secret = furnish(&install);
    let install = install.with("KEYWARD_STORAGE_DATA_DIR", disk::FOLDER);
    let server = disk::start_on_own_disk(&install).await;
    let stage = Stage::of(install, vec![server], secret);
    disk::fill(&stage.nodes[0]);
    stage.holds("disk_full");
    disk::empty(&stage.nodes[0]);
    stage.is_well();
}
