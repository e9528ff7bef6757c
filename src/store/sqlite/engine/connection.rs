//! How the file is opened: durable, in WAL mode so that readers never wait for the writer, and
//! closed to other accounts of the machine.

use std::{
    fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::errors::cannot_open;
use crate::store::error::StoreError;

/// How long a write waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(3);
/// More than all statements there are, so that each is prepared once.
const STATEMENTS: usize = 64;

/// A connection that writes. Makes the folder and the file where they are missing.
pub(in crate::store::sqlite) fn create(path: &Path) -> Result<Connection, StoreError> {
    make_file(path).map_err(|error| cannot_open(path, error))?;
    open(path).and_then(prepare_to_write).map_err(|error| cannot_open(path, error))
}

/// A connection that only reads.
pub(in crate::store::sqlite) fn read_only(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(path).map_err(|error| cannot_open(path, error))?;
    // Not opened as read-only: then it could not make the shared-memory file a WAL is read with.
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A connection that copies what was last committed.
pub(in crate::store::sqlite) fn to_copy(path: &Path) -> Result<Connection, StoreError> {
    open(path).map_err(|error| cannot_open(path, error))
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

fn prepare_to_write(connection: Connection) -> rusqlite::Result<Connection> {
    // FULL: a commit is on the disk when it returns; WAL's own default would lose the last ones
    // with the machine's power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    use_wal(&connection)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(connection)
}

/// SQLite does not wait by itself here: where others open the file for the first time, or close it
/// for the last, in the same moment, one is told at once that it is busy.
fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    let give_up_at = Instant::now() + BUSY_TIMEOUT;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && Instant::now() < give_up_at => {
                thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// SQLite would make the file readable for everybody; its `-wal` and `-shm` take the file's mode.
fn make_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
