//! The promise of events: each is kept once, found newest first by whom or what it is about, and forgotten when its
//! time is over or there are too many.

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::{
    clock::Timestamp,
    event::{Event, EventFilter, EventId},
};

/// An event with its place in the order in which events were written, which is not that of time where several nodes
/// write, or one could not for a while. For who follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenEvent {
    pub place: i64,
    pub event: Event,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// What is older is forgotten.
    pub since: Timestamp,
    /// Where there are more, the oldest go: first those of [`EventKind::BY_STRANGERS`](crate::domain::event::EventKind::BY_STRANGERS), so that nobody can wash out
    /// the others by failing often enough.
    pub most: u64,
}

#[async_trait]
pub trait EventStore: Send + Sync {
    /// Keeps all of them or none. One whose id is kept already is passed over, so that a call can be repeated.
    async fn append(&self, events: &[Event]) -> Result<(), StoreError>;

    /// The newest, `limit` at most, of those before `before`.
    async fn list(&self, filter: &EventFilter, before: EventId, limit: u32)
    -> Result<Vec<Event>, StoreError>;

    /// Those that were written after that place, in the order of writing. Of writes at the same moment one may
    /// appear a moment later at an earlier place.
    async fn written_after(
        &self,
        filter: &EventFilter,
        place: i64,
        limit: u32,
    ) -> Result<Vec<WrittenEvent>, StoreError>;

    /// The place of the event that was written last; 0 where there is none.
    async fn last_place(&self) -> Result<i64, StoreError>;

    /// Forgets what need not be kept, at most `limit` events; returns how many. None are left to forget where it is 0.
    async fn forget(&self, retention: &Retention, limit: u32) -> Result<u64, StoreError>;
}
