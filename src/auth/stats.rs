//! How much there is. To count takes longer the more there is, so it is done once for all who ask within a while.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Auth, error::AuthError};
use crate::{domain::clock::Timestamp, store::accounts::UserCounts};

/// How old a count may be.
const VALIDITY: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy)]
pub struct Totals {
    pub users: UserCounts,
    pub apps: usize,
    /// Of users, with those that are over and were not cleared away yet.
    pub sessions: u64,
    /// Signing keys.
    pub keys: usize,
    pub counted_at: Timestamp,
}

/// What was counted last.
#[derive(Debug, Default)]
pub(super) struct LastCount(Mutex<Option<Totals>>);

impl Auth {
    /// Counts, unless that was done a moment ago.
    pub async fn totals(&self) -> Result<Totals, AuthError> {
        let now = self.clock.now();
        let last = *self.last_count.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes nothing last longer.
        let is_fresh = |last: &Totals| last.counted_at <= now && last.counted_at.until(now) < VALIDITY;
        if let Some(totals) = last.filter(is_fresh) {
            return Ok(totals);
        }
        let apps = self.apps().await?;
        let mut sessions = 0;
        for app in &apps {
            sessions += self.stores.sessions.count_at(&app.name).await?;
        }
        let (users, keys) = (self.stores.accounts.count().await?, self.keys.list().len());
        let totals = Totals { users, apps: apps.len(), sessions, keys, counted_at: now };
        *self.last_count.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(totals);
        Ok(totals)
    }
}
