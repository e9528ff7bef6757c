//! Several servers that belong together: a Redis Cluster, and a master with replicas and sentinels.

use std::{
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use super::{
    certificates::Certificates,
    redis::{Server, free_port},
};

/// A Redis Cluster of three masters, or of three masters with a replica each.
pub struct Cluster {
    pub nodes: Vec<Server>,
    tls_ports: Vec<u16>,
}

/// A Cluster of one master, which has all slots.
pub fn cluster_of_one() -> Server {
    let server = node(&[]);
    server.ask::<()>("CLUSTER ADDSLOTSRANGE 0 16383");
    until("the cluster is formed", || server.ask::<String>("CLUSTER INFO").contains("cluster_state:ok"));
    server
}

/// The cluster that all tests of this process share, each under a prefix of its own.
pub fn shared_cluster() -> &'static Cluster {
    static SHARED: LazyLock<Cluster> = LazyLock::new(|| Cluster::start(0));
    &SHARED
}

const SLOTS: [(u16, u16); 3] = [(0, 5460), (5461, 10922), (10923, 16383)];

impl Cluster {
    /// Three masters; with `replicas` = 3, the next three nodes each follow one.
    pub fn start(replicas: usize) -> Self {
        Self::start_with(replicas, &[])
    }

    /// The same, with more options for each node.
    pub fn start_with(replicas: usize, options: &[&str]) -> Self {
        let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
        let cluster = Self::form((0..3 + replicas).map(|_| node(&options)).collect(), Vec::new());
        for (replica, master) in cluster.nodes[3..].iter().zip(&cluster.nodes) {
            let id: String = master.ask("CLUSTER MYID");
            replica.ask::<()>(&format!("CLUSTER REPLICATE {id}"));
            until("a replica follows", || {
                replica.ask::<String>("INFO replication").contains("link_status:up")
            });
        }
        cluster.settle();
        cluster
    }

    /// Three masters that also speak TLS, to each other only that.
    pub fn start_encrypted(certificates: &Certificates) -> Self {
        let tls_ports: Vec<_> = (0..3).map(|_| free_port()).collect();
        let encrypted = |port: &u16| {
            let mut options = certificates.options(*port);
            options.extend(["--tls-cluster", "yes"].map(str::to_owned));
            node(&options)
        };
        Self::form(tls_ports.iter().map(encrypted).collect(), tls_ports)
    }

    fn form(nodes: Vec<Server>, tls_ports: Vec<u16>) -> Self {
        for (epoch, node) in nodes.iter().enumerate() {
            // Each its own epoch, or two masters may both believe that they own a slot for a while.
            node.ask::<()>(&format!("CLUSTER SET-CONFIG-EPOCH {}", epoch + 1));
        }
        for (node, (first, last)) in nodes.iter().zip(SLOTS) {
            node.ask::<()>(&format!("CLUSTER ADDSLOTSRANGE {first} {last}"));
        }
        let port = *tls_ports.first().unwrap_or(&nodes[0].port());
        for node in &nodes[1..] {
            node.ask::<()>(&format!("CLUSTER MEET 127.0.0.1 {port} {}", bus(&nodes[0])));
        }
        let cluster = Self { nodes, tls_ports };
        cluster.settle();
        cluster
    }

    /// Another master, that holds nothing.
    pub fn join(&self) -> Server {
        let newcomer = node(&[]);
        newcomer.ask::<()>(&format!(
            "CLUSTER MEET 127.0.0.1 {} {}",
            self.nodes[0].port(),
            bus(&self.nodes[0])
        ));
        newcomer
    }

    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }

    pub fn tls_urls(&self) -> Vec<String> {
        self.tls_ports.iter().map(|port| format!("rediss://127.0.0.1:{port}")).collect()
    }

    pub fn masters(&self) -> &[Server] {
        &self.nodes[..3]
    }

    /// Every node knows every other, and who holds what.
    fn settle(&self) {
        for node in &self.nodes {
            until("the cluster is formed", || {
                let info: String = node.ask("CLUSTER INFO");
                let known = format!("cluster_known_nodes:{}", self.nodes.len());
                info.contains("cluster_state:ok") && info.contains(&known) && info.contains("cluster_size:3")
            });
        }
    }
}

fn node(options: &[String]) -> Server {
    let bus = free_port().to_string();
    let own = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "1000"];
    Server::start_with([&own.map(str::to_owned)[..], options].concat())
}

fn bus(node: &Server) -> String {
    let port: Vec<String> = node.ask("CONFIG GET cluster-port");
    port[1].clone()
}

/// A master, two replicas, and three sentinels that fail over within a second or two.
pub struct Watched {
    pub servers: Vec<Server>,
    pub sentinels: Vec<Server>,
}

/// What the sentinels call the master.
pub const MASTER: &str = "keyward";

impl Watched {
    /// The servers ask for a password, the sentinels do not.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with more options for each server.
    pub fn start_with(options: &[&str]) -> Self {
        let password = [&["--requirepass", "s3cret", "--masterauth", "s3cret"], options].concat();
        let master = Server::start(&password);
        let port = master.port().to_string();
        let follow = [&password[..], &["--replicaof", "127.0.0.1", &port]].concat();
        let replica = || Server::start(&follow);
        let servers = vec![replica(), replica()];
        for replica in &servers {
            until("a replica follows", || {
                replica.ask::<String>("INFO replication").contains("link_status:up")
            });
        }
        let lines = format!(
            "sentinel monitor {MASTER} 127.0.0.1 {port} 2\n\
             sentinel auth-pass {MASTER} s3cret\n\
             sentinel down-after-milliseconds {MASTER} 500\n\
             sentinel failover-timeout {MASTER} 3000"
        );
        let sentinels: Vec<_> = (0..3).map(|_| Server::start_sentinel(&lines)).collect();
        let servers = std::iter::once(master).chain(servers).collect();
        for sentinel in &sentinels {
            until("the sentinels know each other and the replicas", || {
                let info: String = sentinel.ask("INFO sentinel");
                info.contains("slaves=2,sentinels=3") && info.contains("status=ok")
            });
        }
        Self { servers, sentinels }
    }

    /// The sentinels, with the servers' password.
    pub fn urls(&self) -> Vec<String> {
        self.sentinels
            .iter()
            .map(|sentinel| format!("redis://:s3cret@127.0.0.1:{}", sentinel.port()))
            .collect()
    }

    /// Where the server is that the first sentinel calls master.
    pub fn master(&self) -> usize {
        let address: Vec<String> =
            self.sentinels[0].ask(&format!("SENTINEL GET-MASTER-ADDR-BY-NAME {MASTER}"));
        let port = address[1].parse::<u16>().expect("a port");
        self.servers.iter().position(|server| server.port() == port).expect("one of ours")
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "not in 30 s: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
