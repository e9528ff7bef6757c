//! Counts of sessions, sent together. What comes while a flush is under way waits for the next one, which
//! is one script call for all counters of a server, and counts of one session are one step of its
//! counter; each caller still gets a number of its own, in the order in which they came. So a busy node
//! pays for trips to Redis, not for counts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{sync::oneshot, task::yield_now};

use crate::{
    domain::ids::SessionId,
    store::{
        counters::{Count, Counter},
        error::StoreError,
        redis::{
            connection::{
                error::away,
                link::{Link, SHARDS},
            },
            keys::Keys,
            millis,
            script::{COUNT, Call},
        },
    },
};

/// How many counters one call steps at most: while a script runs, Redis does nothing else.
const COUNTERS_A_CALL: usize = 256;

/// Counts for one node; clones count together.
#[derive(Clone)]
pub struct BatchedCounter(Arc<Shared>);

struct Shared {
    link: Link,
    keys: Arc<Keys>,
    /// One for each shard of the link: a master that hangs holds up its own counts only.
    queues: [Mutex<Queue>; SHARDS],
}

#[derive(Default)]
struct Queue {
    waiting: HashMap<SessionId, Group>,
    /// One flush at a time: the more wait meanwhile, the less each one costs.
    is_flushing: bool,
}

/// Counts of one session, the first one first.
struct Group {
    window: Duration,
    callers: Vec<oneshot::Sender<Counted>>,
}

/// All that waited together are told the same error.
type Counted = Result<Count, Arc<StoreError>>;

impl BatchedCounter {
    pub fn new(link: Link, keys: Arc<Keys>) -> Self {
        Self(Arc::new(Shared { link, keys, queues: Default::default() }))
    }

    pub async fn add(&self, session: SessionId, window: Duration) -> Result<Count, StoreError> {
        let (caller, counted) = oneshot::channel();
        {
            let shard = self.0.link.shard(|| self.0.key(session));
            let mut queue = self.0.queue(shard);
            queue.waiting.entry(session).or_insert_with(|| Group::of(window)).callers.push(caller);
            if !queue.is_flushing {
                queue.is_flushing = true;
                // A task of its own: a caller that hangs up takes nobody's answer along.
                tokio::spawn(Arc::clone(&self.0).flush(shard));
            }
        }
        let counted = counted.await.map_err(|_| away("counting was cut short"))?;
        counted.map_err(StoreError::shared)
    }
}

impl Shared {
    fn queue(&self, shard: usize) -> MutexGuard<'_, Queue> {
        self.queues[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on until nobody waits.
    async fn flush(self: Arc<Self>, shard: usize) {
        // In a Cluster each key is in a slot of its own, and a script touches one slot.
        let together = if self.link.node().is_some() { COUNTERS_A_CALL } else { 1 };
        loop {
            // Whoever is about to count, on this thread, comes along.
            yield_now().await;
            let Some(mut waiting) = self.next(shard) else { return };
            let mut calls = Vec::with_capacity(waiting.len().div_ceil(together));
            while !waiting.is_empty() {
                let rest = waiting.split_off(together.min(waiting.len()));
                calls.push(self.count(std::mem::replace(&mut waiting, rest)));
            }
            join_all(calls).await;
        }
    }

    /// Those who wait, or the end of the flush: under one lock with the next one's beginning, so that nobody
    /// is left waiting.
    fn next(&self, shard: usize) -> Option<Vec<(SessionId, Group)>> {
        let mut queue = self.queue(shard);
        if queue.waiting.is_empty() {
            queue.is_flushing = false;
            return None;
        }
        Some(queue.waiting.drain().collect())
    }

    /// Counts for all of them, whose counters are on one server, and tells them. The reply ends before a
    /// counter that cannot be stepped; a call that begins with it brings its error, and the rest go on.
    async fn count(&self, mut waiting: Vec<(SessionId, Group)>) {
        while !waiting.is_empty() {
            let counted = self.link.call::<Vec<u64>>(&self.call(&waiting)).await;
            let counted = counted.and_then(|counts| match counts.len() {
                0 => Err(away("nothing was counted")),
                _ => Ok(counts),
            });
            match counted {
                Ok(counts) => {
                    let told = (counts.len() / 2).min(waiting.len());
                    for ((_, group), count) in waiting.drain(..told).zip(counts.chunks_exact(2)) {
                        group.tell(count[0], Duration::from_millis(count[1]));
                    }
                }
                Err(error) => {
                    let told = if error.is_away() { waiting.len() } else { 1 };
                    let error = Arc::new(error);
                    waiting.drain(..told).for_each(|(_, group)| group.fail(&error));
                }
            }
        }
    }

    fn key(&self, session: SessionId) -> String {
        self.keys.counter(&Counter::Session(session))
    }

    fn call(&self, waiting: &[(SessionId, Group)]) -> Call<'static> {
        let mut keys = waiting.iter().map(|(session, _)| self.key(*session));
        let call = COUNT.on(&keys.next().unwrap_or_default()).and_keys(keys);
        waiting.iter().fold(call, |call, (_, group)| call.arg(millis(group.window)).arg(group.callers.len()))
    }
}

impl Group {
    const fn of(window: Duration) -> Self {
        Self { window, callers: Vec::new() }
    }

    /// Redis has the count after the last one.
    fn tell(self, last: u64, resets_in: Duration) {
        let after = self.callers.len() as u64;
        for (place, caller) in (1..).zip(self.callers) {
            let value = (last + place).saturating_sub(after);
            // Whoever hung up was counted: the request had come.
            let _ = caller.send(Ok(Count { value, resets_in }));
        }
    }

    fn fail(self, error: &Arc<StoreError>) {
        for caller in self.callers {
            let _ = caller.send(Err(Arc::clone(error)));
        }
    }
}
