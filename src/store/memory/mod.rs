//! Counters in this process's memory: for a single node, where nobody else counts along.

use std::time::Duration;

use async_trait::async_trait;

use self::windows::Windows;
use super::{
    counters::{Count, Counter, CounterStore},
    error::StoreError,
};
use crate::domain::{clock::Timestamp, ids::SessionId};

mod windows;

/// Counters that end with the process. They cannot grow without limit, whatever names a client
/// makes up; see `windows.rs` for who gives way.
pub struct MemoryCounters {
    /// Apart from the others, so that a flood of failed sign-ins costs no session its count.
    sessions: Windows<SessionId>,
    sign_ins: Windows<Counter>,
    /// Apart too: a flood makes nobody a stranger.
    known: Windows<Counter>,
}

impl Default for MemoryCounters {
    fn default() -> Self {
        Self {
            sessions: Windows::holding(1 << 18),
            sign_ins: Windows::holding(1 << 17),
            known: Windows::holding(1 << 17),
        }
    }
}

#[async_trait]
impl CounterStore for MemoryCounters {
    async fn add(&self, counter: &Counter, window: Duration, now: Timestamp) -> Result<Count, StoreError> {
        Ok(match counter {
            Counter::Session(session) => self.sessions.add(session, window, now),
            other => self.of(other).add(other, window, now),
        })
    }

    async fn read(&self, counters: &[Counter], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        let read = |counter: &Counter| match counter {
            Counter::Session(session) => self.sessions.read(session, now),
            other => self.of(other).read(other, now),
        };
        Ok(counters.iter().map(read).collect())
    }

    async fn take_back(&self, counter: &Counter, now: Timestamp) -> Result<(), StoreError> {
        match counter {
            Counter::Session(session) => self.sessions.take_back(session, now),
            other => self.of(other).take_back(other, now),
        }
        Ok(())
    }

    async fn clear(&self, counter: &Counter) -> Result<(), StoreError> {
        match counter {
            Counter::Session(session) => self.sessions.clear(session),
            other => self.of(other).clear(other),
        }
        Ok(())
    }
}

impl MemoryCounters {
    /// Where counters of that kind are, unless they are of sessions.
    const fn of(&self, counter: &Counter) -> &Windows<Counter> {
        match counter {
            Counter::LoginKnown(_) => &self.known,
            _ => &self.sign_ins,
        }
    }
}
