//! [`LeaseStore`] in SQLite: a row of the table `leases`. For several processes on one file.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::SqliteStore;
use crate::{
    domain::clock::Timestamp,
    store::{
        error::StoreError,
        leases::{Holder, LeaseStore, Leased, impossible_end},
    },
};

// Where more than half is left to its holder nothing is written, so that steps that follow each other closely
// cost no commit each.
const TAKE: &str = "INSERT INTO leases (work, holder, until) VALUES (?1, ?2, ?3)
    ON CONFLICT (work) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE until <= ?4 OR until > ?6 OR (holder = excluded.holder AND until <= ?5)";
const IS_OURS: &str = "SELECT EXISTS (SELECT 1 FROM leases WHERE work = ?1 AND holder = ?2)";
const RELEASE: &str = "DELETE FROM leases WHERE work = ?1 AND holder = ?2";

#[async_trait]
impl LeaseStore for SqliteStore {
    async fn take_lease(
        &self,
        work: &'static str,
        holder: &Holder,
        span: Duration,
        now: Timestamp,
    ) -> Result<Leased, StoreError> {
        let holder = holder.clone();
        self.writer.write(move |step| take(step.db, work, &holder, span, now)).await
    }

    async fn release_lease(&self, work: &'static str, holder: &Holder) -> Result<(), StoreError> {
        let holder = holder.clone();
        self.writer.write(move |step| release(step.db, work, &holder)).await
    }
}

/// The same in a transaction that is under way: what else it does is done only by the lease's holder.
pub(in crate::store::sqlite) fn take(
    db: &Connection,
    work: &str,
    holder: &Holder,
    span: Duration,
    now: Timestamp,
) -> Result<Leased, StoreError> {
    let (until, half) = (now + span, now + span / 2);
    db.prepare_cached(TAKE)?.execute(params![
        work,
        holder.as_str(),
        until.millis(),
        now.millis(),
        half.millis(),
        impossible_end(span, now).millis()
    ])?;
    let is_ours = db.prepare_cached(IS_OURS)?.query_row(params![work, holder.as_str()], |row| row.get(0))?;
    Ok(if is_ours { Leased::Ours } else { Leased::Anothers })
}

fn release(db: &Connection, work: &str, holder: &Holder) -> Result<(), StoreError> {
    db.prepare_cached(RELEASE)?.execute(params![work, holder.as_str()])?;
    Ok(())
}
