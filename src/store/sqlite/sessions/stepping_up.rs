//! What more is proved in a session: one read and one update of its row, inside the writer's transaction.

use rusqlite::params;

use super::record::Record;
use crate::{
    domain::clock::Timestamp,
    store::{
        error::StoreError,
        sessions::{StepUp, SteppedUp},
        sqlite::engine::writer::Step,
    },
};

pub(super) fn step_up(step: &Step<'_>, step_up: &StepUp, now: Timestamp) -> Result<SteppedUp, StoreError> {
    let StepUp { session, from, to } = step_up;
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
    step.db
        .prepare_cached("UPDATE sessions SET proved = ?2, proved_since = ?3, proved_at = ?4 WHERE id = ?1")?
        .execute(params![session.as_bytes(), to.methods.words(), to.since.millis(), to.at.millis()])?;
    record.facts.proved = *to;
    let expires_at = record.expires_at;
    Ok(SteppedUp::Done(record.into_living(expires_at)))
}
