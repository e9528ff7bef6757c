//! A copy of the embedded database, taken beside a server that runs.

use std::path::Path;

use super::StartError;
use crate::{
    config::{Database, Settings},
    store::sqlite::SqliteStore,
};

/// Copies the embedded database into a new file. `false` = the database is a PostgreSQL, which has programs for that.
/// Blocks.
///
/// # Errors
/// When it cannot be read, or the file cannot be made.
pub fn backup(settings: &Settings, to: &Path) -> Result<bool, StartError> {
    let database = &settings.storage.database;
    let Database::Sqlite(path) = database else { return Ok(false) };
    if !path.exists() {
        return Err(StartError::NoDatabase { place: path.display().to_string() });
    }
    SqliteStore::copy(path, to).map_err(|source| StartError::of_database(database, source))?;
    Ok(true)
}
