//! [`OnceStore`] in Redis: a key `once:<hash>` that ends with what it guards.

use std::time::Duration;

use async_trait::async_trait;

use super::{RedisStore, millis, script::SPEND};
use crate::{
    domain::clock::Timestamp,
    store::{
        error::StoreError,
        once::{OnceStore, Spending, Spent},
    },
};

/// No key is without an end, and none ends at once.
const LEAST: Duration = Duration::from_millis(1);

#[async_trait]
impl OnceStore for RedisStore {
    async fn spend(&self, spending: &Spending, now: Timestamp) -> Result<Spent, StoreError> {
        let life = now.until(spending.kept_until()).max(LEAST);
        let call = SPEND.on(&self.keys.once(&spending.key)).arg(millis(life)).arg(&spending.outcome);
        let before: Option<String> = self.durable.call_durably(&call).await?;
        Ok(before.map_or(Spent::First, Spent::Before))
    }
}
