//! What the nodes of a server share: Redis in one of its forms, and PostgreSQL beside it. And what happens to Redis.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::database::Database;
use crate::support::servers::{
    redis,
    redis_sets::{Cluster, MASTER, Watched},
};

/// Long enough for a failover on any machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Redis, as the nodes are told of it.
pub enum Kind {
    /// One server, with its log on: what is answered is on the disk.
    Single(redis::Server),
    /// A master and two replicas, with sentinels. What is answered is on a replica.
    Watched(Watched),
    /// Three masters with a replica each, likewise.
    Cluster(Cluster),
}

pub struct Stores {
    redis: Mutex<Kind>,
    database: Database,
}

impl Stores {
    pub fn start(redis: Kind) -> Self {
        Self { redis: Mutex::new(redis), database: Database::start() }
    }

    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// A Redis that loses nothing when it is killed.
    pub fn single() -> Kind {
        Kind::Single(redis::Server::start(&["--appendonly", "yes", "--appendfsync", "always"]))
    }

    /// The port of the one server, if there is but one.
    pub fn port(&self) -> Option<u16> {
        match &*self.redis() {
            Kind::Single(server) => Some(server.port()),
            Kind::Watched(_) | Kind::Cluster(_) => None,
        }
    }

    /// What a node is told, besides the URL of a single server.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        const URL: &str = "REDIS_URL";
        const MODE: &str = "KEYWARD_STORAGE_REDIS_MODE";
        const WAIT: &str = "KEYWARD_STORAGE_REDIS_WAIT";
        match &*self.redis() {
            Kind::Single(_) => Vec::new(),
            Kind::Watched(watched) => vec![
                (URL, watched.urls().join(",")),
                (MODE, "sentinel".to_owned()),
                ("KEYWARD_STORAGE_REDIS_MASTER", MASTER.to_owned()),
                (WAIT, "1".to_owned()),
            ],
            Kind::Cluster(cluster) => {
                vec![(URL, cluster.urls().join(",")), (MODE, "cluster".to_owned()), (WAIT, "1".to_owned())]
            }
        }
    }

    /// Kills the server, or a master, as a crash would. Where another one takes its place, returns once that is done and
    /// the one that was killed has come back as its replica.
    pub fn crash_redis(&self, lasts: Duration) {
        match &mut *self.redis() {
            Kind::Single(server) => {
                server.kill();
                thread::sleep(lasts);
                server.restart();
            }
            Kind::Watched(watched) => {
                let old = watched.master();
                watched.servers[old].kill();
                until("there is a new master", || watched.master() != old);
                thread::sleep(lasts);
                watched.servers[old].restart();
                let new = watched.servers[watched.master()].port().to_string();
                until("the others follow", || {
                    let follows = |server: &redis::Server| is_replica_of(server, Some(&new));
                    watched.servers.iter().filter(|server| follows(server)).count() == 2
                });
            }
            Kind::Cluster(cluster) => {
                let is_master = |server: &redis::Server| info(server).contains("role:master");
                let old = cluster.nodes.iter().position(is_master).expect("a master");
                // The next time it is another's turn.
                let mut server = cluster.nodes.remove(old);
                server.kill();
                until("its replica has taken over", || {
                    cluster.nodes.iter().filter(|node| is_master(node)).count() == 3
                });
                thread::sleep(lasts);
                server.restart();
                until("it follows", || is_replica_of(&server, None));
                cluster.nodes.push(server);
            }
        }
    }

    /// Has the one server hang.
    pub fn stop_redis(&self, lasts: Duration) {
        if let Kind::Single(server) = &*self.redis() {
            let hung = server.hang();
            thread::sleep(lasts);
            drop(hung);
        }
    }

    fn redis(&self) -> MutexGuard<'_, Kind> {
        self.redis.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn info(server: &redis::Server) -> String {
    server.ask("INFO replication")
}

/// Whether it has all that its master has.
fn is_replica_of(server: &redis::Server, master: Option<&str>) -> bool {
    let info = info(server);
    let has = |line: &str| info.lines().any(|known| known == line);
    has("master_link_status:up") && master.is_none_or(|port| has(&format!("master_port:{port}")))
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
