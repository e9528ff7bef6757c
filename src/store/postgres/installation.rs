//! [`InstallationStore`] in PostgreSQL: a row of the table `installation`.

use async_trait::async_trait;

use super::{PostgresStore, StoreError, engine::errors};
use crate::{
    domain::installation::SecretFingerprint,
    store::installation::{Claim, InstallationStore},
};

const SECRET: &str = "SELECT value FROM installation WHERE name = 'refresh_secret'";

const CLAIM: &str = "\
    INSERT INTO installation (name, value) VALUES ('refresh_secret', $1) ON CONFLICT (name) DO NOTHING";

const REPLACE: &str = "\
    INSERT INTO installation (name, value) VALUES ('refresh_secret', $1) \
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

#[async_trait]
impl InstallationStore for PostgresStore {
    async fn secret(&self) -> Result<Option<SecretFingerprint>, StoreError> {
        let rows = self.pool.query(SECRET, &[]).await?;
        let value = rows.first().map(|row| row.try_get(0)).transpose().map_err(errors::of_statement)?;
        Ok(value.map(SecretFingerprint::remembered))
    }

    async fn claim_secret(&self, ours: &SecretFingerprint) -> Result<Claim, StoreError> {
        self.pool.execute(CLAIM, &[&ours.as_str()]).await?;
        // Its own statement: it sees the row of whoever was first.
        Ok(if self.secret().await?.as_ref() == Some(ours) { Claim::Ours } else { Claim::Anothers })
    }

    async fn replace_secret(&self, new: &SecretFingerprint) -> Result<(), StoreError> {
        self.pool.execute(REPLACE, &[&new.as_str()]).await.map(drop)
    }
}
