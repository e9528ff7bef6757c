//! [`InstallationStore`] in SQLite: a row of the table `installation`.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::{
    SqliteStore,
    engine::{connection, writer::Step},
};
use crate::{
    domain::installation::SecretFingerprint,
    store::{
        error::StoreError,
        installation::{Claim, InstallationStore},
    },
};

const SECRET: &str = "SELECT value FROM installation WHERE name = 'refresh_secret'";
const CLAIM: &str =
    "INSERT INTO installation (name, value) VALUES ('refresh_secret', ?1) ON CONFLICT (name) DO NOTHING";
const REPLACE: &str = "INSERT OR REPLACE INTO installation (name, value) VALUES ('refresh_secret', ?1)";
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
}

impl SqliteStore {
    /// The fingerprint that a file remembers, which is only looked at: it may be one of an older server.
    /// Blocks.
    pub fn secret_in(path: &Path) -> Result<Option<SecretFingerprint>, StoreError> {
        let db = connection::read_only(path)?;
        if db.query_row(IS_KEPT, [], |row| row.get(0))? { secret(&db) } else { Ok(None) }
    }
}

fn secret(db: &Connection) -> Result<Option<SecretFingerprint>, StoreError> {
    let value = db.query_row(SECRET, [], |row| row.get(0)).optional()?;
    Ok(value.map(SecretFingerprint::remembered))
}

fn claim(step: &mut Step<'_>, ours: &SecretFingerprint) -> Result<Claim, StoreError> {
    step.db.execute(CLAIM, [ours.as_str()])?;
    Ok(if secret(step.db)?.as_ref() == Some(ours) { Claim::Ours } else { Claim::Anothers })
}
