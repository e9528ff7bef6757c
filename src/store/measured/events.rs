//! The promise of events, timed.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Measured, watch::StoreWatch};
use crate::{
    domain::event::{Event, EventFilter, EventId},
    store::{
        error::StoreError,
        events::{EventStore, Retention, WrittenEvent},
    },
};

/// What is timed, the most frequent first.
const VERBS: [&str; 5] =
    ["events.append", "events.list", "events.written_after", "events.last_place", "events.forget"];

impl Measured<dyn EventStore> {
    #[must_use]
    pub fn events(inner: Arc<dyn EventStore>, watch: &Arc<StoreWatch>) -> Arc<dyn EventStore> {
        Arc::new(Self::new(inner, watch, &VERBS))
    }
}

#[async_trait]
impl EventStore for Measured<dyn EventStore> {
    async fn append(&self, events: &[Event]) -> Result<(), StoreError> {
        self.timed("events.append", self.inner.append(events)).await
    }

    async fn list(
        &self,
        filter: &EventFilter,
        before: EventId,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        self.timed("events.list", self.inner.list(filter, before, limit)).await
    }

    async fn written_after(
        &self,
        filter: &EventFilter,
        place: i64,
        limit: u32,
    ) -> Result<Vec<WrittenEvent>, StoreError> {
        self.timed("events.written_after", self.inner.written_after(filter, place, limit)).await
    }

    async fn last_place(&self) -> Result<i64, StoreError> {
        self.timed("events.last_place", self.inner.last_place()).await
    }

    async fn forget(&self, retention: &Retention, limit: u32) -> Result<u64, StoreError> {
        self.timed("events.forget", self.inner.forget(retention, limit)).await
    }
}
