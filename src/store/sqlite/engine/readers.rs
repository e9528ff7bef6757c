//! Connections that read. What is looked up by its key is read at once, by whoever asks; lists are read on the
//! runtime's blocking threads. Connections are opened when they are first needed.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::{sync::Semaphore, task};

use super::{connection, errors::away};
use crate::store::error::StoreError;

/// How many lists are read at once; more would only divide the same cores.
const CONNECTIONS: usize = 4;

pub(in crate::store::sqlite) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    room: Arc<Semaphore>,
}

impl Readers {
    pub(in crate::store::sqlite) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::default(), room: Arc::new(Semaphore::new(CONNECTIONS)) }
    }

    /// Looks up what was last committed, by its key.
    ///
    /// Such a query reads a handful of pages that the system has in memory, within microseconds, and in WAL
    /// mode it waits for no writer. To hand it to another thread and back costs several times as much, so it
    /// runs on the caller's; but not where a connection would have to be opened first, which may wait.
    pub(in crate::store::sqlite) async fn look_up<T, F>(self: &Arc<Self>, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let idle = self.idle().pop();
        match idle {
            Some(connection) => self.read_on(connection, query),
            None => self.read(query).await,
        }
    }

    /// Reads what was last committed, as much as it may be.
    pub(in crate::store::sqlite) async fn read<T, F>(self: &Arc<Self>, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        // The permit goes along: a caller that stops waiting does not free a connection in use.
        let permit = Arc::clone(&self.room).acquire_owned().await.map_err(away)?;
        let readers = Arc::clone(self);
        let read = move || {
            let _permit = permit;
            readers.with_connection(query)
        };
        task::spawn_blocking(read).await.map_err(away)?
    }

    fn with_connection<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.idle().pop();
        let connection = idle.map_or_else(|| connection::read_only(&self.path), Ok)?;
        self.read_on(connection, query)
    }

    fn read_on<T>(
        &self,
        connection: Connection,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = query(&connection);
        self.idle().push(connection);
        result
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
