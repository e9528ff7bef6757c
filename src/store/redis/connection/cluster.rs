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

/// How often the masters are asked who has what while nobody is in doubt.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks at least: during a failover everybody is in doubt.
const PAUSE: Duration = Duration::from_millis(50);
/// How often a command is sent on from node to node.
const HOPS: usize = 4;

/// The masters of a Cluster, each with a connection that looks after itself; clones share them.
#[derive(Clone)]
pub struct ClusterLink(Arc<Shared>);

struct Shared {
    map: Arc<Map>,
    patience: Duration,
    keeper: AbortHandle,
}

/// Who has what, as far as it is known here.
struct Map {
    target: RedisTarget,
    ways: RwLock<Ways>,
    /// Somebody has met what does not fit the map.
    doubt: Notify,
}

#[derive(Default)]
struct Ways {
    owners: Owners,
    nodes: BTreeMap<String, NodeLink>,
}

impl Ways {
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
enum Parcel<'a> {
    /// May be repeated.
    One(&'a Cmd),
    /// Once, one after the other.
    Together(&'a Pipeline),
}

impl ClusterLink {
    /// Asks the first node that answers who has what, and connects to them all.
    pub async fn connect(target: &RedisTarget) -> RedisResult<Self> {
        let map = Arc::new(Map { target: target.clone(), ways: RwLock::default(), doubt: Notify::new() });
        map.draw(&[map.first_view().await?]);
        if map.ways(|ways| ways.owners.is_empty()) {
            return Err((ErrorKind::ClusterConnectionNotFound, "the cluster has no master").into());
        }
        let nodes = map.nodes();
        join_all(nodes.iter().map(|node| node.live(None))).await;
        let keeper = tokio::spawn(Arc::clone(&map).keep()).abort_handle();
        let patience = target.connect_timeout + target.response_timeout;
        Ok(Self(Arc::new(Shared { map, patience, keeper })))
    }

    /// Sends one command to the master that has the key; like [`NodeLink::send`] it may be carried out
    /// twice.
    pub async fn send(&self, key: &[u8], command: &Cmd) -> RedisResult<Value> {
        let mut answers = self.deliver(key, Parcel::One(command)).await?;
        Ok(answers.pop().unwrap_or(Value::Nil))
    }

    /// Sends commands one after the other, once, on one connection to the master that has the key.
    pub async fn send_together(&self, key: &[u8], commands: &Pipeline) -> RedisResult<Vec<Value>> {
        self.deliver(key, Parcel::Together(commands)).await
    }

    /// The place among the masters of the one that has the key.
    pub fn place(&self, key: &[u8]) -> usize {
        let slot = slots::of_key(key);
        self.0.map.ways(|ways| {
            ways.owner(slot)
                .map_or(0, |owner| ways.nodes.keys().take_while(|other| other.as_str() < owner).count())
        })
    }

    /// Every wait on the way is bounded, and so is the way as a whole.
    async fn deliver(&self, key: &[u8], parcel: Parcel<'_>) -> RedisResult<Vec<Value>> {
        let delivered = timeout(self.0.patience, self.0.map.deliver(slots::of_key(key), parcel)).await;
        delivered.unwrap_or_else(|_| Err((ErrorKind::Io, "no answer in time").into()))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Map {
    /// Sends to the master of the slot, and on to wherever one says that the slot is.
    async fn deliver(&self, slot: u16, parcel: Parcel<'_>) -> RedisResult<Vec<Value>> {
        let mut hop = self.owner(slot).inspect_err(|_| self.doubt.notify_one())?;
        for _ in 0..HOPS {
            let error = match hop.carry(parcel).await {
                Err(error) if is_doubtful(&error) => error,
                carried => return carried,
            };
            self.doubt.notify_one();
            hop = self.redirected(&error).ok_or(error)?;
        }
        Err((ErrorKind::ClusterConnectionNotFound, "a key is sent from node to node").into())
    }

    fn owner(&self, slot: u16) -> RedisResult<Hop> {
        let node = self.ways(|ways| ways.nodes.get(ways.owner(slot)?).cloned());
        let unknown = (ErrorKind::ClusterConnectionNotFound, "no master has the key");
        Ok(Hop { node: node.ok_or_else(|| RedisError::from(unknown))?, is_asking: false })
    }

    /// Where `MOVED` and `ASK` lead. A node that keeps its address to itself is found at the next look.
    fn redirected(&self, error: &RedisError) -> Option<Hop> {
        let (address, _) = error.redirect_node()?;
        let (host, port) = address.rsplit_once(':').filter(|(host, _)| !host.is_empty())?;
        let server = self.target.at(host, port.parse().ok()?);
        let is_asking = error.kind() == ErrorKind::Server(ServerErrorKind::Ask);
        let mut ways = self.ways.write().unwrap_or_else(PoisonError::into_inner);
        let node = ways.nodes.entry(server.addr().to_string());
        Some(Hop { node: node.or_insert_with(|| NodeLink::to(&self.target, server)).clone(), is_asking })
    }

    /// Looks who has what, when it is time or somebody is in doubt.
    async fn keep(self: Arc<Self>) {
        loop {
            let _ = timeout(LOOK, self.doubt.notified()).await;
            let nodes = self.nodes();
            let mut views: Vec<_> =
                join_all(nodes.iter().map(view)).await.into_iter().filter_map(Result::ok).collect();
            if views.is_empty() {
                views.extend(self.first_view().await);
            }
            self.draw(&views);
            sleep(PAUSE).await;
        }
    }

    /// Draws the map anew; who stays, keeps the connection. Of those who say nothing nothing is believed.
    fn draw(&self, views: &[String]) {
        let layout = Layout::read(views);
        let (owners, masters) = (layout.owners(&self.target), layout.masters(&self.target));
        if owners.is_empty() {
            return;
        }
        let mut ways = self.ways.write().unwrap_or_else(PoisonError::into_inner);
        let mut known = std::mem::take(&mut ways.nodes);
        let mut node = |address: &String, server: ConnectionInfo| {
            known.remove(address).unwrap_or_else(|| NodeLink::to(&self.target, server))
        };
        ways.nodes =
            masters.into_iter().map(|(address, server)| (address.clone(), node(&address, server))).collect();
        if ways.owners != owners {
            tracing::info!(redis.masters = ways.nodes.len(), "the slots of the Cluster are known anew");
            ways.owners = owners;
        }
    }

    fn ways<T>(&self, read: impl FnOnce(&Ways) -> T) -> T {
        read(&self.ways.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn nodes(&self) -> Vec<NodeLink> {
        self.ways(|ways| ways.nodes.values().cloned().collect())
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
    async fn carry(&self, parcel: Parcel<'_>) -> RedisResult<Vec<Value>> {
        let mut answers = match parcel {
            Parcel::One(command) if !self.is_asking => return Ok(vec![self.node.send(command).await?]),
            Parcel::One(command) => self.ask([command]).await?,
            Parcel::Together(commands) if self.is_asking => self.ask(commands.cmd_iter()).await?,
            Parcel::Together(commands) => self.node.send_together(commands).await?,
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
fn is_doubtful(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, ClusterDown, MasterDown, Moved, ReadOnly};
    matches!(
        error.kind(),
        ErrorKind::Io | ErrorKind::Server(Ask | ClusterDown | MasterDown | Moved | ReadOnly)
    )
}
