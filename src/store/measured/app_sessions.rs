//! The promise of sessions that other app servers keep here, timed.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Measured, watch::StoreWatch};
use crate::{
    domain::{
        app::AppName,
        app_session::{AppSession, AppUser, NewAppSession},
        app_session_data::DataChange,
        clock::Timestamp,
        cursor::Cursor,
        ids::SessionId,
    },
    store::{
        app_sessions::{AppPage, AppSessionStore, Listing, Saved},
        error::StoreError,
    },
};

/// What is timed, the most frequent first.
const VERBS: [&str; 7] = [
    "app_sessions.create",
    "app_sessions.get",
    "app_sessions.set",
    "app_sessions.end",
    "app_sessions.end_all",
    "app_sessions.list",
    "app_sessions.active_users",
];

impl Measured<dyn AppSessionStore> {
    #[must_use]
    pub fn app_sessions(
        inner: Arc<dyn AppSessionStore>,
        watch: &Arc<StoreWatch>,
    ) -> Arc<dyn AppSessionStore> {
        Arc::new(Self::new(inner, watch, &VERBS))
    }
}

#[async_trait]
impl AppSessionStore for Measured<dyn AppSessionStore> {
    async fn create(&self, session: &NewAppSession) -> Result<(), StoreError> {
        self.timed("app_sessions.create", self.inner.create(session)).await
    }

    async fn get(
        &self,
        app: &AppName,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<AppSession>, StoreError> {
        self.timed("app_sessions.get", self.inner.get(app, session, now)).await
    }

    async fn set(
        &self,
        app: &AppName,
        session: SessionId,
        change: &DataChange,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<Saved, StoreError> {
        self.timed("app_sessions.set", self.inner.set(app, session, change, expected, now)).await
    }

    async fn end(&self, app: &AppName, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        self.timed("app_sessions.end", self.inner.end(app, session, now)).await
    }

    async fn end_all(
        &self,
        app: &AppName,
        user: Option<&AppUser>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.timed("app_sessions.end_all", self.inner.end_all(app, user, now)).await
    }

    async fn list(
        &self,
        app: &AppName,
        listing: &Listing,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<AppPage, StoreError> {
        self.timed("app_sessions.list", self.inner.list(app, listing, after, limit, now)).await
    }

    async fn active_users(&self, app: &AppName, since: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        self.timed("app_sessions.active_users", self.inner.active_users(app, since, now)).await
    }
}
