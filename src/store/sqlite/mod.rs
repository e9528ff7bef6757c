//! The embedded back end: accounts, apps, sessions and revocations in one SQLite file. All writes go
//! through one thread that commits in groups; reads run beside it on connections of their own.

use std::{path::Path, sync::Arc};

use rusqlite::Connection;

use self::{
    cleaner::Cleaner,
    engine::{
        connection, errors,
        readers::Readers,
        schema,
        writer::{Upkeep, Writer},
    },
    revocations::sync::RevocationSync,
};
use super::{
    error::StoreError,
    revocations::Change,
    revoked::set::RevocationSet,
    schema::{Schema, TooNew},
};
use crate::domain::{clock::Clock, limits::Lifetimes};

mod accounts;
mod addresses;
mod advice;
mod app_sessions;
mod apps;
mod cleaner;
mod copy;
mod engine;
mod events;
mod factors;
mod installation;
mod leases;
mod once;
mod outbox;
mod revocations;
mod sessions;
mod user_list;

/// The database file, open. Where sessions live elsewhere, it is simply not used for them.
///
/// Dropping it waits until what was asked of it is committed.
pub struct SqliteStore {
    writer: Writer,
    readers: Arc<Readers>,
    lifetimes: Lifetimes,
    revocations: Arc<RevocationSet>,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// Opens the file, makes it where it is missing, brings its schema up to date, and fills
    /// `revocations` with those that still matter; from then on keeps that set following, writes of
    /// other processes included. Blocks: it is for the start.
    pub fn open(
        path: &Path,
        lifetimes: Lifetimes,
        revocations: Arc<RevocationSet>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let mut connection = connection::create(path)?;
        bring_up(path, &mut connection)?;
        once::note_put_back(&mut connection, clock.now())
            .map_err(|error| errors::cannot_open(path, error))?;
        let sync = RevocationSync::start(&connection, Arc::clone(&revocations), Arc::clone(&clock))?;
        let upkeep = FileUpkeep { sync, cleaner: Cleaner::default() };
        let writer = Writer::start(connection, upkeep).map_err(|error| errors::cannot_open(path, error))?;
        Ok(Self { writer, readers: Arc::new(Readers::of(path)), lifetimes, revocations, clock })
    }

    /// Brings the schema of the file up to date, and makes the file where it is missing; returns the
    /// names of the migrations that were needed. Blocks.
    pub fn migrate(path: &Path) -> Result<Vec<String>, StoreError> {
        bring_up(path, &mut connection::create(path)?)
    }
}

/// What the thread that writes does beside the writes.
struct FileUpkeep {
    sync: RevocationSync,
    cleaner: Cleaner,
}

impl Upkeep for FileUpkeep {
    fn committed(&mut self, changes: &[Change]) {
        self.sync.take_in(changes);
    }

    fn tick(&mut self, connection: &Connection) {
        self.sync.check(connection);
        self.cleaner.clean(connection, self.sync.now());
    }
}

fn bring_up(path: &Path, connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    match schema::state(connection) {
        Ok(Schema::Ahead(steps)) => Err(errors::cannot_open(path, TooNew(steps))),
        Err(error) => Err(errors::cannot_open(path, error)),
        Ok(_) => schema::migrate(connection).map_err(|error| errors::cannot_open(path, error)),
    }
}
