//! How the parts that answers depend on are doing, for those who decide where requests go.

use std::{future::Future, time::Duration};

use super::{Auth, error::AuthError};
use crate::store::error::StoreError;

/// How long a store may take to say that it is there. Who asks for health is itself waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// How the parts are doing.
#[derive(Debug)]
pub struct Health {
    /// Whether accounts can be read and written.
    pub accounts: Result<(), AuthError>,
    pub sessions: Result<(), AuthError>,
    /// Whether a check can tell what is revoked.
    pub revocations: Result<Knowledge, AuthError>,
}

/// How a check knows what is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// All of it is in memory, and stays so.
    Followed,
    /// It is asked for, or the last that was known will do for a while.
    Stopgap,
}

impl Health {
    /// Whether every store answers.
    pub fn of_stores(self) -> Result<(), AuthError> {
        self.accounts.and(self.sessions)
    }
}

impl Auth {
    /// Asks every part, at the same time.
    pub async fn health(&self) -> Health {
        let accounts = soon(self.stores.accounts.ping());
        let sessions = soon(self.stores.sessions.ping());
        let (accounts, sessions) = tokio::join!(accounts, sessions);
        Health {
            accounts: accounts.map_err(AuthError::from),
            revocations: self.knowledge(&sessions),
            sessions: sessions.map_err(AuthError::from),
        }
    }

    /// What a check would go by. It counts where sessions are kept, so both that store and the feed
    /// are needed for all.
    fn knowledge(&self, sessions: &Result<(), StoreError>) -> Result<Knowledge, AuthError> {
        match sessions {
            Ok(()) if self.stores.revoked.is_following() => Ok(Knowledge::Followed),
            Ok(()) => Ok(Knowledge::Stopgap),
            Err(error) if error.is_away() => {
                self.tolerate_outage(StoreError::silent()).map(|()| Knowledge::Stopgap)
            }
            Err(_) => Err(StoreError::silent().into()),
        }
    }
}

async fn soon(answer: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(StoreError::silent()))
}
