//! What a refresh token gets, and what the sight of an access token means: one read and at most one
//! update of the session's row, inside the writer's transaction.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::endings;
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::{SessionId, UserId},
        limits::{ACCESS_TTL_MAX, Lifetimes},
        rotation::{Contested, Decision, LateReissues, Progress, Reissue, Replaced, ReusePolicy},
        session::EndReason,
    },
    store::{
        error::StoreError,
        sessions::{Confirmation, Granted, Issue, Rotation, Slide},
        sqlite::engine::{rows, writer::Step},
    },
};

/// A session's row as far as a decision about it needs.
pub(in crate::store::sqlite) struct Record {
    pub(in crate::store::sqlite) user: UserId,
    pub(in crate::store::sqlite) ended: Option<EndReason>,
    /// Until when an access token of it can live; the version before did not write it down.
    pub(in crate::store::sqlite) tokens_until: Option<Timestamp>,
    app: AppName,
    progress: Progress,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl Record {
    /// The record, unless its time is over: then it is as good as gone, ended before or not.
    fn read(db: &Connection, session: SessionId, now: Timestamp) -> Result<Option<Self>, StoreError> {
        Ok(Self::find(db, session)?.filter(|record| record.is_known(now)))
    }

    /// The record, also of a session whose time is over.
    pub(in crate::store::sqlite) fn find(
        db: &Connection,
        session: SessionId,
    ) -> Result<Option<Self>, StoreError> {
        db.prepare_cached(
            "SELECT id, user_id, app, generation, issued_at, confirmed_at, replaced, late_generation,
                late_run, created_at, expires_at, tokens_until, end_reason
             FROM sessions WHERE id = ?1",
        )?
        .query_row([session.as_bytes()], |row| Ok(Self::of(row)))
        .optional()?
        .transpose()
    }

    pub(in crate::store::sqlite) fn is_known(&self, now: Timestamp) -> bool {
        self.expires_at > now
    }

    fn of(row: &Row<'_>) -> Result<Self, StoreError> {
        let earlier = rows::timestamps(row, "sessions.replaced")?;
        Ok(Self {
            user: rows::user_id(row, "sessions.user_id")?,
            ended: rows::optional(row, "sessions.end_reason", |text| text.parse().ok())?,
            app: rows::app_name(row, "sessions.app")?,
            progress: Progress {
                generation: rows::value(row, "sessions.generation")?,
                issued_at: rows::timestamp(row, "sessions.issued_at")?,
                replaced: Replaced::of(rows::optional_timestamp(row, "sessions.confirmed_at")?, &earlier),
                late: LateReissues {
                    generation: rows::value(row, "sessions.late_generation")?,
                    run: rows::value(row, "sessions.late_run")?,
                },
            },
            created_at: rows::timestamp(row, "sessions.created_at")?,
            expires_at: rows::timestamp(row, "sessions.expires_at")?,
            tokens_until: rows::optional_timestamp(row, "sessions.tokens_until")?,
        })
    }

    fn granted(self, expires_at: Timestamp) -> Granted {
        Granted { user: self.user, app: self.app, created_at: self.created_at, expires_at }
    }
}

pub(in crate::store::sqlite) fn rotate(
    step: &mut Step<'_>,
    session: SessionId,
    presented: u32,
    policy: &ReusePolicy,
    lifetimes: &Lifetimes,
    arrived_at: Timestamp,
) -> Result<Rotation, StoreError> {
    let Some(record) = Record::read(step.db, session, arrived_at)? else {
        return Ok(Rotation::Expired);
    };
    if let Some(reason) = record.ended {
        return Ok(Rotation::Ended(reason));
    }
    let end = |step: &mut Step<'_>, reason| {
        endings::end_living(step, (session, record.tokens_until), reason, arrived_at)
    };
    let (progress, reissue) = match record.progress.decide(presented, policy, arrived_at) {
        Decision::Rotate => (record.progress.rotated(presented, policy, arrived_at), None),
        Decision::Reissue(Reissue::Contested) if policy.contested == Contested::End => {
            end(step, EndReason::Contested)?;
            return Ok(Rotation::Contested);
        }
        Decision::Reissue(reissue) => (record.progress.reissued(reissue), Some(reissue)),
        Decision::Theft => {
            end(step, EndReason::ReuseDetected)?;
            return Ok(Rotation::Reused);
        }
    };
    let expires_at = lifetimes.session_expiry(record.created_at, arrived_at);
    let tokens_until = lifetimes.access_expiry(record.created_at, arrived_at);
    // Of tokens issued under a longer life than today's the end stays; what the version before issued is
    // over in a day.
    let latest = record.tokens_until.unwrap_or(arrived_at + ACCESS_TTL_MAX).max(tokens_until);
    store(step.db, session, &progress, latest, (expires_at, arrived_at))?;
    Ok(Rotation::Granted(Issue {
        session: record.granted(expires_at),
        generation: progress.generation,
        issued_at: arrived_at,
        life: arrived_at.until(expires_at),
        tokens_until,
        reissue,
    }))
}

pub(in crate::store::sqlite) fn slide(
    step: &mut Step<'_>,
    session: SessionId,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Slide, StoreError> {
    let Some(record) = Record::read(step.db, session, now)? else {
        return Ok(Slide::Expired);
    };
    if let Some(reason) = record.ended {
        return Ok(Slide::Ended(reason));
    }
    let expires_at = lifetimes.session_expiry(record.created_at, now);
    step.db
        .prepare_cached(
            "UPDATE sessions SET expires_at = ?2, last_seen_at = max(last_seen_at, ?3) WHERE id = ?1",
        )?
        .execute(params![session.as_bytes(), expires_at.millis(), now.millis()])?;
    Ok(Slide::Alive(record.granted(expires_at)))
}

fn store(
    db: &Connection,
    session: SessionId,
    progress: &Progress,
    tokens_until: Timestamp,
    (expires_at, seen_at): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let Progress { generation, issued_at, replaced, late } = progress;
    let earlier: Vec<u8> = replaced.earlier().flat_map(|moment| moment.millis().to_be_bytes()).collect();
    db.prepare_cached(
        "UPDATE sessions SET generation = ?2, issued_at = ?3, confirmed_at = ?4, replaced = ?5,
            late_generation = ?6, late_run = ?7, tokens_until = ?8, expires_at = ?9,
            last_seen_at = max(last_seen_at, ?10)
         WHERE id = ?1",
    )?
    .execute(params![
        session.as_bytes(),
        generation,
        issued_at.millis(),
        replaced.latest().map(Timestamp::millis),
        earlier,
        late.generation,
        late.run,
        tokens_until.millis(),
        expires_at.millis(),
        seen_at.millis(),
    ])?;
    Ok(())
}

pub(in crate::store::sqlite) fn confirm(
    step: &mut Step<'_>,
    session: SessionId,
    generation: u32,
    now: Timestamp,
) -> Result<Confirmation, StoreError> {
    let Some(record) = Record::read(step.db, session, now)? else {
        return Ok(Confirmation::Ended(EndReason::Expired));
    };
    if let Some(reason) = record.ended {
        return Ok(Confirmation::Ended(reason));
    }
    if record.progress.generation == generation && record.progress.replaced.latest().is_none() {
        // Once: the grace is counted from the first use.
        step.db
            .prepare_cached("UPDATE sessions SET confirmed_at = ?2 WHERE id = ?1")?
            .execute(params![session.as_bytes(), now.millis()])?;
    }
    Ok(Confirmation::Seen)
}
