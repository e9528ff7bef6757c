//! Connections that read, on the runtime's blocking threads: as many at once as there are
//! connections, opened when they are first needed.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::{sync::Semaphore, task};

use super::{connection, errors::away};
use crate::store::error::StoreError;

/// Reads take microseconds; more at once would only divide the same cores.
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

    /// Reads what was last committed.
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
        let result = query(&connection);
        self.idle().push(connection);
        result
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
