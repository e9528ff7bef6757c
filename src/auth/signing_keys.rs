//! Signing keys: what an administrator does with them, and that it is told of. Keys are in no store, so whoever changes
//! them by another way says so here.

use std::sync::Arc;

use super::{
    Auth,
    error::{AuthError, Missing},
};
use crate::{
    domain::{event::EventKind, occasion::Occasion},
    keys::{error::KeyError, operate::KeyInfo, ring::KeyRing, schedule::Retirement},
};

impl Auth {
    /// Makes a new signing key, see [`KeyRing::rotate`](crate::keys::ring::KeyRing::rotate).
    pub async fn rotate_key(&self, occasion: &Occasion) -> Result<KeyInfo, AuthError> {
        let made = self.on_keys(KeyRing::rotate).await?;
        self.note_key_rotated(&made.kid, occasion).await;
        Ok(made)
    }

    /// Takes a signing key out of service, see [`KeyRing::retire`](crate::keys::ring::KeyRing::retire).
    pub async fn retire_key(&self, kid: &str, how: Retirement, occasion: &Occasion) -> Result<(), AuthError> {
        let name = kid.to_owned();
        self.on_keys(move |keys| keys.retire(&name, how)).await?;
        self.note_key_retired(kid, how, occasion).await;
        Ok(())
    }

    /// Tells of a key that was made; keys are in no store, so whoever makes one says it.
    pub async fn note_key_rotated(&self, key: &str, occasion: &Occasion) {
        self.tell(self.event(EventKind::KeyRotated, occasion).in_detail(key)).await;
    }

    /// Tells of a key that was taken out of service.
    pub async fn note_key_retired(&self, key: &str, how: Retirement, occasion: &Occasion) {
        let reason = match how {
            Retirement::Orderly => "orderly",
            Retirement::Compromised => "compromised",
        };
        self.tell(self.event(EventKind::KeyRetired, occasion).because(reason).in_detail(key)).await;
    }

    /// Files are changed on a thread that may block.
    async fn on_keys<T: Send + 'static>(
        &self,
        change: impl FnOnce(&KeyRing) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, AuthError> {
        let keys = Arc::clone(&self.keys);
        let changed = tokio::task::spawn_blocking(move || change(&keys)).await;
        changed.map_err(|panic| AuthError::Hasher(Box::new(panic)))?.map_err(|error| match error {
            KeyError::NoSuchKey { .. } => AuthError::NotFound(Missing::Key),
            error => error.into(),
        })
    }
}
