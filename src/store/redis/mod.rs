//! Sessions, revocations and counters in Redis (contract 4): a single server, one that sentinels
//! watch over, or a Cluster. Accounts are not kept here.

pub mod advice;
mod app_sessions;
pub mod connection;
mod counters;
pub mod installation;
pub mod keys;
mod once;
pub mod revocations;
mod script;
mod sessions;

use std::{
    io,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout_at};

use self::{
    connection::{
        error::{away, may_pass, unreachable},
        link::Link,
        target::RedisTarget,
    },
    counters::batch::BatchedCounter,
    keys::{Keys, RefreshKeys},
    revocations::{UserChanges, feed::Feed},
};
use super::{error::StoreError, revoked::set::RevocationSet};
use crate::domain::{
    clock::{Clock, Timestamp},
    limits::Lifetimes,
};

/// How long [`RedisStore::connect`] keeps trying: a Redis that is just starting is waited for.
const START: Duration = Duration::from_secs(3);
const BETWEEN: Duration = Duration::from_millis(200);

/// How many commands are under way at once for one caller.
const ABREAST: u32 = 256;

/// An index entry this young may belong to a session whose hash is about to be written.
const SETTLED: Duration = Duration::from_mins(1);

/// What is to be kept, and how.
#[derive(Debug, Clone, Copy)]
pub struct Keeping {
    /// The lives of tokens and sessions.
    pub lifetimes: Lifetimes,
    /// What stands for a refresh token in a key's name.
    pub refresh_keys: RefreshKeys,
    /// How many replicas must have a sign-in, rotation, step-up or end before it is answered
    /// (`storage.redis_wait`). Fewer acknowledgements are [`StoreError::Away`] although it is written:
    /// the client tries again, and each verb bears that.
    pub wait_for_replicas: u32,
    /// By whose clock a session's times are.
    pub times: Times,
}

/// By whose clock a session's times are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// The Redis server's, which all nodes share: one that is ahead of another makes no theft of a retry.
    OfServer,
    /// The node's, for a test that stops it.
    OfNode,
}

/// Sessions, revocations and counters in Redis.
pub struct RedisStore {
    target: RedisTarget,
    /// For what is read and counted.
    link: Link,
    /// For what must not be lost; the same link where no replica is waited for.
    durable: Link,
    keys: Arc<Keys>,
    session_counter: BatchedCounter,
    keeping: Keeping,
    revocations: Arc<RevocationSet>,
    user_changes: Arc<UserChanges>,
    clock: Arc<dyn Clock>,
    /// Of apps' sessions, on this node.
    creations: AtomicUsize,
    is_step_by_step: bool,
}

impl RedisStore {
    /// Connects, within a few seconds or not at all; afterwards the store finds its way back by itself.
    pub async fn connect(
        target: &RedisTarget,
        keeping: Keeping,
        revocations: Arc<RevocationSet>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let link = first_link(target).await?;
        let durable = match keeping.wait_for_replicas {
            0 => link.clone(),
            replicas => Link::connect_waiting(target, replicas).await.map_err(unreachable)?,
        };
        let keys = Arc::new(Keys::new(target.prefix.clone(), keeping.refresh_keys));
        Ok(Self {
            session_counter: BatchedCounter::new(link.clone(), Arc::clone(&keys)),
            keys,
            target: target.clone(),
            link,
            durable,
            keeping,
            revocations,
            user_changes: Arc::default(),
            clock,
            creations: AtomicUsize::new(0),
            is_step_by_step: false,
        })
    }

    /// The same, in the steps that a Cluster takes where one server could do with one: what a crash between
    /// two of them leaves can then be tried on any server.
    #[must_use]
    pub const fn step_by_step(mut self) -> Self {
        self.is_step_by_step = true;
        self
    }

    /// Begins to follow revocations, of this node and others, until the [`Feed`] is dropped.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn follow(&self) -> io::Result<Feed> {
        Feed::start(self)
    }
}

/// Connects; a Redis that is about to be there is waited for, a wrong password is not.
async fn first_link(target: &RedisTarget) -> Result<Link, StoreError> {
    let deadline = Instant::now() + START;
    loop {
        match timeout_at(deadline, Link::connect(target)).await {
            Ok(Err(error)) if Instant::now() + BETWEEN < deadline && may_pass(&error) => {
                sleep(BETWEEN).await;
            }
            Ok(linked) => return linked.map_err(unreachable),
            Err(_) => return Err(away("it does not answer")),
        }
    }
}

impl RedisStore {
    /// The present moment as scripts are given it.
    fn moment(&self, now: Timestamp) -> String {
        match self.keeping.times {
            Times::OfServer => String::new(),
            Times::OfNode => now.millis().to_string(),
        }
    }

    /// Whether every key is on one server, so that one step can write several.
    const fn is_one_server(&self) -> bool {
        self.link.node().is_some() && !self.is_step_by_step
    }
}

/// Whole milliseconds, as Redis counts.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
