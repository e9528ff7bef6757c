//! The promise of counters, timed.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{Measured, watch::StoreWatch};
use crate::{
    domain::clock::Timestamp,
    store::{
        counters::{Count, Counter, CounterStore},
        error::StoreError,
    },
};

/// What is timed, the most frequent first.
const VERBS: [&str; 4] = ["counters.add", "counters.read", "counters.take_back", "counters.clear"];

impl Measured<dyn CounterStore> {
    #[must_use]
    pub fn counters(inner: Arc<dyn CounterStore>, watch: &Arc<StoreWatch>) -> Arc<dyn CounterStore> {
        Arc::new(Self::new(inner, watch, &VERBS))
    }
}

#[async_trait]
impl CounterStore for Measured<dyn CounterStore> {
    async fn add(&self, counter: &Counter, window: Duration, now: Timestamp) -> Result<Count, StoreError> {
        self.timed("counters.add", self.inner.add(counter, window, now)).await
    }

    async fn read(&self, counters: &[Counter], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        self.timed("counters.read", self.inner.read(counters, now)).await
    }

    async fn take_back(&self, counter: &Counter, now: Timestamp) -> Result<(), StoreError> {
        self.timed("counters.take_back", self.inner.take_back(counter, now)).await
    }

    async fn clear(&self, counter: &Counter) -> Result<(), StoreError> {
        self.timed("counters.clear", self.inner.clear(counter)).await
    }
}
