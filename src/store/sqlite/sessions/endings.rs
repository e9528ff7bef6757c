//! How sessions end: the row's end and the revocations that refuse its tokens are one transaction,
//! so no crash comes between them.

use std::num::NonZeroU32;

use rusqlite::{Params, params};

use super::record::Record;
use crate::{
    domain::{
        clock::Timestamp,
        ids::{SessionId, UserId},
        limits::{refused_until, session_refused_until},
        session::{EndReason, NewSession},
    },
    store::{
        error::StoreError,
        revocations::{Revocation, Subject},
        sessions::{Ended, Ending},
        sqlite::{
            engine::{rows, writer::Step},
            revocations::refuse,
        },
    },
};

/// How many sessions end in one step, so that no other write waits long for it.
const TOGETHER: u32 = 128;

const LIVING: &str = "SELECT id, tokens_until FROM sessions
    WHERE user_id = ?1 AND end_reason IS NULL AND expires_at > ?2 AND id IS NOT ?3 LIMIT ?4";

const SURPLUS: &str = "SELECT id, tokens_until FROM sessions
    WHERE user_id = ?1 AND end_reason IS NULL AND expires_at > ?2 AND id IS NOT ?3
    ORDER BY last_seen_at DESC, id LIMIT ?4 OFFSET ?5";

/// A session that is to be ended, and until when its access tokens live.
type LivingRow = (SessionId, Option<Timestamp>);

pub(in crate::store::sqlite) fn end(
    step: &mut Step<'_>,
    ending: &Ending,
    now: Timestamp,
) -> Result<Ended, StoreError> {
    let record = Record::find(step.db, ending.session)?;
    let tokens_until = record.as_ref().and_then(|record| record.tokens_until);
    let record = record.filter(|record| record.is_known(now));
    if ending.owner.is_some_and(|owner| record.as_ref().is_none_or(|record| record.facts.user != owner)) {
        return Ok(Ended::NotFound);
    }
    if let Some((token, exp)) = ending.token.filter(|(_, exp)| *exp > now) {
        let (subject, until) = (Subject::Token(token), refused_until(exp));
        refuse(step, Revocation { subject, reason: ending.reason, until })?;
    }
    if record.is_some_and(|record| record.ended.is_none()) {
        end_living(step, (ending.session, tokens_until), ending.reason, now)?;
        return Ok(Ended::Now);
    }
    refuse_session(step, (ending.session, tokens_until), ending.reason, now)?;
    Ok(Ended::Before)
}

/// Ends some of a user's sessions but one; none are left where it has ended none.
pub(in crate::store::sqlite) fn end_of_user(
    step: &mut Step<'_>,
    user: UserId,
    except: Option<SessionId>,
    reason: EndReason,
    now: Timestamp,
) -> Result<Vec<SessionId>, StoreError> {
    let except = except.as_ref().map(SessionId::as_bytes);
    let living = select(step, LIVING, params![user.uuid(), now.millis(), except, TOGETHER])?;
    end_all(step, living, reason, now)
}

/// Ends those of a user's sessions that are more than they may be, the one unused for longest first; of very
/// many some at each sign-in. Returns which.
pub(in crate::store::sqlite) fn end_surplus(
    step: &mut Step<'_>,
    opened: &NewSession,
    most: NonZeroU32,
) -> Result<Vec<SessionId>, StoreError> {
    let (user, now) = (opened.facts.user.uuid(), opened.facts.created_at);
    let others = most.get() - 1;
    let surplus = params![user, now.millis(), opened.id.as_bytes(), TOGETHER, others];
    let surplus = select(step, SURPLUS, surplus)?;
    end_all(step, surplus, EndReason::TooManySessions, now)
}

fn end_all(
    step: &mut Step<'_>,
    living: Vec<LivingRow>,
    reason: EndReason,
    now: Timestamp,
) -> Result<Vec<SessionId>, StoreError> {
    for session in &living {
        end_living(step, *session, reason, now)?;
    }
    Ok(living.into_iter().map(|(session, _)| session).collect())
}

fn select(step: &Step<'_>, sql: &str, params: impl Params) -> Result<Vec<LivingRow>, StoreError> {
    let mut query = step.db.prepare_cached(sql)?;
    let mut found = query.query(params)?;
    let mut living = Vec::new();
    while let Some(row) = found.next()? {
        let tokens_until = rows::optional_timestamp(row, "sessions.tokens_until")?;
        living.push((rows::session_id(row, "sessions.id")?, tokens_until));
    }
    Ok(living)
}

/// Ends a session that is alive. What stays of it until it would have expired tells the reason, and
/// nothing of where its owner was.
pub(in crate::store::sqlite) fn end_living(
    step: &mut Step<'_>,
    session: LivingRow,
    reason: EndReason,
    now: Timestamp,
) -> Result<(), StoreError> {
    step.db
        .prepare_cached(
            "UPDATE sessions SET end_reason = ?2, device = NULL, ip = NULL, user_agent = NULL WHERE id = ?1",
        )?
        .execute(params![session.0.as_bytes(), reason.as_str()])?;
    refuse_session(step, session, reason, now)
}

fn refuse_session(
    step: &mut Step<'_>,
    (session, tokens_until): LivingRow,
    reason: EndReason,
    now: Timestamp,
) -> Result<(), StoreError> {
    let until = session_refused_until(tokens_until, now);
    refuse(step, Revocation { subject: Subject::Session(session), reason, until })
}
