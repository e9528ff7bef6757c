//! Counts of sessions, sent together. What comes while a trip to Redis is under way waits for the
//! next one, and counts of one session are one step of its counter there; each still gets a number
//! of its own, in the order in which they came. So a busy node pays for trips, not for counts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, task::yield_now};

use crate::{
    domain::ids::SessionId,
    store::{
        counters::{Count, Counter},
        error::StoreError,
        redis::{
            connection::{
                error::away,
                link::{LANES, Link},
            },
            keys::Keys,
            millis,
            script::{COUNT, Call},
        },
    },
};

/// Counts for one node; clones count together.
#[derive(Clone)]
pub struct Tally(Arc<Shared>);

struct Shared {
    link: Link,
    keys: Arc<Keys>,
    /// One for each lane of the link: a master that hangs holds up its own counts only.
    queues: [Mutex<Queue>; LANES],
}

#[derive(Default)]
struct Queue {
    waiting: HashMap<SessionId, Group>,
    /// Whether a trip is under way. One at a time: the more wait meanwhile, the less each one costs.
    is_away: bool,
}

/// Counts of one session, the first one first.
struct Group {
    window: Duration,
    callers: Vec<oneshot::Sender<Counted>>,
}

/// All that waited together are told the same error.
type Counted = Result<Count, Arc<StoreError>>;

impl Tally {
    pub fn new(link: Link, keys: Arc<Keys>) -> Self {
        Self(Arc::new(Shared { link, keys, queues: Default::default() }))
    }

    /// Counts one.
    pub async fn add(&self, session: SessionId, window: Duration) -> Result<Count, StoreError> {
        let (caller, counted) = oneshot::channel();
        {
            let lane = self.0.link.lane(&self.0.key(session));
            let mut queue = self.0.queue(lane);
            queue.waiting.entry(session).or_insert_with(|| Group::of(window)).callers.push(caller);
            if !queue.is_away {
                queue.is_away = true;
                // A task of its own: a caller that hangs up takes nobody's answer along.
                tokio::spawn(Arc::clone(&self.0).travel(lane));
            }
        }
        let counted = counted.await.map_err(|_| away("counting was cut short"))?;
        counted.map_err(StoreError::shared)
    }
}

impl Shared {
    fn queue(&self, lane: usize) -> MutexGuard<'_, Queue> {
        self.queues[lane].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on until nobody waits.
    async fn travel(self: Arc<Self>, lane: usize) {
        loop {
            // Whoever is about to count, on this thread, comes along.
            yield_now().await;
            let Some(groups) = self.next(lane) else { return };
            let calls: Vec<Call<'_>> =
                groups.iter().map(|(session, group)| self.call(*session, group)).collect();
            let counts = self.link.call_all::<(u64, u64)>(&calls).await;
            for ((_, group), counted) in groups.into_iter().zip(counts) {
                group.tell(counted);
            }
        }
    }

    /// Those who wait, in an order that holds until they are told, or the end of the trip.
    fn next(&self, lane: usize) -> Option<Vec<(SessionId, Group)>> {
        let mut queue = self.queue(lane);
        if queue.waiting.is_empty() {
            queue.is_away = false;
            return None;
        }
        Some(queue.waiting.drain().collect())
    }

    fn key(&self, session: SessionId) -> String {
        self.keys.counter(&Counter::Session(session))
    }

    fn call(&self, session: SessionId, group: &Group) -> Call<'static> {
        COUNT.on(&self.key(session)).arg(millis(group.window)).arg(group.callers.len())
    }
}

impl Group {
    const fn of(window: Duration) -> Self {
        Self { window, callers: Vec::new() }
    }

    /// Redis has the count after the last one.
    fn tell(self, counted: Result<(u64, u64), StoreError>) {
        let counted = counted.map_err(Arc::new);
        let after = self.callers.len() as u64;
        for (place, caller) in (1..).zip(self.callers) {
            let own = counted.clone().map(|(last, left)| Count {
                value: (last + place).saturating_sub(after),
                resets_in: Duration::from_millis(left),
            });
            // Whoever hung up was counted: the request had come.
            let _ = caller.send(own);
        }
    }
}
