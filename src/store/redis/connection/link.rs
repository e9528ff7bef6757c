//! The one way commands go to Redis, whatever stands there: a server, one behind sentinels, or a
//! Cluster. Every wait is bounded.

use std::time::Duration;

use redis::{Arg, Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, Value};

use super::{
    cluster::ClusterLink,
    error::{away, from_redis, is_unknown_script, unexpected},
    node::NodeLink,
    target::{Mode, RedisTarget},
};
use crate::store::error::StoreError;
use crate::store::redis::script::Call;

/// How long replicas may take to acknowledge a write.
const ACKNOWLEDGE: Duration = Duration::from_millis(500);

/// How many shards are told apart, see [`Link::shard`].
pub const SHARDS: usize = 32;

/// How commands go to Redis; clones share the connection.
#[derive(Clone)]
pub struct Link {
    path: Path,
    /// How many replicas must have a write before it counts.
    replicas: u32,
}

#[derive(Clone)]
enum Path {
    Node(NodeLink),
    Cluster(ClusterLink),
}

impl Link {
    /// Connects once; then the link keeps itself alive.
    pub async fn connect(target: &RedisTarget) -> RedisResult<Self> {
        let path = match target.mode {
            Mode::Cluster => Path::Cluster(ClusterLink::connect(target).await?),
            Mode::Single | Mode::Sentinel { .. } => Path::Node(NodeLink::connect(target).await?),
        };
        Ok(Self { path, replicas: 0 })
    }

    /// A link whose [`write`](Self::write) waits for replicas. It has connections of its own: while
    /// `WAIT` blocks one, nothing else moves on it.
    pub async fn connect_waiting(target: &RedisTarget, replicas: u32) -> RedisResult<Self> {
        let mut patient = target.clone();
        patient.response_timeout += ACKNOWLEDGE;
        Ok(Self { replicas, ..Self::connect(&patient).await? })
    }

    /// Runs a command that may be repeated, and whose first argument is its one key.
    pub async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let key = match command.args_iter().nth(1) {
            Some(Arg::Simple(key)) => key,
            _ => &[],
        };
        read(self.send(key, command).await)
    }

    /// Calls a script.
    pub async fn call<T: FromRedisValue>(&self, call: &Call<'_>) -> Result<T, StoreError> {
        let key = call.key().as_bytes();
        match self.send(key, &call.by_hash()).await {
            Err(error) if is_unknown_script(&error) => read(self.send(key, &call.by_text()).await),
            result => read(result),
        }
    }

    /// Calls a script whose effect must be on the replicas too, where that was asked for.
    pub async fn call_durably<T: FromRedisValue>(&self, call: &Call<'_>) -> Result<T, StoreError> {
        if self.replicas == 0 {
            return self.call(call).await;
        }
        match self.send_and_wait(call.key(), &call.by_hash()).await {
            Err(error) if is_unknown_script(&error) => {
                self.acknowledged(self.send_and_wait(call.key(), &call.by_text()).await)
            }
            result => self.acknowledged(result),
        }
    }

    /// Runs a command on `key` whose effect must be on the replicas too, where that was asked for.
    pub async fn write(&self, key: &str, command: &Cmd) -> Result<(), StoreError> {
        if self.replicas == 0 {
            return self.run(command).await;
        }
        self.acknowledged(self.send_and_wait(key, command).await)
    }

    /// The connection to the one master, where there is one.
    pub const fn node(&self) -> Option<&NodeLink> {
        match &self.path {
            Path::Node(node) => Some(node),
            Path::Cluster(_) => None,
        }
    }

    /// The shard of a key, below [`SHARDS`]: which of the masters has it. What is on two of them should not
    /// wait for each other.
    pub fn shard(&self, key: impl FnOnce() -> String) -> usize {
        match &self.path {
            Path::Node(_) => 0,
            Path::Cluster(cluster) => cluster.place(key().as_bytes()) % SHARDS,
        }
    }

    async fn send(&self, key: &[u8], command: &Cmd) -> RedisResult<Value> {
        match &self.path {
            Path::Node(node) => node.send(command).await,
            Path::Cluster(cluster) => cluster.send(key, command).await,
        }
    }

    /// A command and `WAIT` go out together, because `WAIT` speaks of the writes of its own
    /// connection only. Nothing is repeated here: on a new connection `WAIT` would have nothing to
    /// wait for. The caller's retry writes again, and so waits for what was written before as well.
    async fn send_and_wait(&self, key: &str, command: &Cmd) -> RedisResult<(Value, u32)> {
        let mut together = Pipeline::new();
        together.add_command(command.clone());
        together.cmd("WAIT").arg(self.replicas).arg(u64::try_from(ACKNOWLEDGE.as_millis()).unwrap_or(500));
        let answers = match &self.path {
            Path::Node(node) => node.send_together(&together).await?,
            Path::Cluster(cluster) => cluster.send_together(key.as_bytes(), &together).await?,
        };
        let mut answers = answers.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil).extract_error();
        Ok((next()?, redis::from_redis_value(next()?)?))
    }

    fn acknowledged<T: FromRedisValue>(&self, sent: RedisResult<(Value, u32)>) -> Result<T, StoreError> {
        let (value, replicas) = sent.map_err(from_redis)?;
        if replicas < self.replicas {
            return Err(away("too few replicas have acknowledged a write"));
        }
        redis::from_redis_value(value).map_err(unexpected)
    }
}

fn read<T: FromRedisValue>(sent: Result<Value, RedisError>) -> Result<T, StoreError> {
    redis::from_redis_value(sent.map_err(from_redis)?).map_err(unexpected)
}
