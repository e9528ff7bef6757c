//! Redis: away, hung, slow, full, of the wrong role, without its replicas; and a Cluster that is not whole.

use std::time::Duration;

use super::stage::Stage;
use crate::support::{
    backends::eventually,
    outside::{install::Install, nodes::beside},
    proxy::Proxy,
    servers::{
        redis::{Server, free_port},
        redis_sets::Cluster,
    },
};

/// Nothing that was answered is lost with the process.
const LOGGED: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// Two nodes with accounts in one SQLite file and sessions in Redis.
async fn stage_on(url: &str, settings: &[(&str, &str)]) -> Stage {
    let with = |install: Install| {
        settings
            .iter()
            .fold(install.with("REDIS_URL", url), |install, (name, value)| install.with(name, value))
    };
    Stage::of_two(with(Install::new()), |first| with(beside(first))).await
}

#[tokio::test]
async fn redis_away() {
    let mut redis = Server::start(&LOGGED);
    let stage = stage_on(&redis.url(), &[]).await;
    redis.kill();
    stage.holds("redis_away");
    redis.restart();
    stage.is_well();
}

#[tokio::test]
async fn redis_hangs() {
    let redis = Server::start(&[]);
    let stage = stage_on(&redis.url(), &[]).await;
    let hung = redis.hang();
    stage.holds("redis_hangs");
    drop(hung);
    stage.is_well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_slow() {
    let redis = Server::start(&[]);
    let way = Proxy::to(redis.port()).await;
    let stage = stage_on(&way.url(), &[]).await;
    way.slow_down(Duration::from_secs(2));
    stage.holds("redis_slow");
    way.slow_down(Duration::ZERO);
    stage.is_well();
}

#[tokio::test]
async fn redis_full() {
    let redis = Server::start(&[]);
    let stage = stage_on(&redis.url(), &[]).await;
    redis.ask::<()>("CONFIG SET maxmemory 1");
    stage.holds("redis_full");
    redis.ask::<()>("CONFIG SET maxmemory 0");
    stage.is_well();
}

#[tokio::test]
async fn redis_disk_full() {
    let redis = Server::start(&[]);
    let stage = stage_on(&redis.url(), &[]).await;
    redis.fill_disk();
    stage.holds("redis_disk_full");
    redis.ask::<()>("CONFIG SET appendonly no");
    stage.is_well();
}

#[tokio::test]
async fn redis_read_only() {
    let redis = Server::start(&[]);
    let stage = stage_on(&redis.url(), &[]).await;
    // A replica of a master that is not there keeps what it has.
    redis.ask::<()>(&format!("REPLICAOF 127.0.0.1 {}", free_port()));
    stage.holds("redis_read_only");
    redis.ask::<()>("REPLICAOF NO ONE");
    stage.is_well();
}

#[tokio::test]
async fn redis_replicas_away() {
    let redis = Server::start(&[]);
    let replica = Server::start(&["--replicaof", "127.0.0.1", &redis.port().to_string()]);
    let follows = || replica.ask::<String>("INFO replication").contains("link_status:up");
    eventually("the replica follows", follows).await;
    let stage = stage_on(&redis.url(), &[("KEYWARD_STORAGE_REDIS_WAIT", "1")]).await;
    let hung = replica.hang();
    stage.holds("redis_replicas_away");
    drop(hung);
    stage.is_well();
}

/// Two nodes on a Cluster that loses nothing of its own, where masters are killed and come back.
async fn without_masters(drill: &str, mut cluster: Cluster, lost: usize) {
    let urls = cluster.urls().join(",");
    let stage = stage_on(&urls, &[("KEYWARD_STORAGE_REDIS_MODE", "cluster")]).await;
    for master in &mut cluster.nodes[..lost] {
        master.kill();
    }
    // Until then what the others hold is served: that depends on the name of a key.
    let is_down = |node: &Server| node.ask::<String>("CLUSTER INFO").contains("cluster_state:fail");
    eventually("the cluster is down", || cluster.nodes[lost..].iter().all(is_down)).await;
    stage.holds(drill);
    for master in &mut cluster.nodes[..lost] {
        master.restart();
    }
    stage.is_well();
}

#[tokio::test]
async fn redis_cluster_master_away() {
    without_masters("redis_cluster_master_away", Cluster::start_with(0, &LOGGED), 1).await;
}

#[tokio::test]
async fn redis_cluster_majority_away() {
    without_masters("redis_cluster_majority_away", Cluster::start_with(3, &LOGGED), 2).await;
}
