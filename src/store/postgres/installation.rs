//! [`InstallationStore`] in PostgreSQL: a row of the table `installation`.

use async_trait::async_trait;

use super::{PostgresStore, STORE, StoreError, engine::errors};
use crate::{
    domain::{ids::SealingKeyId, installation::SecretFingerprint},
    store::installation::{Claim, InstallationStore},
};

const VALUE: &str = "SELECT value FROM installation WHERE name = $1";

const CLAIM: &str = "\
    INSERT INTO installation (name, value) VALUES ('refresh_secret', $1) ON CONFLICT (name) DO NOTHING";

const REPLACE: &str = "\
    INSERT INTO installation (name, value) VALUES ('refresh_secret', $1) \
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

const AGREE: &str = "\
    INSERT INTO installation (name, value) VALUES ('sealing_key', $2) \
    ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE installation.value IN ($1::text, $2)";

#[async_trait]
impl InstallationStore for PostgresStore {
    async fn secret(&self) -> Result<Option<SecretFingerprint>, StoreError> {
        Ok(self.remembered("refresh_secret").await?.map(SecretFingerprint::remembered))
    }

    async fn claim_secret(&self, ours: &SecretFingerprint) -> Result<Claim, StoreError> {
        self.pool.execute(CLAIM, &[&ours.as_str()]).await?;
        // Its own statement: it sees the row of whoever was first.
        Ok(if self.secret().await?.as_ref() == Some(ours) { Claim::Ours } else { Claim::Anothers })
    }

    async fn replace_secret(&self, new: &SecretFingerprint) -> Result<(), StoreError> {
        self.pool.execute(REPLACE, &[&new.as_str()]).await.map(drop)
    }

    async fn sealing_key(&self) -> Result<Option<SealingKeyId>, StoreError> {
        let id = self.remembered("sealing_key").await?;
        let unreadable = || StoreError::Corrupt {
            store: STORE,
            place: "installation.value",
            id: "sealing_key".to_owned(),
        };
        id.map(|id| id.parse().map_err(|_| unreadable())).transpose()
    }

    async fn agree_on_sealing(
        &self,
        old: Option<SealingKeyId>,
        new: SealingKeyId,
    ) -> Result<bool, StoreError> {
        let (old, new) = (old.map(|id| id.to_string()), new.to_string());
        Ok(self.pool.execute(AGREE, &[&old, &new]).await? == 1)
    }
}

impl PostgresStore {
    async fn remembered(&self, name: &str) -> Result<Option<String>, StoreError> {
        let rows = self.pool.query(VALUE, &[&name]).await?;
        rows.first().map(|row| row.try_get(0)).transpose().map_err(errors::of_statement)
    }
}
