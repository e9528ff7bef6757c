//! What more is proved in a session: one read and one update of its row, inside the writer's transaction.

use rusqlite::params;

use super::record::Record;
use crate::{
    domain::{clock::Timestamp, limits::ACCESS_TTL_MAX},
    store::{
        error::StoreError,
        sessions::{StepUp, SteppedUp},
        sqlite::engine::writer::Step,
    },
};

pub(super) fn step_up(step: &Step<'_>, step_up: &StepUp, now: Timestamp) -> Result<SteppedUp, StoreError> {
    let StepUp { session, from, to, tokens_until } = step_up;
    let Some(mut record) = Record::read(step.db, *session, now)? else {
        return Ok(SteppedUp::Expired);
    };
    if let Some(reason) = record.ended {
        return Ok(SteppedUp::Ended(reason));
    }
    let said = record.facts.proved;
    if said != *from && said != *to {
        return Ok(SteppedUp::Moved(said));
    }
    // What the version before issued without writing it down is over in a day.
    let latest = tokens_until.map(|until| record.tokens_until.unwrap_or(now + ACCESS_TTL_MAX).max(until));
    step.db
        .prepare_cached(
            "UPDATE sessions SET proved = ?2, proved_since = ?3, proved_at = ?4,
                tokens_until = coalesce(?5, tokens_until)
             WHERE id = ?1",
        )?
        .execute(params![
            session.as_bytes(),
            to.methods.words(),
            to.since.millis(),
            to.at.millis(),
            latest.map(Timestamp::millis),
        ])?;
    record.facts.proved = *to;
    let expires_at = record.expires_at;
    Ok(SteppedUp::Done(record.into_living(expires_at)))
}
