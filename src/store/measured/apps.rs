//! The promise of apps, timed.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Measured, watch::StoreWatch};
use crate::{
    domain::app::{App, AppChange, AppName},
    store::{
        apps::{AppStore, Registered},
        error::StoreError,
    },
};

/// What is timed, the most frequent first.
const VERBS: [&str; 5] = ["apps.register", "apps.find", "apps.list", "apps.change", "apps.remove"];

impl Measured<dyn AppStore> {
    #[must_use]
    pub fn apps(inner: Arc<dyn AppStore>, watch: &Arc<StoreWatch>) -> Arc<dyn AppStore> {
        Arc::new(Self::new(inner, watch, &VERBS))
    }
}

#[async_trait]
impl AppStore for Measured<dyn AppStore> {
    async fn register(&self, app: &App) -> Result<Registered, StoreError> {
        self.timed("apps.register", self.inner.register(app)).await
    }

    async fn find(&self, name: &AppName) -> Result<Option<App>, StoreError> {
        self.timed("apps.find", self.inner.find(name)).await
    }

    async fn list(&self) -> Result<Vec<App>, StoreError> {
        self.timed("apps.list", self.inner.list()).await
    }

    async fn change(&self, name: &AppName, change: &AppChange) -> Result<Option<App>, StoreError> {
        self.timed("apps.change", self.inner.change(name, change)).await
    }

    async fn remove(&self, name: &AppName) -> Result<bool, StoreError> {
        self.timed("apps.remove", self.inner.remove(name)).await
    }
}
