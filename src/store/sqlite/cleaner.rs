//! Frees what is over. Nothing depends on it: whoever reads looks at the time.

use std::{collections::BTreeSet, time::Duration};

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    domain::{causes::Causes, clock::Timestamp},
    store::{
        error::StoreError,
        leases::{Holder, Leased},
        sqlite::{app_sessions::users, leases},
    },
};

const EVERY: Duration = Duration::from_mins(1);
/// How many rows one step looks at, so that no write waits long for it.
const ROWS: u32 = 500;

/// How long the process that cleaned last goes on being the one that does: longer than it rests between two
/// walks, so that it stays the same one.
const TURN: Duration = Duration::from_mins(4);

/// What an index holds by the moment at which it is over.
const BY_TIME: [&str; 3] = [
    "DELETE FROM revocations WHERE (kind, subject) IN
        (SELECT kind, subject FROM revocations WHERE until <= ?1 ORDER BY until LIMIT ?2)",
    "DELETE FROM outdated_users WHERE subject IN
        (SELECT subject FROM outdated_users WHERE until <= ?1 ORDER BY until LIMIT ?2)",
    "DELETE FROM once WHERE key IN (SELECT key FROM once WHERE until <= ?1 ORDER BY until LIMIT ?2)",
];

/// A walk over the sessions by id, some rows at a time, begun anew every minute; and beside it one over
/// those of other app servers.
pub(in crate::store::sqlite) struct Cleaner {
    holder: Holder,
    due: Option<Timestamp>,
    walk: Walk,
}

impl Default for Cleaner {
    fn default() -> Self {
        Self { holder: Holder::random(), due: None, walk: THROUGH }
    }
}

/// Where the two go on; `None` = through. And whether there may be more of what is found by its time.
type Walk = (Option<Vec<u8>>, Option<Vec<u8>>, bool);

const THROUGH: Walk = (None, None, false);

impl Cleaner {
    /// Takes a step, if one is due.
    pub(in crate::store::sqlite) fn clean(&mut self, db: &Connection, now: Timestamp) {
        if self.walk == THROUGH {
            if self.due.is_some_and(|due| now < due) {
                return;
            }
            self.due = Some(now + EVERY);
            self.walk = (Some(Vec::new()), Some(Vec::new()), true);
        }
        match step(db, &self.holder, std::mem::take(&mut self.walk), now) {
            Ok(walk) => self.walk = walk,
            Err(error) => {
                tracing::warn!(error = %Causes(&error), "what is over was not cleaned up");
            }
        }
    }
}

/// Looks at the rows after each place; returns where to go on. Where another process on the file does, there is
/// nowhere to go on: asked before each step and in its transaction, so that no two ever do the same.
fn step(
    db: &Connection,
    holder: &Holder,
    (sign_ins, kept, by_time): Walk,
    now: Timestamp,
) -> Result<Walk, StoreError> {
    let transaction = db.unchecked_transaction()?;
    if leases::take(&transaction, "clean up", holder, TURN, now)? == Leased::Anothers {
        return Ok(THROUGH);
    }
    let more = by_time && clean_by_time(&transaction, now)?;
    let sign_ins = sign_ins.map(|from| clean_sessions(&transaction, &from, now)).transpose()?.flatten();
    let kept = kept.map(|from| clean_app_sessions(&transaction, &from, now)).transpose()?.flatten();
    transaction.commit()?;
    Ok((sign_ins, kept, more))
}

/// Whether more is left than one step frees.
fn clean_by_time(db: &Connection, now: Timestamp) -> Result<bool, StoreError> {
    let mut more = false;
    for sql in BY_TIME {
        let freed = db.prepare_cached(sql)?.execute(params![now.millis(), ROWS])?;
        more |= u32::try_from(freed).is_ok_and(|freed| freed >= ROWS);
    }
    Ok(more)
}

fn clean_sessions(db: &Connection, from: &[u8], now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
    let last: Option<Vec<u8>> = db
        .prepare_cached("SELECT id FROM sessions WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2")?
        .query_row(params![from, ROWS - 1], |row| row.get(0))
        .optional()?;
    db.prepare_cached(
        "DELETE FROM sessions WHERE id > ?1 AND (?2 IS NULL OR id <= ?2) AND expires_at <= ?3",
    )?
    .execute(params![from, last, now.millis()])?;
    Ok(last)
}

fn clean_app_sessions(db: &Connection, from: &[u8], now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
    let last: Option<Vec<u8>> = db
        .prepare_cached("SELECT id FROM app_sessions WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2")?
        .query_row(params![from, ROWS - 1], |row| row.get(0))
        .optional()?;
    let users: BTreeSet<(String, String)> = db
        .prepare_cached(
            "DELETE FROM app_sessions WHERE id > ?1 AND (?2 IS NULL OR id <= ?2) AND expires_at <= ?3
             RETURNING app, user_id",
        )?
        .query_map(params![from, last, now.millis()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (app, user) in users {
        users::settle(db, &app, &user, now)?;
    }
    Ok(last)
}
