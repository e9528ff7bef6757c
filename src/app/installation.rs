//! What makes several nodes one installation: the secret behind refresh tokens, and the keys that seal data.
//! The store that they share remembers the fingerprint of the one and which of the others is in use, so that a
//! node that lacks them is found out before it serves.

use std::{path::Path, sync::Arc};

use super::StartError;
use crate::{
    config::{Database, Redis},
    domain::{
        causes::Causes, ids::SealingKeyId, installation::SecretFingerprint, refresh_token::RefreshSecret,
    },
    keys::{folder::Folder, sealer::Sealer},
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

    /// Makes the first sealing key where the installation has none yet, or fails where it has one that this
    /// node lacks. A folder that cannot be written to, as of an installation of before there were such keys,
    /// is no reason not to serve: nothing can be sealed until the operator makes a key.
    pub(super) async fn join_sealing(&self, keys: &Path, sealer: &Sealer) -> Result<(), StartError> {
        let known = self.sealing_key().await?;
        if known.is_none()
            && let Err(error) = sealer.begin()
        {
            tracing::warn!(error = %Causes(&error), "no sealing key could be made");
        }
        match self.agree_on_sealing(sealer).await? {
            None => Ok(()),
            Some(id) => {
                let file = keys.join(Folder::SEALING);
                Err(StartError::LacksSealingKey { id, file, place: self.place.clone() })
            }
        }
    }

    async fn sealing_key(&self) -> Result<Option<SealingKeyId>, StartError> {
        self.store.sealing_key().await.map_err(|error| self.failed(error))
    }

    /// Has the store remember the youngest key that is sealed with; says the one that it remembers where this
    /// node does not have it. A node that has not heard of the youngest key yet does not take it back.
    pub(super) async fn agree_on_sealing(&self, sealer: &Sealer) -> Result<Option<SealingKeyId>, StartError> {
        loop {
            let known = self.sealing_key().await?;
            let lacking = known.filter(|known| !sealer.holds(*known));
            let Some(ours) = sealer.sealing().filter(|_| lacking.is_none()) else { return Ok(lacking) };
            if known.is_some_and(|known| sealer.is_older(ours, known)) {
                return Ok(None);
            }
            let agreed = self.store.agree_on_sealing(known, ours).await;
            // Where another node was faster, what it wrote is looked at; each change is to a younger key.
            if agreed.map_err(|error| self.failed(error))? {
                return Ok(None);
            }
        }
    }

    /// Whether that is the sealing key in use.
    pub(super) async fn seals_with(&self, id: SealingKeyId) -> Result<bool, StartError> {
        Ok(self.sealing_key().await? == Some(id))
    }

    /// Has `new` in use in place of `old`, which is retired.
    pub(super) async fn give_up_sealing_key(
        &self,
        old: SealingKeyId,
        new: SealingKeyId,
    ) -> Result<(), StartError> {
        let agreed = self.store.agree_on_sealing(Some(old), new).await;
        agreed.map(drop).map_err(|error| self.failed(error))
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
