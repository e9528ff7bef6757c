//! Sessions of other app servers.

use async_trait::async_trait;

use super::SqliteStore;
use crate::{
    domain::{
        app::AppName,
        app_session::{AppSession, AppUser, NewAppSession},
        app_session_data::DataChange,
        clock::Timestamp,
        ids::SessionId,
    },
    store::{
        app_sessions::{AppPage, AppSessionStore, Listing, Saved},
        error::StoreError,
        sessions::Cursor,
    },
};

#[async_trait]
impl AppSessionStore for SqliteStore {
    async fn create(&self, _: &NewAppSession) -> Result<(), StoreError> {
        Err(StoreError::silent())
    }

    async fn get(&self, _: &AppName, _: SessionId, _: Timestamp) -> Result<Option<AppSession>, StoreError> {
        Err(StoreError::silent())
    }

    async fn set(
        &self,
        _: &AppName,
        _: SessionId,
        _: &DataChange,
        _: Option<u64>,
        _: Timestamp,
    ) -> Result<Saved, StoreError> {
        Err(StoreError::silent())
    }

    async fn end(&self, _: &AppName, _: SessionId, _: Timestamp) -> Result<bool, StoreError> {
        Err(StoreError::silent())
    }

    async fn end_all(&self, _: &AppName, _: Option<&AppUser>, _: Timestamp) -> Result<u64, StoreError> {
        Err(StoreError::silent())
    }

    async fn list(
        &self,
        _: &AppName,
        _: &Listing,
        _: Option<&Cursor>,
        _: u32,
        _: Timestamp,
    ) -> Result<AppPage, StoreError> {
        Err(StoreError::silent())
    }

    async fn active_users(&self, _: &AppName, _: Timestamp, _: Timestamp) -> Result<u64, StoreError> {
        Err(StoreError::silent())
    }
}
