//! A server as it is run: one or more nodes, as processes, on the stores they share; and all that can happen to them.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    accounts::{PASSWORD, USERS},
    clocks::{self, SetClock},
    stores::{Kind, Stores},
    wire::{Way, Wire},
};
use crate::support::{
    outside::{
        disk::{self, Disk},
        install::{Install, PATIENCE, Server},
    },
    servers::redis_sets::{Cluster, Watched},
};

/// How it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// One process and a file, on a disk of its own.
    Embedded,
    /// So many nodes on one Redis with its log on; accounts in PostgreSQL.
    Redis(usize),
    /// So many on a master with two replicas and sentinels.
    Sentinel(usize),
    /// So many on a Redis Cluster of three masters with a replica each.
    Cluster(usize),
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    NodeKilled,
    NodeStopped,
    NodeCutOff,
    NodeStalled,
    ClockSet,
    DiskFull,
    RedisKilled,
    RedisStopped,
    Failover,
    DatabaseKilled,
    DatabaseStopped,
    DatabaseFailover,
}

impl Event {
    pub const fn name(self) -> &'static str {
        match self {
            Self::NodeKilled => "`kill -9` of a node",
            Self::NodeStopped => "a node stopped and continued",
            Self::NodeCutOff => "the network cut between a node and Redis",
            Self::NodeStalled => "a node's connections to Redis stalled for 1.3 s",
            Self::ClockSet => "a node's clock set, from 5 s ahead to 5 s behind or back",
            Self::DiskFull => "the disk full",
            Self::RedisKilled => "`kill -9` of Redis",
            Self::RedisStopped => "Redis stopped and continued",
            Self::Failover => "a master killed, and replaced by a replica",
            Self::DatabaseKilled => "`kill -9` of PostgreSQL",
            Self::DatabaseStopped => "PostgreSQL stopped and continued",
            Self::DatabaseFailover => "PostgreSQL killed, and its standby promoted",
        }
    }

    /// Whether a node may know less for a while. What is only about accounts or clocks is no excuse.
    pub const fn is_trouble(self) -> bool {
        !matches!(
            self,
            Self::ClockSet | Self::DatabaseKilled | Self::DatabaseStopped | Self::DatabaseFailover
        )
    }

    /// Whether it is about one node, and not a store of all.
    pub const fn is_of_node(self) -> bool {
        matches!(self, Self::NodeKilled | Self::NodeStopped | Self::NodeCutOff | Self::NodeStalled)
    }
}

pub struct Site {
    pub setup: Setup,
    nodes: Vec<Node>,
    stores: Option<Stores>,
}

struct Node {
    install: Install,
    server: Mutex<Option<Server>>,
    /// Its way to a single Redis.
    wire: Option<Wire>,
    /// Where that is not the others'.
    clock: Option<SetClock>,
    disk: Option<Disk>,
}

/// The settings under test.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub grace: Duration,
    pub access: Duration,
    pub outage: Duration,
}

impl Site {
    pub async fn open(setup: Setup, times: Times) -> Self {
        let (count, redis) = match setup {
            Setup::Embedded => (1, None),
            Setup::Redis(count) => (count, Some(Stores::single())),
            Setup::Sentinel(count) => (count, Some(Kind::Watched(Watched::start()))),
            Setup::Cluster(count) => (count, Some(Kind::Cluster(Cluster::start(3)))),
        };
        let stores = redis.map(Stores::start);
        let mut nodes: Vec<Node> = Vec::new();
        for _ in 0..count {
            nodes.push(Node::of(stores.as_ref(), nodes.first(), times));
        }
        for user in USERS {
            nodes[0].install.add_user(user, PASSWORD, &[]);
        }
        // The password opens a session, and a passkey makes more of it.
        nodes[0].install.good(&["app", "update", "default", "--mfa", "off"]);
        let last = nodes.pop().expect("a node");
        nodes.push(match setup {
            Setup::Embedded => last.on_own_disk(),
            // The clocks of two nodes differ, wherever there are two.
            _ if count > 1 => last.with_own_clock(),
            _ => last,
        });
        assert_eq!(nodes.len(), count);
        for node in &nodes {
            node.start().await;
        }
        let site = Self { setup, nodes, stores };
        for node in &site.nodes {
            let off = clocks::off(&node.url()).await.expect("a token");
            let expected = if node.clock.is_some() { clocks::OFF } else { 0 };
            assert!((off - expected).abs() <= 2, "a clock is {off} s off, and not {expected}");
        }
        site
    }

    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Node::url).collect()
    }

    /// What can happen here.
    pub fn events(&self) -> Vec<Event> {
        let more: &[Event] = match self.setup {
            Setup::Embedded => &[Event::DiskFull],
            Setup::Redis(_) => &[
                Event::NodeCutOff,
                Event::NodeStalled,
                Event::RedisKilled,
                Event::RedisStopped,
                Event::DatabaseKilled,
                Event::DatabaseStopped,
                Event::DatabaseFailover,
            ],
            Setup::Sentinel(_) | Setup::Cluster(_) => &[Event::Failover],
        };
        let clocks: &[Event] = if self.nodes.len() > 1 { &[Event::ClockSet] } else { &[] };
        [&[Event::NodeKilled, Event::NodeStopped], more, clocks].concat()
    }

    /// Has it happen to a node, or to the store of all, and lasts for a time. All is well again at the end.
    pub async fn happen(&self, event: Event, node: usize, lasts: Duration) {
        let node = &self.nodes[node];
        match event {
            Event::NodeKilled => {
                node.server().take().expect("it runs").kill();
                tokio::time::sleep(lasts).await;
                node.start().await;
            }
            Event::NodeStopped => {
                node.server().as_ref().expect("it runs").freeze();
                tokio::time::sleep(lasts).await;
                node.server().as_ref().expect("it runs").thaw();
            }
            Event::NodeCutOff => node.way(Way::Cut, lasts).await,
            Event::NodeStalled => node.way(Way::Held, Duration::from_millis(1300)).await,
            Event::ClockSet => self.set_clock(lasts).await,
            Event::DiskFull => node.fill_disk(lasts).await,
            Event::RedisKilled | Event::Failover => self.stores().crash_redis(lasts),
            Event::RedisStopped => self.stores().stop_redis(lasts),
            Event::DatabaseKilled => self.stores().database().crash(lasts),
            Event::DatabaseStopped => self.stores().database().stop(lasts),
            Event::DatabaseFailover => self.stores().database().fail_over(lasts),
        }
        self.is_well().await;
    }

    async fn set_clock(&self, lasts: Duration) {
        let node = self.nodes.last().expect("it has one");
        let expected = node.clock.as_ref().expect("it has its own").turn();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while clocks::off(&node.url()).await.is_none_or(|off| (off - expected).abs() > 2) {
            assert!(tokio::time::Instant::now() < deadline, "a clock cannot be set");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        tokio::time::sleep(lasts).await;
    }

    /// Returns once every node says that it has all it needs.
    async fn is_well(&self) {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let probe = async |url: &str| {
            let asked = client.get(format!("{url}/readyz")).timeout(Duration::from_secs(2));
            asked.send().await.is_ok_and(|answer| answer.status() == 200)
        };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        for url in self.urls() {
            while !probe(&url).await {
                assert!(tokio::time::Instant::now() < deadline, "a node is not ready again in {PATIENCE:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    fn stores(&self) -> &Stores {
        self.stores.as_ref().expect("they are shared")
    }

    /// What the nodes said that a crash or a defect would say.
    pub fn complaints(&self) -> Vec<String> {
        let said = self.nodes.iter().filter_map(|node| node.server().as_ref().map(Server::stderr));
        let lines: Vec<String> =
            said.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        lines.into_iter().filter(|line| line.contains("panicked")).collect()
    }
}

impl Node {
    fn of(stores: Option<&Stores>, first: Option<&Self>, times: Times) -> Self {
        let server = Mutex::default();
        let mut node = Self { install: install(times), server, wire: None, clock: None, disk: None };
        let Some(stores) = stores else { return node };
        let mut install = node.install.with("DATABASE_URL", stores.database().url());
        for (name, value) in stores.settings() {
            install = install.with(name, value);
        }
        if let Some(port) = stores.port() {
            let wire = Wire::to(port);
            install = install.with("REDIS_URL", format!("redis://127.0.0.1:{}", wire.port));
            node.wire = Some(wire);
        }
        if let Some(first) = first {
            install = install
                .with("KEYWARD_KEYS_DIR", first.install.path("keys").display())
                .with("KEYWARD_SERVER_PUBLIC_URL", first.url());
        }
        node.install = install;
        node
    }

    /// With what it has stored by now.
    fn on_own_disk(self) -> Self {
        /// Room for all that a run writes; in MiB.
        const SIZE: u32 = 512;
        let disk = Disk::with_data_of(&self.install, SIZE);
        let install = self.install.with("KEYWARD_STORAGE_DATA_DIR", disk::FOLDER);
        Self { install, disk: Some(disk), ..self }
    }

    fn with_own_clock(self) -> Self {
        let (clock, install) = SetClock::of(self.install);
        Self { install, clock: Some(clock), ..self }
    }

    fn url(&self) -> String {
        format!("http://{}", self.install.listen)
    }

    async fn start(&self) {
        let server = match &self.disk {
            Some(disk) => disk.start(&self.install).await,
            None => self.install.start().await,
        };
        *self.server() = Some(server);
    }

    async fn fill_disk(&self, lasts: Duration) {
        disk::fill(self.server().as_ref().expect("it runs"));
        tokio::time::sleep(lasts).await;
        disk::empty(self.server().as_ref().expect("it runs"));
    }

    async fn way(&self, way: Way, lasts: Duration) {
        let wire = self.wire.as_ref().expect("it has a way to Redis");
        wire.set(way);
        tokio::time::sleep(lasts).await;
        wire.set(Way::Open);
    }

    fn server(&self) -> MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn install(times: Times) -> Install {
    let millis = |time: Duration| format!("{}ms", time.as_millis());
    Install::new()
        .with("KEYWARD_LOG_LEVEL", "info")
        .with("KEYWARD_TOKENS_REUSE_GRACE", millis(times.grace))
        .with("KEYWARD_TOKENS_ACCESS_TTL", millis(times.access))
        .with("KEYWARD_OUTAGE_CHECK", millis(times.outage))
        .with("KEYWARD_TOKENS_REFRESH_TTL", "1h")
        .with("KEYWARD_ACCOUNTS_SESSIONS_PER_USER", 0)
        .with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 1_000_000)
        .with("KEYWARD_RATE_LIMIT_LOGIN_FAILURES", 1_000_000)
}
