//! What SQLite's errors mean to the rest of the server.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::ErrorCode;

use crate::store::error::StoreError;

const STORE: &str = "sqlite";

/// A database file that cannot be used at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the database {}", path.display())]
struct CannotOpen {
    path: PathBuf,
    source: Box<dyn Error + Send + Sync>,
}

/// A transaction that was not committed, and all who had a part in it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("not committed")]
pub(in crate::store::sqlite) struct NotCommitted(#[source] Arc<rusqlite::Error>);

impl From<rusqlite::Error> for NotCommitted {
    fn from(error: rusqlite::Error) -> Self {
        Self(Arc::new(error))
    }
}

/// A background thread that is gone, by a defect of ours.
#[derive(Debug, thiserror::Error)]
#[error("its thread has ended")]
pub(in crate::store::sqlite) struct ThreadEnded;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if can_pass(&error) { away(error) } else { Self::Refused { store: STORE, source: Box::new(error) } }
    }
}

/// The file, the disk or another process is in the way, not the request.
fn can_pass(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    code.is_some_and(|code| {
        matches!(
            code,
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationAborted
                | ErrorCode::OperationInterrupted
        )
    })
}

pub(in crate::store::sqlite) fn away(source: impl Error + Send + Sync + 'static) -> StoreError {
    StoreError::Away { store: STORE, source: Box::new(source) }
}

/// Away where the file, the disk or another process is in the way; a file that is no database, or
/// one of a newer server, is there and will not become another by waiting.
pub(in crate::store::sqlite) fn cannot_open(
    path: &Path,
    source: impl Error + Send + Sync + 'static,
) -> StoreError {
    let in_the_way = causes(&source).any(|cause| {
        cause.is::<io::Error>() || cause.downcast_ref::<rusqlite::Error>().is_some_and(can_pass)
    });
    let error = CannotOpen { path: path.to_owned(), source: Box::new(source) };
    if in_the_way { away(error) } else { StoreError::Refused { store: STORE, source: Box::new(error) } }
}

/// An error and what caused it.
pub(in crate::store::sqlite) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

pub(in crate::store::sqlite) fn corrupt(place: &'static str, id: String) -> StoreError {
    StoreError::Corrupt { store: STORE, place, id }
}
