//! A copy of the database while it is in use: one moment of it, in a file of its own.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{
    SqliteStore,
    engine::{connection, errors::cannot_open},
    once,
};
use crate::store::error::StoreError;

/// A copy in which SQLite found something wrong.
#[derive(Debug, thiserror::Error)]
#[error("the copy is not sound: {0}")]
struct Unsound(String);

impl SqliteStore {
    /// Copies the database at `from` into the new file `to`, which its owner alone may read. Nobody else waits for
    /// it, and there is no file of that name before the copy is whole and on the disk. Blocks.
    pub fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
        if to.exists() {
            return Err(cannot_open(to, io::Error::from(io::ErrorKind::AlreadyExists)));
        }
        let part = partial(to);
        let copied = write(from, &part).and_then(|()| {
            // Linked and not renamed, which would put it in the place of a file that is there.
            let placed = fs::hard_link(&part, to).and_then(|()| sync_folder(to));
            placed.map_err(|error| cannot_open(to, error))
        });
        // It is a second name of the copy, or a part of one.
        let _ = fs::remove_file(&part);
        copied
    }
}

fn write(from: &Path, part: &Path) -> Result<(), StoreError> {
    let failed = |error: io::Error| cannot_open(part, error);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // SQLite fills a file that is empty, and keeps its mode.
    let file = options.open(part).map_err(failed)?;
    let source = connection::to_copy(from)?;
    // Where the name is no text, SQLite would fill another file.
    let name = part.to_str().ok_or_else(|| failed(io::Error::from(io::ErrorKind::InvalidFilename)))?;
    source.execute("VACUUM INTO ?1", [name])?;
    let copy = Connection::open(part)?;
    once::mark_copy(&copy)?;
    let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    drop(copy);
    file.sync_all().map_err(failed)?;
    if found == "ok" { Ok(()) } else { Err(cannot_open(part, Unsound(found))) }
}

/// Beside the copy, so that it is on the same disk, and named after this process.
fn partial(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    name.into()
}

fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
