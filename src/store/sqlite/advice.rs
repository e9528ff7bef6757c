//! What an operator should know about the database file; nothing in it is changed.

use std::path::Path;

use super::{
    SqliteStore,
    engine::{connection, schema},
};
use crate::store::{error::StoreError, schema::Schema};

impl SqliteStore {
    /// A line for each thing to mend; empty when all is well. Reads the whole file. Blocks.
    pub fn advice(path: &Path) -> Result<Vec<String>, StoreError> {
        let verdict: String =
            connection::read_only(path)?.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        let is_sound = verdict == "ok";
        Ok(if is_sound { Vec::new() } else { vec![format!("it is damaged, restore a backup: {verdict}")] })
    }

    /// How far the file has come on the way of the migrations. Blocks.
    pub fn schema(path: &Path) -> Result<Schema, StoreError> {
        schema::state(&connection::read_only(path)?)
    }
}
