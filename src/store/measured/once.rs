//! The promise of what is good once, timed.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Measured, watch::StoreWatch};
use crate::{
    domain::clock::Timestamp,
    store::{
        error::StoreError,
        once::{OnceStore, Spending, Spent},
    },
};

const VERBS: [&str; 1] = ["once.spend"];

impl Measured<dyn OnceStore> {
    #[must_use]
    pub fn once(inner: Arc<dyn OnceStore>, watch: &Arc<StoreWatch>) -> Arc<dyn OnceStore> {
        Arc::new(Self::new(inner, watch, &VERBS))
    }
}

#[async_trait]
impl OnceStore for Measured<dyn OnceStore> {
    async fn spend(&self, spending: &Spending, now: Timestamp) -> Result<Spent, StoreError> {
        self.timed("once.spend", self.inner.spend(spending, now)).await
    }
}
