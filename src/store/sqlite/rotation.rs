//! What a refresh token gets, and what the sight of an access token means: one read and at most one
//! update of the session's row, inside the writer's transaction.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{endings, rows, writer::Step};
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::{SessionId, UserId},
        limits::Lifetimes,
        rotation::{Decision, Progress, ReusePolicy},
        session::EndReason,
    },
    store::{
        error::StoreError,
        sessions::{Confirmation, Granted, Rotation, Slide},
    },
};

/// A session's row as far as a decision about it needs.
pub(super) struct Record {
    pub(super) user: UserId,
    pub(super) ended: Option<EndReason>,
    app: AppName,
    progress: Progress,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl Record {
    /// The record, unless its time is over: then it is as good as gone, ended before or not.
    pub(super) fn read(
        db: &Connection,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let record = db
            .prepare_cached(
                "SELECT id, user_id, app, generation, issued_at, confirmed_at, created_at, expires_at,
                    end_reason
                 FROM sessions WHERE id = ?1",
            )?
            .query_row([session.as_bytes()], |row| Ok(Self::of(row)))
            .optional()?
            .transpose()?;
        Ok(record.filter(|record| record.expires_at > now))
    }

    fn of(row: &Row<'_>) -> Result<Self, StoreError> {
        let confirmed_at: Option<i64> = rows::value(row, "sessions.confirmed_at")?;
        Ok(Self {
            user: rows::user_id(row, "sessions.user_id")?,
            ended: rows::optional(row, "sessions.end_reason", |text| text.parse().ok())?,
            app: rows::app_name(row, "sessions.app")?,
            progress: Progress {
                generation: rows::value(row, "sessions.generation")?,
                issued_at: rows::timestamp(row, "sessions.issued_at")?,
                confirmed_at: confirmed_at.map(Timestamp::from_millis),
            },
            created_at: rows::timestamp(row, "sessions.created_at")?,
            expires_at: rows::timestamp(row, "sessions.expires_at")?,
        })
    }
}

pub(super) fn rotate(
    step: &mut Step<'_>,
    session: SessionId,
    presented: u32,
    policy: &ReusePolicy,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Rotation, StoreError> {
    let Some(record) = Record::read(step.db, session, now)? else {
        return Ok(Rotation::Expired);
    };
    if let Some(reason) = record.ended {
        return Ok(Rotation::Ended(reason));
    }
    let expires_at = lifetimes.session_expiry(record.created_at, now);
    let progress = match record.progress.decide(presented, policy, now) {
        Decision::Rotate => {
            Progress { generation: presented.saturating_add(1), issued_at: now, confirmed_at: None }
        }
        Decision::Reissue => record.progress,
        Decision::Theft => {
            endings::end_living(step, session, EndReason::ReuseDetected, lifetimes, now)?;
            return Ok(Rotation::Reused);
        }
    };
    store(step.db, session, &progress, expires_at, now)?;
    let Record { user, app, created_at, .. } = record;
    Ok(Rotation::Granted(Granted { user, app, created_at, expires_at }))
}

pub(super) fn slide(
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
    store(step.db, session, &record.progress, expires_at, now)?;
    let Record { user, app, created_at, .. } = record;
    Ok(Slide::Alive(Granted { user, app, created_at, expires_at }))
}

fn store(
    db: &Connection,
    session: SessionId,
    progress: &Progress,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE sessions SET generation = ?2, issued_at = ?3, confirmed_at = ?4, expires_at = ?5,
            last_seen_at = max(last_seen_at, ?6)
         WHERE id = ?1",
    )?
    .execute(params![
        session.as_bytes(),
        progress.generation,
        progress.issued_at.millis(),
        progress.confirmed_at.map(Timestamp::millis),
        expires_at.millis(),
        now.millis(),
    ])?;
    Ok(())
}

pub(super) fn confirm(
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
    if record.progress.generation == generation && record.progress.confirmed_at.is_none() {
        // Once: the grace is counted from the first use.
        step.db
            .prepare_cached("UPDATE sessions SET confirmed_at = ?2 WHERE id = ?1")?
            .execute(params![session.as_bytes(), now.millis()])?;
    }
    Ok(Confirmation::Seen)
}
