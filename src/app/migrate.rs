//! The database brought to this version's form, without serving; and the question whether it has it.

use std::path;

use super::StartError;
use crate::{
    config::{Database, Settings},
    store::{postgres::PostgresStore, schema::Schema, sqlite::SqliteStore},
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

/// Fails where there is no database, or one that lacks a step: for commands that make and change neither.
pub(super) async fn expect_database(settings: &Settings) -> Result<(), StartError> {
    let database = &settings.storage.database;
    let (place, schema) = match database {
        Database::Sqlite(path) => {
            let place = path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string();
            (place, if path.exists() { SqliteStore::schema(path) } else { Ok(Schema::Missing(Vec::new())) })
        }
        Database::Postgres { url, tls_ca } => {
            let schema = match PostgresStore::connect(url, tls_ca.as_deref()).await {
                Ok(store) => store.schema().await,
                Err(error) => Err(error),
            };
            (database.place(), schema)
        }
    };
    match schema.map_err(|source| StartError::of_database(database, source))? {
        Schema::Missing(_) => Err(StartError::NoDatabase { place }),
        Schema::Behind(steps) => Err(StartError::OldDatabase { place, steps }),
        // One that is ahead is refused when it is opened.
        Schema::Current | Schema::Ahead(_) => Ok(()),
    }
}
