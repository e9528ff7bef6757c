//! What an operator is told to mend.

use std::sync::Arc;

use keyward::{
    domain::clock::{Clock, SystemClock},
    store::{
        redis::{Keeping, RedisStore, Times, keys::RefreshKeys, target::Mode},
        revocations::RevocationSet,
    },
};

use crate::{
    backends::{LIFETIMES, START},
    keyspace::Keyspace,
    servers::{redis::Server, redis_sets::shared_cluster},
};

async fn advice(space: &Keyspace, clock: Arc<dyn Clock>) -> Vec<String> {
    let keeping = Keeping {
        lifetimes: LIFETIMES,
        refresh_keys: RefreshKeys::Hashed,
        wait_for_replicas: 0,
        times: Times::OfServer,
    };
    let set = Arc::new(RevocationSet::default());
    let store = RedisStore::connect(&space.target(), keeping, set, clock).await.expect("connected");
    store.advice().await.expect("an answer")
}

#[tokio::test]
async fn each_mistake_is_named_and_nothing_else_is() {
    let server = Server::start(&[]);
    let space = Keyspace::of(vec![server.url()], Mode::Single);
    assert_eq!(advice(&space, Arc::new(SystemClock)).await, Vec::<String>::new());

    let port = server.port().to_string();
    let _replica = Server::start(&["--replicaof", "127.0.0.1", &port]);
    server.ask::<()>("CONFIG SET maxmemory-policy allkeys-lru");
    let stopped = keyward::domain::clock::ManualClock::at(START);
    let mut said = advice(&space, Arc::new(stopped)).await;
    while said.len() < 3 {
        // The replica is still on its way.
        said = advice(&space, Arc::new(keyward::domain::clock::ManualClock::at(START))).await;
    }
    let expected = ["maxmemory-policy is allkeys-lru", "has replicas", "clock"];
    for (line, part) in said.iter().zip(expected) {
        assert!(line.starts_with(&format!("Redis 127.0.0.1:{port}: ")) && line.contains(part), "{line}");
    }
    assert_eq!(said.len(), 3);
    server.ask::<()>("CONFIG SET min-replicas-to-write 1");
    assert_eq!(advice(&space, Arc::new(SystemClock)).await.len(), 1);
}

#[tokio::test]
async fn every_master_of_a_cluster_is_looked_at() {
    let space = Keyspace::of(shared_cluster().urls(), Mode::Cluster);
    let stopped = keyward::domain::clock::ManualClock::at(START);
    assert_eq!(advice(&space, Arc::new(stopped)).await.len(), 3);
}
