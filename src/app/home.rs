//! Homes: which stores the settings ask for. Embedded is SQLite and memory; accounts move to
//! PostgreSQL and sessions to Redis by setting.

use std::{path::Path, sync::Arc};

use super::StartError;
use crate::{
    auth::Stores,
    config::{Database, Settings},
    domain::{clock::Clock, limits::Lifetimes},
    store::{memory::MemoryCounters, revocations::RevocationSet, sqlite::SqliteStore},
};

/// The open stores of a server.
pub struct Home {
    stores: Stores,
}

impl Home {
    /// Opens what the settings ask for, migrating the database on the way.
    ///
    /// # Errors
    /// When a store cannot be reached or used.
    pub fn open(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Self, StartError> {
        let lifetimes = settings.tokens.lifetimes;
        match (&settings.storage.database, &settings.storage.redis) {
            (Database::Sqlite(path), None) => Self::embedded(path, lifetimes, clock),
            _ => Err(StartError::NoSuchHome("only the embedded home is there yet")),
        }
    }

    /// The stores, behind their promises.
    #[must_use]
    pub fn stores(&self) -> Stores {
        self.stores.clone()
    }

    fn embedded(path: &Path, lifetimes: Lifetimes, clock: &Arc<dyn Clock>) -> Result<Self, StartError> {
        let revoked = Arc::new(RevocationSet::default());
        let sqlite = open_sqlite(path, lifetimes, &revoked, clock)?;
        let counters = Arc::new(MemoryCounters::default());
        let stores = Stores {
            accounts: sqlite.clone(),
            apps: sqlite.clone(),
            sessions: sqlite.clone(),
            revocations: sqlite,
            revoked,
            counters: counters.clone(),
            local_counters: counters,
        };
        Ok(Self { stores })
    }
}

fn open_sqlite(
    path: &Path,
    lifetimes: Lifetimes,
    revoked: &Arc<RevocationSet>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<SqliteStore>, StartError> {
    let opened = SqliteStore::open(path, lifetimes, Arc::clone(revoked), Arc::clone(clock));
    let place = path.display().to_string();
    Ok(Arc::new(opened.map_err(|source| StartError::Store {
        setting: "storage.database_url",
        place,
        source,
    })?))
}
