//! Counters: one script a step, so that a window and its end begin together.
//!
//! A step is sent once more when the connection breaks under it, and may then have been counted
//! twice. That errs on the strict side, in a moment that is rare: the alternative is to refuse the
//! requests that were to be counted.

pub(super) mod batch;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::{
    RedisStore, millis,
    script::{COUNT, TAKE_BACK},
};
use crate::{
    domain::clock::Timestamp,
    store::{
        counters::{Count, Counter, CounterStore},
        error::StoreError,
    },
};

#[async_trait]
impl CounterStore for RedisStore {
    async fn add(&self, counter: &Counter, window: Duration, _now: Timestamp) -> Result<Count, StoreError> {
        if let Counter::Session(session) = counter {
            return self.session_counter.add(*session, window).await;
        }
        // Boxed, for the future of this function is allocated anew by each check and is to stay small.
        Box::pin(self.add_one(counter, window)).await
    }

    async fn read(&self, counters: &[Counter], _now: Timestamp) -> Result<Vec<Count>, StoreError> {
        try_join_all(counters.iter().map(|counter| self.read_one(counter))).await
    }

    async fn take_back(&self, counter: &Counter, _now: Timestamp) -> Result<(), StoreError> {
        self.link.call::<()>(&TAKE_BACK.on(&self.keys.counter(counter))).await
    }

    async fn clear(&self, counter: &Counter) -> Result<(), StoreError> {
        self.link.run(redis::cmd("DEL").arg(self.keys.counter(counter))).await
    }
}

impl RedisStore {
    async fn add_one(&self, counter: &Counter, window: Duration) -> Result<Count, StoreError> {
        let call = COUNT.on(&self.keys.counter(counter)).arg(millis(window)).arg(1);
        let (value, left) = self.link.call::<(u64, u64)>(&call).await?;
        Ok(Count { value, resets_in: Duration::from_millis(left) })
    }

    async fn read_one(&self, counter: &Counter) -> Result<Count, StoreError> {
        let key = self.keys.counter(counter);
        let (get, pttl) = (redis::Cmd::get(&key), redis::Cmd::pttl(&key));
        let (value, left) =
            tokio::try_join!(self.link.run::<Option<u64>>(&get), self.link.run::<i64>(&pttl),)?;
        // Between the two the window may end: then there is nothing to count.
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        Ok(value.map_or_else(Count::default, |value| Count { value, resets_in: left }))
    }
}
