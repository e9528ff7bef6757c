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
        causes::Causes,
        clock::Clock,
        event::{Event, EventKind},
        occasion::Occasion,
    },
    measures::table::EVENTS_LOST,
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
    queue: Mutex<Backlog>,
    state: watch::Sender<State>,
}

/// How far the writing has come.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// How many of those that entered the queue have left it.
    settled: u64,
    /// Whether the database did not take the last ones.
    is_stuck: bool,
}

#[derive(Default)]
struct Backlog {
    waiting: VecDeque<Event>,
    /// How many ever entered it.
    entered: u64,
    /// How many could not be kept, and are not told of yet.
    lost: u32,
    is_written: bool,
}

/// What is waited for after events were told.
pub(in crate::auth) struct Receipt {
    state: watch::Receiver<State>,
    until: u64,
}

impl Receipt {
    /// Waits until the events are kept. Not where the database is away, nor for long: then they stay in the queue.
    pub(in crate::auth) async fn kept(mut self) {
        let kept = self.state.wait_for(|state| state.is_stuck || state.settled >= self.until);
        // The sender is there for as long as the recorder is.
        let _ = timeout(PATIENCE, kept).await;
    }
}

impl Recorder {
    pub(in crate::auth) fn new(store: Arc<dyn EventStore>, clock: Arc<dyn Clock>) -> Self {
        let (state, _) = watch::channel(State::default());
        Self(Arc::new(Desk { store, clock, queue: Mutex::default(), state }))
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
        Receipt { state: self.0.state.subscribe(), until: queue.entered }
    }

    /// Waits until all that were told are kept, or for so long; returns how many are left.
    pub(in crate::auth) async fn flush(&self, patience: Duration) -> usize {
        let mut state = self.0.state.subscribe();
        let all = async {
            loop {
                let last = self.0.queue().last();
                let Some(until) = last else { break };
                let _ = state.wait_for(|state| state.settled >= until).await;
            }
        };
        let _ = timeout(patience, all).await;
        self.0.queue().waiting.len()
    }
}

impl Backlog {
    /// The number of the last one that waits.
    fn last(&self) -> Option<u64> {
        (!self.waiting.is_empty()).then_some(self.entered)
    }

    fn enter(&mut self, event: Event) {
        if self.waiting.len() < WAITING {
            self.waiting.push_back(event);
            self.entered += 1;
        } else {
            self.lose("the database does not take events, and no more of them can wait");
        }
    }

    fn lose(&mut self, why: &'static str) {
        EVENTS_LOST.count(&[]);
        if self.lost == 0 {
            tracing::error!(why, "events are lost");
        }
        self.lost = self.lost.saturating_add(1);
    }
}

impl Desk {
    fn queue(&self) -> MutexGuard<'_, Backlog> {
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
        if self.state.borrow().is_stuck {
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
        if !self.state.borrow().is_stuck {
            let waiting = self.queue().waiting.len();
            tracing::warn!(error = %Causes(error), waiting, "events wait for the database");
        }
        self.state.send_modify(|state| state.is_stuck = true);
    }

    fn give_up(&self, error: &StoreError) {
        let mut queue = self.queue();
        if queue.lost == 0 {
            tracing::error!(error = %Causes(error), "an event could not be kept");
        }
        queue.waiting.pop_front();
        queue.lose("the database refuses an event");
        self.left(1);
    }

    /// Says that so many have left the queue, to those who wait.
    fn left(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.state.send_modify(|state| {
            *state = State { settled: state.settled.saturating_add(count), is_stuck: false };
        });
    }
}
