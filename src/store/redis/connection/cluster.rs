//! The way to a Cluster: one [`NodeLink`] to each of its masters, and who has which slots. A master that
//! is away or hangs holds up nobody but its own keys, and each connection is looked after on its own. Not
//! the client's cluster connection: while that refreshes its slots it polls no command, and where one of
//! them has been granted the lock that the refresh waits for, it waits for ever (redis 1.8.1).

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures_util::future::{join_all, select_ok};
use redis::{Cmd, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::{
    sync::Notify,
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::{
    layout::{Layout, Owners},
    node::NodeLink,
    slots,
    target::RedisTarget,
};

/// How often the masters are asked while nothing seems stale.
const LOOK: Duration = Duration::from_secs(1);
/// Between two of those at least: during a failover everything seems stale.
const PAUSE: Duration = Duration::from_millis(50);
/// How often a command is sent on from node to node.
const HOPS: usize = 4;

/// The masters of a Cluster, each with a connection that looks after itself; clones share them.
#[derive(Clone)]
pub struct ClusterLink(Arc<Shared>);

struct Shared {
    topology: Arc<Topology>,
    patience: Duration,
    keeper: AbortHandle,
}

/// Which master has which slots, as far as it is known here.
struct Topology {
    target: RedisTarget,
    routes: RwLock<Routes>,
    /// Somebody has met what does not fit it.
    stale: Notify,
}

#[derive(Default)]
struct Routes {
    owners: Owners,
    nodes: BTreeMap<String, NodeLink>,
}

impl Routes {
    fn owner(&self, slot: u16) -> Option<&str> {
        let (_, (first, address)) = self.owners.range(slot..).next()?;
        (*first <= slot).then_some(address)
    }
}

/// Where a command is to go next.
struct Hop {
    node: NodeLink,
    /// The slot is on its way there: the node must be told that we know.
    is_asking: bool,
}

/// What is sent to one master.
#[derive(Clone, Copy)]
enum Commands<'a> {
    /// May be repeated.
    One(&'a Cmd),
    /// Once, one after the other.
    Together(&'a Pipeline),
}

impl ClusterLink {
    /// Asks the first node that answers who has what, and connects to them all.
    pub async fn connect(target: &RedisTarget) -> RedisResult<Self> {
        let (routes, stale) = (RwLock::default(), Notify::new());
        let topology = Arc::new(Topology { target: target.clone(), routes, stale });
        topology.update(&[topology.first_view().await?]);
        if topology.routes(|routes| routes.owners.is_empty()) {
            return Err((ErrorKind::ClusterConnectionNotFound, "the cluster has no master").into());
        }
        let nodes = topology.nodes();
        join_all(nodes.iter().map(|node| node.live(None))).await;
        let keeper = tokio::spawn(Arc::clone(&topology).keep()).abort_handle();
        let patience = target.connect_timeout + target.response_timeout;
        Ok(Self(Arc::new(Shared { topology, patience, keeper })))
    }

    /// Sends one command to the master that has the key; like [`NodeLink::send`] it may be carried out
    /// twice.
    pub async fn send(&self, key: &[u8], command: &Cmd) -> RedisResult<Value> {
        let mut answers = self.send_in_time(key, Commands::One(command)).await?;
        Ok(answers.pop().unwrap_or(Value::Nil))
    }

    /// Sends commands one after the other, once, on one connection to the master that has the key.
    pub async fn send_together(&self, key: &[u8], commands: &Pipeline) -> RedisResult<Vec<Value>> {
        self.send_in_time(key, Commands::Together(commands)).await
    }

    /// The place among the masters of the one that has the key.
    pub fn place(&self, key: &[u8]) -> usize {
        let slot = slots::of_key(key);
        self.0.topology.routes(|routes| {
            routes
                .owner(slot)
                .map_or(0, |owner| routes.nodes.keys().take_while(|other| other.as_str() < owner).count())
        })
    }

    /// Every wait on the way is bounded, and so is the way as a whole.
    async fn send_in_time(&self, key: &[u8], commands: Commands<'_>) -> RedisResult<Vec<Value>> {
        let sent = timeout(self.0.patience, self.0.topology.send_to(slots::of_key(key), commands)).await;
        sent.unwrap_or_else(|_| Err((ErrorKind::Io, "no answer in time").into()))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Topology {
    /// Sends to the master of the slot, and on to wherever one says that the slot is.
    async fn send_to(&self, slot: u16, commands: Commands<'_>) -> RedisResult<Vec<Value>> {
        let mut hop = self.owner(slot).inspect_err(|_| self.stale.notify_one())?;
        for _ in 0..HOPS {
            let error = match hop.carry(commands).await {
                Err(error) if may_be_stale(&error) => error,
                carried => return carried,
            };
            self.stale.notify_one();
            hop = self.redirected(&error).ok_or(error)?;
        }
        Err((ErrorKind::ClusterConnectionNotFound, "a key is sent from node to node").into())
    }

    fn owner(&self, slot: u16) -> RedisResult<Hop> {
        let node = self.routes(|routes| routes.nodes.get(routes.owner(slot)?).cloned());
        let unknown = (ErrorKind::ClusterConnectionNotFound, "no master has the key");
        Ok(Hop { node: node.ok_or_else(|| RedisError::from(unknown))?, is_asking: false })
    }

    /// Where `MOVED` and `ASK` lead. A node that keeps its address to itself is found at the next look.
    fn redirected(&self, error: &RedisError) -> Option<Hop> {
        let (address, _) = error.redirect_node()?;
        let (host, port) = address.rsplit_once(':').filter(|(host, _)| !host.is_empty())?;
        let server = self.target.at(host, port.parse().ok()?);
        let is_asking = error.kind() == ErrorKind::Server(ServerErrorKind::Ask);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let node = routes.nodes.entry(server.addr().to_string());
        Some(Hop { node: node.or_insert_with(|| NodeLink::to(&self.target, server)).clone(), is_asking })
    }

    /// Asks the masters, when it is time or what is known seems stale.
    async fn keep(self: Arc<Self>) {
        loop {
            let _ = timeout(LOOK, self.stale.notified()).await;
            let nodes = self.nodes();
            let mut views: Vec<_> =
                join_all(nodes.iter().map(view)).await.into_iter().filter_map(Result::ok).collect();
            if views.is_empty() {
                views.extend(self.first_view().await);
            }
            self.update(&views);
            sleep(PAUSE).await;
        }
    }

    /// Takes in what nodes say; a master that stays keeps its connection. Views that name no owner change nothing.
    fn update(&self, views: &[String]) {
        let layout = Layout::read(views);
        let (owners, masters) = (layout.owners(&self.target), layout.masters(&self.target));
        if owners.is_empty() {
            return;
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        // Who is named no more is dropped with what is left in it, and so is its connection.
        let mut known = std::mem::take(&mut routes.nodes);
        let mut node = |address: &String, server: ConnectionInfo| {
            known.remove(address).unwrap_or_else(|| NodeLink::to(&self.target, server))
        };
        routes.nodes =
            masters.into_iter().map(|(address, server)| (address.clone(), node(&address, server))).collect();
        if routes.owners != owners {
            tracing::info!(redis.masters = routes.nodes.len(), "the slots of the Cluster are known anew");
            routes.owners = owners;
        }
    }

    fn routes<T>(&self, read: impl FnOnce(&Routes) -> T) -> T {
        read(&self.routes.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn nodes(&self) -> Vec<NodeLink> {
        self.routes(|routes| routes.nodes.values().cloned().collect())
    }

    /// What the first of the configured nodes says that answers.
    async fn first_view(&self) -> RedisResult<String> {
        let config = self.target.config();
        let asked = self.target.nodes.iter().map(|node| {
            Box::pin(async {
                let mut connection = self.target.open(node, &config).await?;
                cluster_nodes().query_async(&mut connection).await
            })
        });
        select_ok(asked).await.map(|(view, _)| view)
    }
}

async fn view(node: &NodeLink) -> RedisResult<String> {
    Ok(redis::from_redis_value(node.send(&cluster_nodes()).await?)?)
}

fn cluster_nodes() -> Cmd {
    let mut command = redis::cmd("CLUSTER");
    command.arg("NODES");
    command
}

impl Hop {
    async fn carry(&self, commands: Commands<'_>) -> RedisResult<Vec<Value>> {
        let mut answers = match commands {
            Commands::One(command) if !self.is_asking => return Ok(vec![self.node.send(command).await?]),
            Commands::One(command) => self.ask([command]).await?,
            Commands::Together(commands) if self.is_asking => self.ask(commands.cmd_iter()).await?,
            Commands::Together(commands) => self.node.send_together(commands).await?,
        };
        // Where the first one was refused, those after it had nothing to stand on.
        match answers.first_mut() {
            Some(first) => *first = std::mem::replace(first, Value::Nil).extract_error()?,
            None => return Err((ErrorKind::Io, "no answer").into()),
        }
        Ok(answers)
    }

    async fn ask<'a>(&self, commands: impl IntoIterator<Item = &'a Cmd>) -> RedisResult<Vec<Value>> {
        let mut together = redis::pipe();
        together.cmd("ASKING");
        for command in commands {
            together.add_command(command.clone());
        }
        let mut answers = self.node.send_together(&together).await?;
        answers.remove(0).extract_error()?;
        Ok(answers)
    }
}

/// Whether the slot may be elsewhere by now.
fn may_be_stale(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, ClusterDown, MasterDown, Moved, ReadOnly};
    matches!(
        error.kind(),
        ErrorKind::Io | ErrorKind::Server(Ask | ClusterDown | MasterDown | Moved | ReadOnly)
    )
}
