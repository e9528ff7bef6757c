//! Who is master, asked of every sentinel: the answer of the newest configuration counts, so that a
//! sentinel that was cut off together with an old master misleads nobody.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::future::join_all;
use redis::{ConnectionInfo, ErrorKind, PushKind, RedisError, RedisResult, aio::MultiplexedConnection};
use tokio::sync::{Mutex, Notify};

use super::target::RedisTarget;

/// How long to wait for a sentinel; one that is dead must not hold up the others' answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// The sentinels, each with a connection that is kept.
pub struct Sentinels {
    target: RedisTarget,
    master: String,
    connections: Vec<Mutex<Option<MultiplexedConnection>>>,
    announced: Arc<Notify>,
}

/// A sentinel's opinion.
struct SentinelAnswer {
    epoch: u64,
    host: String,
    port: u16,
}

impl Sentinels {
    pub fn new(target: RedisTarget, master: String) -> Self {
        let connections = target.nodes.iter().map(|_| Mutex::new(None)).collect();
        Self { target, master, connections, announced: Arc::new(Notify::new()) }
    }

    /// Who is master now.
    pub async fn master(&self) -> RedisResult<ConnectionInfo> {
        let asked = (0..self.connections.len())
            .map(async |index| tokio::time::timeout(PATIENCE, self.ask(index)).await);
        let answers = join_all(asked).await.into_iter().flatten().flatten();
        let newest = answers.max_by_key(|answer| answer.epoch).ok_or_else(|| {
            RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, "no sentinel knows the master"))
        })?;
        Ok(self.target.at(&newest.host, newest.port))
    }

    /// Returns when a sentinel has said something: most likely `+switch-master`.
    pub async fn announcement(&self) {
        self.announced.notified().await;
    }

    async fn ask(&self, index: usize) -> RedisResult<SentinelAnswer> {
        let mut slot = self.connections[index].lock().await;
        // Taken out while it is in use: what fails or is given up half-way is not used again.
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => self.connect(&self.target.nodes[index]).await?,
        };
        let mut command = redis::cmd("SENTINEL");
        command.arg("MASTER").arg(&self.master);
        let said: HashMap<String, String> = command.query_async(&mut connection).await?;
        *slot = Some(connection);
        let field = |name: &str| said.get(name).map(String::as_str).unwrap_or_default();
        match (field("ip"), field("port").parse(), field("config-epoch").parse()) {
            (host, Ok(port), Ok(epoch)) if !host.is_empty() => {
                Ok(SentinelAnswer { epoch, host: host.to_owned(), port })
            }
            _ => Err((ErrorKind::UnexpectedReturnType, "a sentinel's answer is not readable").into()),
        }
    }

    /// Connects, and listens for `+switch-master`. Sentinels often have no password where the servers
    /// have one, and there is no database to choose.
    async fn connect(&self, sentinel: &ConnectionInfo) -> RedisResult<MultiplexedConnection> {
        let announced = self.announced.clone();
        let config = self.target.config().set_push_sender(move |push: redis::PushInfo| {
            if push.kind == PushKind::Message {
                announced.notify_one();
            }
            Ok::<_, redis::aio::SendError>(())
        });
        let settings = sentinel.redis_settings().clone().set_db(0);
        let with_password = sentinel.clone().set_redis_settings(settings);
        let bare = redis::RedisConnectionInfo::default().set_protocol(redis::ProtocolVersion::RESP3);
        let mut connection = match self.target.open(&with_password, &config).await {
            Err(error) if !error.is_io_error() => {
                self.target.open(&sentinel.clone().set_redis_settings(bare), &config).await?
            }
            opened => opened?,
        };
        connection.subscribe("+switch-master").await?;
        Ok(connection)
    }
}
