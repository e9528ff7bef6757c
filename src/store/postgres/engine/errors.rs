//! From the client library's errors to [`StoreError`]. A server's `DETAIL` is dropped: it quotes the
//! row, password hash and all.

use std::{error::Error as _, io};

use deadpool_postgres::PoolError;
use tokio_postgres::{
    Error,
    error::{DbError, SqlState},
};

use crate::store::postgres::{STORE, StoreError};

/// What the server answered, without the values it was about.
#[derive(Debug, thiserror::Error)]
#[error("{message} (SQLSTATE {code})")]
struct ServerSaid {
    code: String,
    message: String,
}

/// An error of a statement.
pub(in crate::store::postgres) fn of_statement(error: Error) -> StoreError {
    match error.as_db_error() {
        Some(answer) => of_answer(answer, answer.message().to_owned()),
        None if is_of_connection(&error) => away(error),
        None => refused(error),
    }
}

/// An error of a step of `migrations/`.
pub(in crate::store::postgres) fn of_migration(error: refinery::Error) -> StoreError {
    let cause = error.source().and_then(|source| source.downcast_ref::<Error>());
    match (cause.and_then(Error::as_db_error), error.kind()) {
        (Some(answer), refinery::error::Kind::Connection(step, _)) => {
            of_answer(answer, format!("{step}: {}", answer.message()))
        }
        _ if cause.is_some_and(is_of_connection) => away(error),
        _ => refused(error),
    }
}

fn of_answer(answer: &DbError, message: String) -> StoreError {
    let source = ServerSaid { code: answer.code().code().to_owned(), message };
    if passes_by_itself(answer.code()) { away(source) } else { refused(source) }
}

/// An error of getting a connection.
pub(in crate::store::postgres) fn of_pool(error: PoolError) -> StoreError {
    match error {
        // An answer, such as a wrong password; anything else is no answer.
        PoolError::Backend(error) if error.as_db_error().is_some() => of_statement(error),
        PoolError::Backend(error) => away(error),
        other => away(other),
    }
}

/// It cannot be reached, or cannot serve just now.
pub(in crate::store::postgres) fn away(
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Away { store: STORE, source: source.into() }
}

/// What was asked is wrong.
pub(in crate::store::postgres) fn refused(
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Refused { store: STORE, source: source.into() }
}

/// Whether the server said that this role may not do that; a schema that it may not use is none to it.
pub(in crate::store::postgres) fn is_forbidden(error: &StoreError) -> bool {
    let codes = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::INVALID_SCHEMA_NAME];
    let said = error.source().and_then(|source| source.downcast_ref::<ServerSaid>());
    said.is_some_and(|said| codes.iter().any(|code| said.code == code.code()))
}

fn is_of_connection(error: &Error) -> bool {
    error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<io::Error>)
}

/// Whether the same statement may succeed later: the server stops, starts, is full, fails over to
/// another, or had to choose between two transactions.
fn passes_by_itself(code: &SqlState) -> bool {
    const CLASSES: [&str; 4] = ["08", "40", "53", "58"];
    const CODES: [SqlState; 6] = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::QUERY_CANCELED,
        SqlState::LOCK_NOT_AVAILABLE,
    ];
    CODES.contains(code) || CLASSES.iter().any(|class| code.code().starts_with(class))
}
