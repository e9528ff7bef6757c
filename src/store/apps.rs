//! The promise of apps: which ones use this server. `default` is always there and cannot be removed.

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::app::{App, AppChange, AppName};

/// What became of a new app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    Yes,
    /// There is one of that name.
    NameTaken,
}

#[async_trait]
pub trait AppStore: Send + Sync {
    async fn register(&self, app: &App) -> Result<Registered, StoreError>;

    /// The app with that name.
    async fn find(&self, name: &AppName) -> Result<Option<App>, StoreError>;

    /// Every app, by name.
    async fn list(&self) -> Result<Vec<App>, StoreError>;

    /// Changes an app, and returns it as it is then: of two changes at once neither undoes what the other did to
    /// another part, and what a later server decided for it stays.
    /// `None` = there is none of that name; or it cannot be
    /// changed so: a public one has no secret to renew, and `default` is never given one.
    async fn change(&self, name: &AppName, change: &AppChange) -> Result<Option<App>, StoreError>;

    /// Removes an app; `false` = there is none of that name, or it is `default`.
    async fn remove(&self, name: &AppName) -> Result<bool, StoreError>;
}
