//! Several nodes of one server, and waiting for what becomes of them.

use std::time::{Duration, Instant};

use super::{
    actor::Answer,
    install::{Install, PATIENCE, Server},
};
use crate::support::servers::{postgres, redis};

/// A node with accounts in a database and sessions in Redis; further ones are beside it.
pub fn node(redis: &redis::Server, database: &str) -> Install {
    Install::new().with("REDIS_URL", redis.url()).with("DATABASE_URL", database)
}

/// Another process of the same service on the same SQLite file.
pub fn beside(first: &Install) -> Install {
    Install::new()
        .with("KEYWARD_STORAGE_DATA_DIR", first.path("data").display())
        .with("KEYWARD_KEYS_DIR", first.path("keys").display())
        .with("KEYWARD_SERVER_PUBLIC_URL", format!("http://{}", first.listen))
}

/// Another node of the same service: it shares the stores, the keys and the public address.
pub fn second_node(first: &Install, redis: &redis::Server, database: &str) -> Install {
    node(redis, database)
        .with("KEYWARD_KEYS_DIR", first.path("keys").display())
        .with("KEYWARD_SERVER_PUBLIC_URL", format!("http://{}", first.listen))
}

/// Two nodes on a Redis and a database of their own.
pub struct TwoNodes {
    /// Where commands are run.
    pub install: Install,
    pub one: Server,
    pub two: Server,
    _beside: Install,
    _redis: redis::Server,
}

impl TwoNodes {
    /// Starts them with the user alice, and with what `set` sets on both.
    pub async fn with_alice(password: &str, set: impl Fn(Install) -> Install) -> Self {
        let redis = redis::Server::start(&[]);
        let database = postgres::database();
        let install = set(node(&redis, &database));
        install.add_user("alice", password, &[]);
        let beside = set(second_node(&install, &redis, &database));
        let (one, two) = (install.start().await, beside.start().await);
        Self { install, one, two, _beside: beside, _redis: redis }
    }
}

/// Asks until the answer is `status`.
pub async fn comes_to(status: u16, ask: impl AsyncFn() -> Answer) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if answer.status == status {
            return answer;
        }
        assert!(Instant::now() < deadline, "it never comes to {status}: {answer:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
