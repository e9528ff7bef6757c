//! How sessions end: the row's end and the revocations that refuse its tokens are one transaction,
//! so no crash comes between them.

use rusqlite::params;

use super::{revocations::refuse, rotation::Record, rows, writer::Step};
use crate::{
    domain::{
        clock::Timestamp,
        ids::{SessionId, UserId},
        limits::Lifetimes,
        session::EndReason,
    },
    store::{
        error::StoreError,
        revocations::{Revocation, Subject},
        sessions::{Ended, Ending},
    },
};

pub(super) fn end(
    step: &mut Step<'_>,
    ending: &Ending,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Ended, StoreError> {
    let record = Record::read(step.db, ending.session, now)?;
    if ending.owner.is_some_and(|owner| record.as_ref().is_none_or(|record| record.user != owner)) {
        return Ok(Ended::NotFound);
    }
    if let Some((token, until)) = ending.token.filter(|(_, exp)| *exp > now) {
        refuse(step, Revocation { subject: Subject::Token(token), reason: ending.reason, until })?;
    }
    if record.is_some_and(|record| record.ended.is_none()) {
        end_living(step, ending.session, ending.reason, lifetimes, now)?;
        return Ok(Ended::Now);
    }
    refuse_session(step, ending.session, ending.reason, lifetimes, now)?;
    Ok(Ended::Before)
}

pub(super) fn end_of_user(
    step: &mut Step<'_>,
    user: UserId,
    except: Option<SessionId>,
    reason: EndReason,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Vec<SessionId>, StoreError> {
    let mut living = living_of_user(step, user, now)?;
    living.retain(|session| Some(*session) != except);
    for session in &living {
        end_living(step, *session, reason, lifetimes, now)?;
    }
    Ok(living)
}

fn living_of_user(step: &Step<'_>, user: UserId, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
    let mut query = step.db.prepare_cached(
        "SELECT id FROM sessions WHERE user_id = ?1 AND end_reason IS NULL AND expires_at > ?2",
    )?;
    let mut found = query.query(params![user.uuid(), now.millis()])?;
    let mut living = Vec::new();
    while let Some(row) = found.next()? {
        living.push(rows::session_id(row, "sessions.id")?);
    }
    Ok(living)
}

/// Ends a session that is alive. What stays of it until it would have expired tells the reason, and
/// nothing of where its owner was.
pub(super) fn end_living(
    step: &mut Step<'_>,
    session: SessionId,
    reason: EndReason,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<(), StoreError> {
    step.db
        .prepare_cached(
            "UPDATE sessions SET end_reason = ?2, device = NULL, ip = NULL, user_agent = NULL WHERE id = ?1",
        )?
        .execute(params![session.as_bytes(), reason.as_str()])?;
    refuse_session(step, session, reason, lifetimes, now)
}

fn refuse_session(
    step: &mut Step<'_>,
    session: SessionId,
    reason: EndReason,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<(), StoreError> {
    let until = now + lifetimes.access;
    refuse(step, Revocation { subject: Subject::Session(session), reason, until })
}
