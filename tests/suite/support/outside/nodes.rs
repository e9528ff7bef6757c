//! Several nodes of one server, and waiting for what becomes of them.

use std::time::{Duration, Instant};

use super::{
    actor::Answer,
    install::{Install, PATIENCE},
};
use crate::support::servers::redis;

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
