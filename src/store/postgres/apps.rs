//! [`AppStore`] in PostgreSQL: one statement a verb.

use async_trait::async_trait;
use tokio_postgres::types::ToSql;

use super::{PostgresStore, StoreError, engine::rows};
use crate::{
    domain::app::{App, AppChange, AppKind, AppName, Origin, SecretChange},
    store::apps::{AppStore, Registered},
};

const REGISTER: &str = "\
    INSERT INTO apps (name, secret_sha256, origins, policy, created_at) \
    VALUES ($1, $2, $3, $4::text::jsonb, $5) \
    ON CONFLICT (name) DO NOTHING";

const FIND: &str = "\
    SELECT name, secret_sha256, origins, policy::text AS policy, created_at FROM apps WHERE name = $1";

const LIST: &str = "\
    SELECT name, secret_sha256, origins, policy::text AS policy, created_at FROM apps ORDER BY name";

const CHANGE: &str = "\
    UPDATE apps SET origins = coalesce($2, origins), \
    secret_sha256 = coalesce(CASE WHEN $3 THEN secret_sha256 END, $4::bytea), \
    policy = jsonb_strip_nulls(policy || $6::text::jsonb) \
    WHERE name = $1 AND (name <> 'default' OR $4::bytea IS NULL) AND (secret_sha256 IS NOT NULL OR NOT $5) \
    RETURNING name, secret_sha256, origins, policy::text AS policy, created_at";

const REMOVE: &str = "DELETE FROM apps WHERE name = $1 AND name <> 'default'";

#[async_trait]
impl AppStore for PostgresStore {
    async fn register(&self, app: &App) -> Result<Registered, StoreError> {
        let secret = match &app.kind {
            AppKind::Public => None,
            AppKind::Confidential { secret_sha256 } => Some(secret_sha256.as_slice()),
        };
        let origins: Vec<&str> = app.origins.iter().map(Origin::as_str).collect();
        let (policy, created_at) = (app.policy.json(), app.created_at.millis());
        let values: [&(dyn ToSql + Sync); 5] = [&app.name.as_str(), &secret, &origins, &policy, &created_at];
        let made = self.pool.execute(REGISTER, &values).await?;
        Ok(if made == 1 { Registered::Yes } else { Registered::NameTaken })
    }

    async fn find(&self, name: &AppName) -> Result<Option<App>, StoreError> {
        self.pool.query(FIND, &[&name.as_str()]).await?.first().map(rows::app).transpose()
    }

    async fn list(&self) -> Result<Vec<App>, StoreError> {
        self.pool.query(LIST, &[]).await?.iter().map(rows::app).collect()
    }

    async fn change(&self, name: &AppName, change: &AppChange) -> Result<Option<App>, StoreError> {
        let AppChange { origins, secret, policy } = change;
        let origins: Option<Vec<&str>> =
            origins.as_ref().map(|origins| origins.iter().map(Origin::as_str).collect());
        let keeps = matches!(secret, SecretChange::Keep | SecretChange::Give(_));
        let renews = matches!(secret, SecretChange::Renew(_));
        let secret = secret.new_secret().map(<[u8; 32]>::as_slice);
        let (name, policy) = (name.as_str(), policy.patch());
        let values: [&(dyn ToSql + Sync); 6] = [&name, &origins, &keeps, &secret, &renews, &policy];
        let changed = self.pool.query(CHANGE, &values).await?;
        changed.first().map(rows::app).transpose()
    }

    async fn remove(&self, name: &AppName) -> Result<bool, StoreError> {
        Ok(self.pool.execute(REMOVE, &[&name.as_str()]).await? == 1)
    }
}
