//! What an operator does with signing keys while the server runs. It takes the folder's lock and the disk, so it is
//! not done on a thread that answers others.

use std::sync::Arc;

use tokio::task;

use super::{
    Auth,
    error::{AuthError, Missing},
};
use crate::{
    keys::{error::KeyError, operate::KeyInfo, ring::KeyRing, schedule::Retirement},
    store::error::StoreError,
};

impl Auth {
    /// Makes a new signing key; other nodes see it within a minute.
    pub async fn rotate_keys(&self) -> Result<KeyInfo, AuthError> {
        self.with_keys(KeyRing::rotate).await
    }

    /// Takes a signing key out of service, or has it deleted and its tokens refused: here at once, by other nodes
    /// within a minute.
    pub async fn retire_key(&self, kid: String, how: Retirement) -> Result<(), AuthError> {
        self.with_keys(move |keys| keys.retire(&kid, how)).await
    }

    async fn with_keys<T: Send + 'static>(
        &self,
        work: impl FnOnce(&KeyRing) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, AuthError> {
        let keys = Arc::clone(&self.keys);
        let done = task::spawn_blocking(move || work(&keys)).await;
        let done =
            done.map_err(|error| StoreError::Away { store: "keys folder", source: Box::new(error) })?;
        done.map_err(|error| match error {
            KeyError::NoSuchKey { .. } => AuthError::NotFound(Missing::Key),
            error => error.into(),
        })
    }
}
