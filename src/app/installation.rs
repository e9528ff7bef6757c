//! What makes several nodes one installation: the secret behind refresh tokens. The store that they share
//! remembers its fingerprint, so that a node with another secret is found out before it serves.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use tokio::time::interval;

use super::{Home, StartError, migrate::expect_database};
use crate::{
    config::{Database, Redis, Settings},
    domain::{clock::Clock, installation::SecretFingerprint, refresh_token::RefreshSecret},
    keys::{folder::Folder, ring::KeyRing},
    store::{
        error::StoreError,
        installation::{Claim, InstallationStore},
    },
};

/// How often a node says again what it has, so that no store forgets it while one runs.
const REMIND: Duration = Duration::from_mins(5);

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

    /// Remembered in Redis.
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

    async fn replace(&self, secret: &RefreshSecret) -> Result<(), StartError> {
        let replaced = self.store.replace_secret(&SecretFingerprint::of(secret)).await;
        replaced.map_err(|error| self.failed(error))
    }

    fn failed(&self, source: StoreError) -> StartError {
        StartError::Store { setting: self.setting, place: self.place.clone(), source }
    }
}

/// Makes a new secret, and has the installation go by it from the next start of each node on.
///
/// # Errors
/// When the stores cannot be used, or the keys folder cannot be written to.
pub async fn new_secret(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<(), StartError> {
    expect_database(settings).await?;
    let home = Home::open(settings, clock).await?;
    let made = || {
        let folder = Folder::make(&settings.keys.dir)?;
        let secret = folder.lock()?.make_secret()?;
        Ok(RefreshSecret::new(&secret))
    };
    // The file first: cut short here, the next start says that it is not the one in use.
    let secret = made().map_err(StartError::Keys)?;
    home.installation().replace(&secret).await
}

/// Reminds the stores of the secret, and of the key that signs, for as long as the node runs.
pub(super) async fn keep(home: Home, keys: Arc<KeyRing>, clock: Arc<dyn Clock>) {
    let mut ticks = interval(REMIND);
    loop {
        ticks.tick().await;
        match home.installation().claim(keys.refresh_secret()).await {
            Ok(Claim::Ours) => {}
            Ok(Claim::Anothers) => tracing::error!(
                "another refresh.secret is in use by now: start this node anew with the keys of the others, \
                 which take none of its refresh tokens"
            ),
            // Whoever needs the store meanwhile says so.
            Err(error) => tracing::debug!(error = &error as &dyn Error, "the secret could not be compared"),
        }
        if let (Some(redis), Some(kid)) = (home.redis(), keys.signer())
            && let Err(error) = redis.note_signer(&kid, clock.now()).await
        {
            tracing::debug!(error = &error as &dyn Error, "the signing key could not be noted");
        }
    }
}
