//! The database brought to this version's form, without serving.

use super::StartError;
use crate::{
    config::{Database, Settings},
    store::{postgres::PostgresStore, sqlite::SqliteStore},
};

/// Takes the steps that are missing, and returns their names.
///
/// # Errors
/// When the database cannot be reached or changed.
pub async fn migrate(settings: &Settings) -> Result<Vec<String>, StartError> {
    let database = &settings.storage.database;
    let migrated = match database {
        Database::Sqlite(path) => SqliteStore::migrate(path),
        Database::Postgres { url, tls_ca } => match PostgresStore::connect(url, tls_ca.as_deref()).await {
            Ok(store) => store.migrate().await,
            Err(error) => Err(error),
        },
    };
    migrated.map_err(|source| StartError::of_database(database, source))
}
