//! What an operator should know about the database file; nothing in it is changed.

use std::path::Path;

use rusqlite::Connection;

use super::{SqliteStore, connection, schema};
use crate::store::error::StoreError;

const IS_MIGRATED: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'refinery_schema_history')";
const TAKEN: &str = "SELECT version FROM refinery_schema_history";

impl SqliteStore {
    /// A line for each thing to mend; empty when all is well. Reads the whole file. Blocks.
    pub fn advice(path: &Path) -> Result<Vec<String>, StoreError> {
        let verdict: String =
            connection::read_only(path)?.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        let is_sound = verdict == "ok";
        Ok(if is_sound { Vec::new() } else { vec![format!("it is damaged, restore a backup: {verdict}")] })
    }

    /// The names of the migrations that the next start will take. Blocks.
    pub fn pending(path: &Path) -> Result<Vec<String>, StoreError> {
        Ok(schema::names_not_in(&versions_taken(&connection::read_only(path)?)?))
    }
}

fn versions_taken(connection: &Connection) -> Result<Vec<i32>, StoreError> {
    if !connection.query_row(IS_MIGRATED, [], |row| row.get(0))? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(TAKEN)?;
    let versions = statement.query_map([], |row| row.get(0))?;
    Ok(versions.collect::<Result<_, _>>()?)
}
