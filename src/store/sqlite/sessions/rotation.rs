//! What a refresh token gets, and what the sight of an access token means: one read and at most one
//! update of the session's row, inside the writer's transaction.

use rusqlite::params;

use super::{
    endings,
    record::{Record, store_progress},
};
use crate::{
    domain::{
        clock::Timestamp,
        ids::SessionId,
        limits::{ACCESS_TTL_MAX, Lifetimes},
        refresh_token::Chain,
        rotation::{Contested, Decision, Progress, Reissue, ReusePolicy},
        session::EndReason,
        session_token::SessionToken,
    },
    store::{
        error::StoreError,
        sessions::{Confirmation, Issue, NOTED_EVERY, Renewal, Rotation},
        sqlite::engine::writer::Step,
    },
};

/// When a request reached the server, by which it is judged, and when it is carried out: it may have waited long for
/// its turn, and what is issued now must not count as issued then.
#[derive(Clone, Copy)]
pub(in crate::store::sqlite) struct Moments {
    pub(in crate::store::sqlite) arrived_at: Timestamp,
    pub(in crate::store::sqlite) now: Timestamp,
}

pub(in crate::store::sqlite) fn rotate(
    step: &mut Step<'_>,
    chain: &Chain,
    policy: &ReusePolicy,
    lifetimes: &Lifetimes,
    Moments { arrived_at, now }: Moments,
) -> Result<Rotation, StoreError> {
    let Chain { presented, proved_key, .. } = chain;
    let (session, presented, nonce_hash) =
        (presented.session(), presented.generation(), presented.nonce_hash());
    let Some(record) = Record::read(step.db, session, now)? else {
        return Ok(Rotation::Expired);
    };
    if record.is_forged(nonce_hash) {
        return Ok(Rotation::Forged);
    }
    if let Some(reason) = record.ended {
        return Ok(Rotation::Ended(reason));
    }
    if record.facts.bound_to.is_some() && record.facts.bound_to != *proved_key {
        return Ok(Rotation::Unproved);
    }
    let end =
        |step: &mut Step<'_>, reason| endings::end_living(step, (session, record.tokens_until), reason, now);
    let (progress, reissue) = match record.progress.decide(presented, policy, arrived_at) {
        Decision::Rotate => (record.progress.rotated(presented, policy, now), None),
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
    grant(step, record, &progress, reissue, lifetimes, now).map(|issue| Rotation::Granted(issue.into()))
}

/// Writes how far the tokens have come, and that the session lives on.
fn grant(
    step: &Step<'_>,
    record: Record,
    progress: &Progress,
    reissue: Option<Reissue>,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Issue, StoreError> {
    let expires_at = lifetimes.session_expiry(record.facts.created_at, now);
    let tokens_until = lifetimes.access_expiry(record.facts.created_at, now);
    // Of tokens issued under a longer life than today's the end stays; what the version before issued is
    // over in a day.
    let latest = record.tokens_until.unwrap_or(now + ACCESS_TTL_MAX).max(tokens_until);
    store_progress(step.db, record.id, progress, latest, (expires_at, now))?;
    Ok(Issue {
        session: record.into_living(expires_at),
        generation: progress.generation,
        issued_at: now,
        life: now.until(expires_at),
        tokens_until,
        reissue,
    })
}

pub(in crate::store::sqlite) fn renew(
    step: &mut Step<'_>,
    cookie: &SessionToken,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Renewal, StoreError> {
    let session = cookie.session();
    let Some(record) = Record::read(step.db, session, now)? else {
        return Ok(Renewal::Expired);
    };
    if record.is_forged(cookie.nonce_hash()) {
        return Ok(Renewal::Forged);
    }
    if let Some(reason) = record.ended {
        return Ok(Renewal::Ended(reason));
    }
    let expires_at = lifetimes.session_expiry(record.facts.created_at, now);
    step.db
        .prepare_cached(
            "UPDATE sessions SET expires_at = ?2, last_seen_at = max(last_seen_at, ?3) WHERE id = ?1",
        )?
        .execute(params![session.as_bytes(), expires_at.millis(), now.millis()])?;
    Ok(Renewal::Alive(record.into_living(expires_at)))
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
    // A statement of its own, since it moves an entry of an index.
    if now >= record.last_seen_at + NOTED_EVERY {
        touch(step, session, now)?;
    }
    Ok(Confirmation::Seen)
}

pub(in crate::store::sqlite) fn touch(
    step: &mut Step<'_>,
    session: SessionId,
    now: Timestamp,
) -> Result<(), StoreError> {
    step.db
        .prepare_cached(
            // Only forward: of two nodes whose notes cross, the later one stays.
            "UPDATE sessions SET last_seen_at = ?2
             WHERE id = ?1 AND end_reason IS NULL AND expires_at > ?2 AND last_seen_at < ?2",
        )?
        .execute(params![session.as_bytes(), now.millis()])?;
    Ok(())
}
