//! The schema's history, compiled in. A database that is newer than this server is refused.

use refinery::{Error, Migration, Runner};
use rusqlite::{Connection, ErrorCode};

use super::errors::causes;
use crate::store::{
    error::StoreError,
    schema::{Schema, SchemaStep},
};

/// In order; the names are the same in `migrations/postgres`.
const MIGRATIONS: &[(&str, &str)] = &[
    ("V1__accounts_and_apps", include_str!("../../../../migrations/sqlite/V1__accounts_and_apps.sql")),
    ("V2__sessions", include_str!("../../../../migrations/sqlite/V2__sessions.sql")),
    ("V3__app_sessions", include_str!("../../../../migrations/sqlite/V3__app_sessions.sql")),
    ("V4__replaced_generations", include_str!("../../../../migrations/sqlite/V4__replaced_generations.sql")),
    ("V5__pardons", include_str!("../../../../migrations/sqlite/V5__pardons.sql")),
    ("V6__changes_of_accounts", include_str!("../../../../migrations/sqlite/V6__changes_of_accounts.sql")),
    ("V7__installation", include_str!("../../../../migrations/sqlite/V7__installation.sql")),
    (
        "V8__app_policies_and_leases",
        include_str!("../../../../migrations/sqlite/V8__app_policies_and_leases.sql"),
    ),
    ("V9__nonce_hashes", include_str!("../../../../migrations/sqlite/V9__nonce_hashes.sql")),
    ("V10__locales", include_str!("../../../../migrations/sqlite/V10__locales.sql")),
    ("V11__events", include_str!("../../../../migrations/sqlite/V11__events.sql")),
    ("V12__user_lists", include_str!("../../../../migrations/sqlite/V12__user_lists.sql")),
    ("V13__once", include_str!("../../../../migrations/sqlite/V13__once.sql")),
    ("V14__factors", include_str!("../../../../migrations/sqlite/V14__factors.sql")),
    ("V15__mails", include_str!("../../../../migrations/sqlite/V15__mails.sql")),
    ("V16__addresses", include_str!("../../../../migrations/sqlite/V16__addresses.sql")),
    ("V17__step_ups", include_str!("../../../../migrations/sqlite/V17__step_ups.sql")),
    ("V18__bound_sessions", include_str!("../../../../migrations/sqlite/V18__bound_sessions.sql")),
];

const IS_MIGRATED: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'refinery_schema_history')";
const TAKEN: &str = "SELECT version, 'V' || version || '__' || name FROM refinery_schema_history";

/// How often processes that start at once on one file may get in each other's way.
const ATTEMPTS: usize = 5;

/// Applies what is missing, all or nothing; returns the names of what was.
pub(in crate::store::sqlite) fn migrate(connection: &mut Connection) -> Result<Vec<String>, Error> {
    // In groups: one by one, a crash between a migration and the note of it would block every start.
    let runner = Runner::new(&migrations()?).set_grouped(true);
    let mut attempt = 1;
    loop {
        // The runner takes no lock: of two that find the same work to do, one fails on what the
        // other has just done, and finds nothing left to do when it looks again.
        match runner.run(connection) {
            Ok(report) => return Ok(report.applied_migrations().iter().map(ToString::to_string).collect()),
            Err(error) if attempt == ATTEMPTS || !is_conflict(&error) => return Err(error),
            Err(_) => attempt += 1,
        }
    }
}

/// How far the file has come.
pub(in crate::store::sqlite) fn state(connection: &Connection) -> Result<Schema, StoreError> {
    let mut taken = Vec::new();
    if connection.query_row(IS_MIGRATED, [], |row| row.get(0))? {
        let mut statement = connection.prepare(TAKEN)?;
        let rows =
            statement.query_map([], |row| Ok(SchemaStep { version: row.get(0)?, name: row.get(1)? }))?;
        taken = rows.collect::<Result<_, _>>()?;
    }
    let step = |step: &Migration| SchemaStep { version: step.version(), name: step.to_string() };
    // What is compiled in has names that can be read; a test takes every step.
    let known: Vec<SchemaStep> = migrations().unwrap_or_default().iter().map(step).collect();
    Ok(Schema::of(&known, &taken))
}

fn migrations() -> Result<Vec<Migration>, Error> {
    MIGRATIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql)).collect()
}

/// A table or a row that is there already.
fn is_conflict(error: &Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<rusqlite::Error>()?.sqlite_error_code())
        .any(|code| matches!(code, ErrorCode::Unknown | ErrorCode::ConstraintViolation))
}
