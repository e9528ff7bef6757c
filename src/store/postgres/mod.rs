//! Accounts and apps in PostgreSQL, for nodes that share them. Sessions are not kept here: they live
//! in Redis then.

mod account_rows;
mod accounts;
mod addresses;
mod advice;
mod apps;
mod engine;
mod events;
mod factors;
mod installation;
mod leases;
mod outbox;
mod user_list;

use std::path::Path;

use secrecy::SecretString;

use self::engine::{pool::Pool, schema};
use super::error::StoreError;

/// What errors call this back end.
const STORE: &str = "postgres";

/// A PostgreSQL database. Connections are made when needed and after a restart of the server, so a
/// store that was away heals by itself; no call takes longer than a few seconds.
#[derive(Clone)]
pub struct PostgresStore {
    pool: Pool,
}

impl PostgresStore {
    /// Connects, and asks whether the database answers.
    ///
    /// With `sslmode=require` in the URL, or with `tls_ca`, the connection is encrypted, and the
    /// server's certificate and name are verified against that PEM file or the system's authorities.
    pub async fn connect(url: &SecretString, tls_ca: Option<&Path>) -> Result<Self, StoreError> {
        let store = Self { pool: Pool::new(url, tls_ca)? };
        store.pool.query("SELECT 1", &[]).await?;
        Ok(store)
    }

    /// Brings the tables to this version's form, and returns the names of the migrations that were
    /// needed. Of several nodes that start at once, one does it and the others wait.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        schema::run(&self.pool).await
    }
}
