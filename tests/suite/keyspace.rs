//! A part of a real Redis that belongs to one test: everything under a random prefix. Its time can be
//! moved, and when it is given back, no key may be left that has no end.

use std::{sync::Arc, thread, time::Duration};

use ::redis::Connection;
use keyward::{
    domain::{
        clock::{Clock, ManualClock},
        ids::TokenId,
        limits::Lifetimes,
    },
    store::{
        redis::{
            Keeping, RedisStore,
            feed::Feed,
            keys::RefreshKeys,
            target::{Mode, RedisTarget},
        },
        revocations::RevocationSet,
    },
};

use crate::{
    backends::eventually,
    servers::{redis, redis_sets},
};

/// How much earlier than by the test's clock a key may end: the real time a test takes.
pub const SLACK: Duration = Duration::from_secs(3);

/// What is under one prefix.
pub struct Keyspace {
    pub prefix: String,
    urls: Vec<String>,
    mode: Mode,
    /// Those that hold keys.
    servers: Vec<String>,
}

/// One node's store and what it needs to run.
pub struct RedisNode {
    pub store: Arc<RedisStore>,
    pub set: Arc<RevocationSet>,
    pub feed: Feed,
}

impl Keyspace {
    /// Of the single server that all tests share.
    pub fn single() -> Self {
        Self::of(vec![redis::shared().url()], Mode::Single)
    }

    /// Of the cluster that all tests share.
    pub fn cluster() -> Self {
        Self::of(redis_sets::shared_cluster().urls(), Mode::Cluster)
    }

    /// Of any set-up; with sentinels nothing is known of its keys.
    pub fn of(urls: Vec<String>, mode: Mode) -> Self {
        let servers = if matches!(mode, Mode::Sentinel { .. }) { Vec::new() } else { urls.clone() };
        Self { prefix: format!("{}:", TokenId::random()), urls, mode, servers }
    }

    pub fn target(&self) -> RedisTarget {
        RedisTarget::parse(&self.urls, self.mode.clone(), None, &self.prefix).expect("a target")
    }

    /// A store with the contract's defaults and its feed, once it follows.
    pub async fn open(&self, lifetimes: Lifetimes, clock: &Arc<ManualClock>) -> RedisNode {
        let keeping = Keeping { lifetimes, refresh_keys: RefreshKeys::Hashed, wait_for_replicas: 0 };
        self.open_with(keeping, clock.clone()).await
    }

    pub async fn open_with(&self, keeping: Keeping, clock: Arc<dyn Clock>) -> RedisNode {
        let set = Arc::new(RevocationSet::default());
        let store =
            RedisStore::connect(&self.target(), keeping, set.clone(), clock).await.expect("connected");
        let feed = store.follow();
        eventually("the feed follows", || set.is_following()).await;
        RedisNode { store: Arc::new(store), set, feed }
    }

    /// Every key with its remaining life in ms.
    pub fn keys(&self) -> Vec<(String, i64)> {
        self.servers.iter().flat_map(|url| keys(&mut connect(url), &self.prefix)).collect()
    }

    /// Lets the time of every key pass.
    pub async fn elapse(&self, span: Duration) {
        let (servers, prefix) = (self.servers.clone(), self.prefix.clone());
        let move_all = move || servers.iter().for_each(|url| hasten(&mut connect(url), &prefix, span));
        tokio::task::spawn_blocking(move_all).await.expect("no panic");
    }

    /// No key is left that has no end.
    pub fn assert_all_expire(&self) {
        let immortal: Vec<_> = self.keys().into_iter().filter(|(_, left)| *left == -1).collect();
        assert!(immortal.is_empty(), "without expiry: {immortal:?}");
    }
}

impl Drop for Keyspace {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.assert_all_expire();
            for url in &self.servers {
                let mut server = connect(url);
                for (name, _) in keys(&mut server, &self.prefix) {
                    ::redis::cmd("DEL").arg(name).query::<()>(&mut server).expect("an answer");
                }
            }
        }
    }
}

fn connect(url: &str) -> Connection {
    ::redis::Client::open(url).and_then(|client| client.get_connection()).expect("a connection")
}

fn keys(server: &mut Connection, prefix: &str) -> Vec<(String, i64)> {
    let (mut cursor, mut found) = (0_u64, Vec::new());
    loop {
        let mut scan = ::redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{prefix}*")).arg("COUNT").arg(10_000);
        let (next, names): (u64, Vec<String>) = scan.query(server).expect("an answer");
        for name in names {
            let left: i64 = ::redis::cmd("PTTL").arg(&name).query(server).expect("an answer");
            // One that has just expired is none.
            found.extend((left != -2).then_some((name, left)));
        }
        cursor = next;
        if cursor == 0 {
            return found;
        }
    }
}

fn hasten(server: &mut Connection, prefix: &str, span: Duration) {
    let span = i64::try_from(span.as_millis()).expect("a span");
    for (name, left) in keys(server, prefix).into_iter().filter(|(_, left)| *left >= 0) {
        let mut expire = ::redis::cmd("PEXPIRE");
        expire.arg(name).arg((left - span).max(0)).query::<()>(server).expect("an answer");
    }
}
