//! From what happened to the database that keeps it. What waits together is written together, and who caused it waits
//! for that, but not for a database that is away: then events wait in memory, some thousands of them, and go in
//! once it is back. What does not fit is lost, counted, and told by an event of its own.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::lines;
use crate::{
    domain::{
        clock::Clock,
        event::{Event, EventKind},
        occasion::Occasion,
    },
    store::{error::StoreError, events::EventStore},
};

/// How many may wait: some megabytes.
const WAITING: usize = 10_000;
/// How many are written at once.
const TOGETHER: usize = 256;
/// How long an answer may be held up for its events.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a database that is away is left alone, at first and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// Writes events down.
#[derive(Clone)]
pub(in crate::auth) struct Recorder(Arc<Desk>);

struct Desk {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    queue: Mutex<Queue>,
    /// How many of those that entered the queue have left it.
    settled: watch::Sender<u64>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Event>,
    /// How many ever entered it.
    entered: u64,
    /// How many could not be kept, and are not told of yet.
    lost: u32,
    is_written: bool,
    /// Whether the database did not take the last ones.
    is_stuck: bool,
}

/// What is waited for after events were told.
pub(in crate::auth) struct Receipt {
    settled: watch::Receiver<u64>,
    /// `None` = it would be of no use.
    until: Option<u64>,
}

impl Receipt {
    /// Waits until the events are kept, or until that takes too long: then they stay in the queue.
    pub(in crate::auth) async fn kept(self) {
        self.kept_within(PATIENCE).await;
    }

    async fn kept_within(mut self, patience: Duration) -> bool {
        let Some(until) = self.until else { return false };
        let kept = timeout(patience, self.settled.wait_for(|settled| *settled >= until)).await;
        matches!(kept, Ok(Ok(_)))
    }
}

impl Recorder {
    pub(in crate::auth) fn new(store: Arc<dyn EventStore>, clock: Arc<dyn Clock>) -> Self {
        let (settled, _) = watch::channel(0);
        Self(Arc::new(Desk { store, clock, queue: Mutex::default(), settled }))
    }

    /// Takes events in, at once: nothing comes between what happened and this.
    pub(in crate::auth) fn tell(&self, events: impl IntoIterator<Item = Event>) -> Receipt {
        let mut queue = self.0.queue();
        for event in events {
            lines::log(&event);
            queue.enter(event);
        }
        if !queue.waiting.is_empty() && !queue.is_written {
            queue.is_written = true;
            tokio::spawn(Arc::clone(&self.0).write());
        }
        let until = (!queue.is_stuck).then_some(queue.entered);
        Receipt { settled: self.0.settled.subscribe(), until }
    }

    /// Waits until all that were told are kept, or for so long; returns how many are left.
    pub(in crate::auth) async fn flush(&self, patience: Duration) -> usize {
        let until = Some(self.0.queue().entered);
        Receipt { settled: self.0.settled.subscribe(), until }.kept_within(patience).await;
        self.0.queue().waiting.len()
    }
}

impl Queue {
    fn enter(&mut self, event: Event) {
        if self.waiting.len() < WAITING {
            self.waiting.push_back(event);
            self.entered += 1;
        } else {
            self.lose("the database does not take events, and no more of them can wait");
        }
    }

    fn lose(&mut self, why: &'static str) {
        metrics::counter!("keyward_events_lost_total").increment(1);
        if self.lost == 0 {
            tracing::error!(why, "events are lost");
        }
        self.lost = self.lost.saturating_add(1);
    }
}

impl Desk {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until nothing waits.
    async fn write(self: Arc<Self>) {
        let (mut most, mut pause) = (TOGETHER, PAUSES[0]);
        while let Some(batch) = self.next(most) {
            match self.store.append(&batch).await {
                Ok(()) => {
                    self.settle(batch.len());
                    (most, pause) = (TOGETHER, PAUSES[0]);
                }
                Err(error) if error.is_away() => {
                    self.note_stuck(&error);
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSES[1]);
                }
                // Perhaps it is one alone that it does not take.
                Err(_) if batch.len() > 1 => most = 1,
                Err(error) => self.give_up(&error),
            }
        }
    }

    /// The next ones. They stay in the queue until they are kept.
    fn next(&self, most: usize) -> Option<Vec<Event>> {
        let mut queue = self.queue();
        queue.is_written = !queue.waiting.is_empty();
        queue.is_written.then(|| queue.waiting.iter().take(most).cloned().collect())
    }

    fn settle(&self, kept: usize) {
        let mut queue = self.queue();
        queue.waiting.drain(..kept);
        if std::mem::take(&mut queue.is_stuck) {
            tracing::info!(waiting = queue.waiting.len(), "the database takes events again");
        }
        let count = std::mem::take(&mut queue.lost);
        if count > 0 {
            let lost = Event::new(EventKind::EventsLost, &Occasion::of_server(), self.clock.now());
            let lost = Event { count, ..lost };
            lines::log(&lost);
            queue.enter(lost);
        }
        self.left(kept);
    }

    fn note_stuck(&self, error: &StoreError) {
        let mut queue = self.queue();
        if !std::mem::replace(&mut queue.is_stuck, true) {
            let (error, waiting) = (error as &dyn std::error::Error, queue.waiting.len());
            tracing::warn!(error, waiting, "events wait for the database");
        }
    }

    fn give_up(&self, error: &StoreError) {
        let mut queue = self.queue();
        if queue.lost == 0 {
            tracing::error!(error = error as &dyn std::error::Error, "an event could not be kept");
        }
        queue.waiting.pop_front();
        queue.lose("the database refuses an event");
        self.left(1);
    }

    /// Says that so many have left the queue, to those who wait.
    fn left(&self, count: usize) {
        self.settled.send_modify(|settled| *settled += u64::try_from(count).unwrap_or(u64::MAX));
    }
}
