//! A server as it is run: one or more nodes, as processes, on the stores they share; and all that can happen to them.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    stores::{Kind, Stores},
    wire::{Way, Wire},
};
use crate::support::{
    outside::install::{Install, PATIENCE, Server},
    servers::redis_sets::{Cluster, Watched},
};

/// How it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// One process and a file.
    Embedded,
    /// So many nodes on one Redis with its log on; accounts in PostgreSQL.
    Redis(usize),
    /// So many on a master with two replicas and sentinels.
    Sentinel(usize),
    /// So many on a Redis Cluster of three masters with a replica each.
    Cluster(usize),
}

/// Whoever signs in is one of these.
pub const USERS: [&str; 4] = ["anna", "bert", "cleo", "dora"];
pub const PASSWORD: &str = "seven words make a fine passphrase indeed";

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    NodeKilled,
    NodeStopped,
    NodeCutOff,
    NodeStalled,
    RedisKilled,
    RedisStopped,
    Failover,
    DatabaseKilled,
}

impl Event {
    pub const fn name(self) -> &'static str {
        match self {
            Self::NodeKilled => "`kill -9` of a node",
            Self::NodeStopped => "a node stopped and continued",
            Self::NodeCutOff => "the network cut between a node and Redis",
            Self::NodeStalled => "a node's connections to Redis stalled for 1.3 s",
            Self::RedisKilled => "`kill -9` of Redis",
            Self::RedisStopped => "Redis stopped and continued",
            Self::Failover => "a master killed, and replaced by a replica",
            Self::DatabaseKilled => "`kill -9` of PostgreSQL",
        }
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
            let node = Node::of(stores.as_ref(), nodes.first(), times).await;
            nodes.push(node);
        }
        for user in USERS {
            nodes[0].install.add_user(user, PASSWORD, &[]);
        }
        for node in &nodes {
            node.start().await;
        }
        Self { setup, nodes, stores }
    }

    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("http://{}", node.install.listen)).collect()
    }

    /// What can happen here.
    pub fn events(&self) -> Vec<Event> {
        let more: &[Event] = match self.setup {
            Setup::Embedded => &[],
            Setup::Redis(_) => &[
                Event::NodeCutOff,
                Event::NodeStalled,
                Event::RedisKilled,
                Event::RedisStopped,
                Event::DatabaseKilled,
            ],
            Setup::Sentinel(_) | Setup::Cluster(_) => &[Event::Failover],
        };
        [&[Event::NodeKilled, Event::NodeStopped], more].concat()
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
            Event::RedisKilled | Event::Failover => self.stores().crash_redis(lasts),
            Event::RedisStopped => self.stores().stop_redis(lasts),
            Event::DatabaseKilled => self.stores().crash_database(lasts),
        }
        self.is_well().await;
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
    async fn of(stores: Option<&Stores>, first: Option<&Self>, times: Times) -> Self {
        let mut node = Self { install: install(times), server: Mutex::default(), wire: None };
        let Some(stores) = stores else { return node };
        let mut install = node.install.with("DATABASE_URL", &stores.database);
        for (name, value) in stores.settings() {
            install = install.with(name, value);
        }
        if let Some(port) = stores.port() {
            let wire = Wire::to(port).await;
            install = install.with("REDIS_URL", format!("redis://127.0.0.1:{}", wire.port));
            node.wire = Some(wire);
        }
        if let Some(first) = first {
            install = install
                .with("KEYWARD_KEYS_DIR", first.install.path("keys").display())
                .with("KEYWARD_SERVER_PUBLIC_URL", format!("http://{}", first.install.listen));
        }
        node.install = install;
        node
    }

    async fn start(&self) {
        let server = self.install.start().await;
        *self.server() = Some(server);
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
