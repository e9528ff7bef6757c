//! What makes several nodes one installation: the secret behind refresh tokens. The store that they share
//! remembers its fingerprint, so that a node with another secret is found out before it serves.

use std::{path::Path, sync::Arc};

use super::StartError;
use crate::{
    config::{Database, Redis},
    domain::{installation::SecretFingerprint, refresh_token::RefreshSecret},
    keys::folder::Folder,
    store::{
        error::StoreError,
        installation::{Claim, InstallationStore},
    },
};

/// The store that remembers: the database, or the Redis of nodes that have a database each.
#[derive(Clone)]
pub struct Installation {
    store: Arc<dyn InstallationStore>,
    setting: &'static str,
    place: String,
}

impl Installation {
    /// Remembered in the database.
    pub(super) fn in_database(store: Arc<dyn InstallationStore>, database: &Database) -> Self {
        Self { store, setting: "storage.database_url", place: database.place() }
    }

    pub(super) fn in_redis(store: Arc<dyn InstallationStore>, redis: &Redis) -> Self {
        Self { store, setting: "storage.redis_url", place: redis.place() }
    }

    /// Whether a node has served before, so that there is a secret somewhere.
    pub(super) async fn has_begun(&self) -> Result<bool, StartError> {
        Ok(self.secret().await?.is_some())
    }

    /// The fingerprint of the secret in use.
    pub(super) async fn secret(&self) -> Result<Option<SecretFingerprint>, StartError> {
        self.store.secret().await.map_err(|error| self.failed(error))
    }

    /// Makes `secret` the one of the installation, or fails where that has another.
    pub(super) async fn join(&self, keys: &Path, secret: &RefreshSecret) -> Result<(), StartError> {
        match self.claim(secret).await? {
            Claim::Ours => Ok(()),
            Claim::Anothers => {
                Err(StartError::OtherSecret { file: keys.join(Folder::SECRET), place: self.place.clone() })
            }
        }
    }

    /// Whose secret is in use; where none is remembered, that is this one from now on.
    pub(super) async fn claim(&self, secret: &RefreshSecret) -> Result<Claim, StartError> {
        let claimed = self.store.claim_secret(&SecretFingerprint::of(secret)).await;
        claimed.map_err(|error| self.failed(error))
    }

    /// Makes `secret` the one in use, whatever it was before.
    pub(super) async fn replace(&self, secret: &RefreshSecret) -> Result<(), StartError> {
        let replaced = self.store.replace_secret(&SecretFingerprint::of(secret)).await;
        replaced.map_err(|error| self.failed(error))
    }

    fn failed(&self, source: StoreError) -> StartError {
        StartError::Store { setting: self.setting, place: self.place.clone(), source }
    }
}
