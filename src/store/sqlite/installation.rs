//! [`InstallationStore`] in SQLite: a row of the table `installation`.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    SqliteStore,
    engine::{connection, errors::corrupt, writer::Step},
};
use crate::{
    domain::{ids::SealingKeyId, installation::SecretFingerprint},
    store::{
        error::StoreError,
        installation::{Claim, InstallationStore},
    },
};

const VALUE: &str = "SELECT value FROM installation WHERE name = ?1";
const CLAIM: &str =
    "INSERT INTO installation (name, value) VALUES ('refresh_secret', ?1) ON CONFLICT (name) DO NOTHING";
const REPLACE: &str = "INSERT OR REPLACE INTO installation (name, value) VALUES ('refresh_secret', ?1)";
const AGREE: &str = "INSERT INTO installation (name, value) VALUES ('sealing_key', ?2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value IN (?1, ?2)";
const IS_KEPT: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'installation')";

#[async_trait]
impl InstallationStore for SqliteStore {
    async fn secret(&self) -> Result<Option<SecretFingerprint>, StoreError> {
        self.readers.read(secret).await
    }

    async fn claim_secret(&self, ours: &SecretFingerprint) -> Result<Claim, StoreError> {
        let ours = ours.clone();
        self.writer.write(move |step| claim(step, &ours)).await
    }

    async fn replace_secret(&self, new: &SecretFingerprint) -> Result<(), StoreError> {
        let new = new.clone();
        self.writer.write(move |step| Ok(step.db.execute(REPLACE, [new.as_str()]).map(drop)?)).await
    }

    async fn sealing_key(&self) -> Result<Option<SealingKeyId>, StoreError> {
        self.readers.read(sealing_key).await
    }

    async fn agree_on_sealing(
        &self,
        old: Option<SealingKeyId>,
        new: SealingKeyId,
    ) -> Result<bool, StoreError> {
        let (old, new) = (old.map(|id| id.to_string()), new.to_string());
        self.writer.write(move |step| Ok(step.db.execute(AGREE, params![old, new])? == 1)).await
    }
}

impl SqliteStore {
    /// What a file remembers of the secret and the sealing key. It is only looked at: it may be one of an
    /// older server. Blocks.
    pub fn installation_in(
        path: &Path,
    ) -> Result<(Option<SecretFingerprint>, Option<SealingKeyId>), StoreError> {
        let db = connection::read_only(path)?;
        let is_kept = db.query_row(IS_KEPT, [], |row| row.get(0))?;
        if is_kept { Ok((secret(&db)?, sealing_key(&db)?)) } else { Ok((None, None)) }
    }
}

fn secret(db: &Connection) -> Result<Option<SecretFingerprint>, StoreError> {
    Ok(value(db, "refresh_secret")?.map(SecretFingerprint::remembered))
}

fn sealing_key(db: &Connection) -> Result<Option<SealingKeyId>, StoreError> {
    let id = value(db, "sealing_key")?;
    let unreadable = || corrupt("installation.value", "sealing_key".to_owned());
    id.map(|id| id.parse().map_err(|_| unreadable())).transpose()
}

fn value(db: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    Ok(db.query_row(VALUE, [name], |row| row.get(0)).optional()?)
}

fn claim(step: &mut Step<'_>, ours: &SecretFingerprint) -> Result<Claim, StoreError> {
    step.db.execute(CLAIM, [ours.as_str()])?;
    Ok(if secret(step.db)?.as_ref() == Some(ours) { Claim::Ours } else { Claim::Anothers })
}
