//! Frees what is over. Nothing depends on it: whoever reads looks at the time.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::follower::Follower;
use crate::{domain::clock::Timestamp, store::error::StoreError};

const EVERY: Duration = Duration::from_mins(1);
/// How many rows one step looks at, so that no write waits long for it.
const ROWS: u32 = 500;

/// A walk over the sessions by id, some rows at a time, begun anew every minute.
#[derive(Default)]
pub(super) struct Cleaner {
    due: Option<Timestamp>,
    walk: Option<Vec<u8>>,
}

impl Cleaner {
    /// Takes a step, if one is due.
    pub(super) fn clean(&mut self, db: &Connection, follower: &Follower) {
        let now = follower.now();
        if self.walk.is_none() {
            if self.due.is_some_and(|due| now < due) {
                return;
            }
            self.due = Some(now + EVERY);
            follower.purge(now);
        }
        match step(db, &self.walk.take().unwrap_or_default(), now) {
            Ok(walk) => self.walk = walk,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "what is over was not cleaned up");
            }
        }
    }
}

/// Looks at the rows after `from`; returns where to go on.
fn step(db: &Connection, from: &[u8], now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
    let transaction = db.unchecked_transaction()?;
    transaction
        .prepare_cached(
            "DELETE FROM revocations WHERE (kind, subject) IN
                (SELECT kind, subject FROM revocations WHERE until <= ?1 ORDER BY until LIMIT ?2)",
        )?
        .execute(params![now.millis(), ROWS])?;
    let last: Option<Vec<u8>> = transaction
        .prepare_cached("SELECT id FROM sessions WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2")?
        .query_row(params![from, ROWS - 1], |row| row.get(0))
        .optional()?;
    transaction
        .prepare_cached(
            "DELETE FROM sessions WHERE id > ?1 AND (?2 IS NULL OR id <= ?2) AND expires_at <= ?3",
        )?
        .execute(params![from, last, now.millis()])?;
    transaction.commit()?;
    Ok(last)
}
