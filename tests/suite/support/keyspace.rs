//! A part of a real Redis that belongs to one test: everything under a random prefix. Its time can be
//! moved, and when it is given back, no key may be left that has no end.

use std::{sync::Arc, thread, time::Duration};

use super::{
    backends::eventually,
    servers::{
        redis::{self, Server},
        redis_sets,
    },
};
use ::redis::Connection;
use keyward::{
    domain::{clock::ManualClock, ids::TokenId, limits::Lifetimes},
    store::{
        error::StoreError,
        redis::{
            Keeping, RedisStore, Times,
            connection::target::{Mode, RedisTarget},
            keys::RefreshKeys,
            revocations::feed::Feed,
        },
        revoked::set::RevocationSet,
    },
};

/// How much earlier than by the test's clock a key may end: the real time a test takes.
pub const SLACK: Duration = Duration::from_secs(3);

/// `tokens.refresh_ttl`.
const WEEK: Duration = Duration::from_hours(7 * 24);

/// What is under one prefix.
pub struct Keyspace {
    pub prefix: String,
    urls: Vec<String>,
    mode: Mode,
    ca_pem: Option<Vec<u8>>,
    /// Those that hold keys, as the test itself reaches them.
    servers: Vec<String>,
    pub refresh_keys: RefreshKeys,
    pub wait_for_replicas: u32,
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
        Self {
            prefix: format!("{}:", TokenId::random()),
            urls,
            mode,
            ca_pem: None,
            servers,
            refresh_keys: RefreshKeys::Hashed,
            wait_for_replicas: 0,
        }
    }

    /// Of one server, which the store reaches by `url` and the test by a way of its own.
    pub fn behind(url: String, ca_pem: Option<&str>, server: &Server) -> Self {
        let mut space = Self::of(vec![url], Mode::Single);
        space.servers = vec![server.url()];
        space.ca_pem = ca_pem.map(|pem| pem.as_bytes().to_vec());
        space
    }

    /// That server is a Cluster of its own.
    pub fn in_cluster(mut self) -> Self {
        self.mode = Mode::Cluster;
        self
    }

    /// The store comes by those URLs, where the test goes its own way.
    pub fn reached_by(mut self, urls: Vec<String>, ca_pem: &str) -> Self {
        self.urls = urls;
        self.ca_pem = Some(ca_pem.as_bytes().to_vec());
        self
    }

    /// The store comes as that user (`NAME:PASSWORD`), where the test is one who may do everything.
    pub fn by_user(mut self, user: &str) -> Self {
        self.urls = self.urls.iter().map(|url| url.replace("://", &format!("://{user}@"))).collect();
        self
    }

    /// At a place where there is no Redis.
    pub fn nowhere(url: &str, mode: Mode) -> Self {
        Self::of(vec![url.to_owned()], mode).not_ours()
    }

    /// Seen from a second place: what is in it is somebody else's to look after.
    pub fn not_ours(mut self) -> Self {
        self.servers.clear();
        self
    }

    /// In another numbered database than the first.
    pub fn in_database(mut self, number: u8) -> Self {
        for server in &mut self.servers {
            *server = format!("{server}/{number}");
        }
        self
    }

    pub fn target(&self) -> RedisTarget {
        RedisTarget::parse(&self.urls, self.mode.clone(), self.ca_pem.clone(), &self.prefix)
            .expect("a target")
    }

    /// A store and its feed, once that follows.
    pub async fn open(&self, lifetimes: Lifetimes, clock: &Arc<ManualClock>) -> RedisNode {
        let set = Arc::new(RevocationSet::default());
        let store = self.connect(lifetimes, &set, clock).await.expect("connected");
        let feed = store.follow().expect("a thread");
        eventually("the feed follows", || set.is_following()).await;
        RedisNode { store: Arc::new(store), set, feed }
    }

    /// A store alone.
    pub async fn connect(
        &self,
        lifetimes: Lifetimes,
        set: &Arc<RevocationSet>,
        clock: &Arc<ManualClock>,
    ) -> Result<RedisStore, StoreError> {
        let Self { refresh_keys, wait_for_replicas, .. } = *self;
        let keeping = Keeping { lifetimes, refresh_keys, wait_for_replicas, times: Times::OfNode };
        RedisStore::connect(&self.target(), keeping, set.clone(), clock.clone()).await
    }

    /// Asks the one server that holds `key`; words parted by blanks, `key` put after the first one.
    pub fn ask<T: ::redis::FromRedisValue>(&self, verb: &str, key: &str, rest: &str) -> T {
        let key = format!("{}{key}", self.prefix);
        let mut command = ::redis::cmd(verb);
        command.arg(key).arg(rest.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>());
        command.query(&mut connect(&self.servers[0])).unwrap_or_else(|error| panic!("{verb}: {error}"))
    }

    /// A way of the test's own to the one server that holds all keys.
    pub fn connection(&self) -> Connection {
        connect(&self.servers[0])
    }

    /// Writes a hash with a life of a week, as another version or another hand would.
    pub fn write_hash(&self, key: &str, fields: &[(&str, &[u8])]) {
        let mut written = ::redis::cmd("HSET");
        written.arg(format!("{}{key}", self.prefix)).arg(fields);
        let mut bounded = ::redis::cmd("EXPIRE");
        bounded.arg(format!("{}{key}", self.prefix)).arg(WEEK.as_secs());
        self.at_holder(&[written, bounded]);
    }

    /// Writes a text with a life of a week.
    pub fn write_text(&self, key: &str, text: &str) {
        let mut written = ::redis::cmd("SETEX");
        written.arg(format!("{}{key}", self.prefix)).arg(WEEK.as_secs()).arg(text);
        self.at_holder(&[written]);
    }

    /// Runs commands on one key at the server that holds it: the others of a Cluster refuse them.
    fn at_holder(&self, commands: &[::redis::Cmd]) {
        let is_held =
            |url: &String| commands.iter().all(|command| command.query::<()>(&mut connect(url)).is_ok());
        assert!(self.servers.iter().any(is_held), "no server takes it");
    }

    /// Deletes every key whose name begins so.
    pub fn delete(&self, name: &str) {
        let prefix = format!("{}{name}", self.prefix);
        for mut server in self.servers.iter().map(|url| connect(url)) {
            for (name, _) in keys(&mut server, &prefix) {
                ::redis::cmd("DEL").arg(name).query::<()>(&mut server).expect("deleted");
            }
        }
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
            for mut server in self.servers.iter().map(|url| connect(url)) {
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

/// The keys of a master; those of a replica are its master's.
fn keys(server: &mut Connection, prefix: &str) -> Vec<(String, i64)> {
    let role: Vec<::redis::Value> = ::redis::cmd("ROLE").query(server).expect("an answer");
    if role[0] != ::redis::Value::BulkString(b"master".to_vec()) {
        return Vec::new();
    }
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
