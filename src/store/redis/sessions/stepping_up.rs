//! What more is proved in a session: one step on its hash alone, so that it is one trip in a Cluster too.

use redis::Value;

use super::{answer::ScriptAnswer, record};
use crate::{
    domain::clock::Timestamp,
    store::{
        error::StoreError,
        redis::{RedisStore, script::STEP_UP},
        sessions::{StepUp, SteppedUp},
    },
};

impl RedisStore {
    /// Once it is answered, later tokens say it, whichever replica takes over: what proved it is spent by then.
    pub(super) async fn step_session_up(
        &self,
        step_up: &StepUp,
        now: Timestamp,
    ) -> Result<SteppedUp, StoreError> {
        let StepUp { session, from, to } = step_up;
        let call = self
            .on_session(&STEP_UP, *session, now)
            .arg(record::of_proved(from).map(|(_, value)| value).as_slice())
            .arg(record::of_proved(to).map(|(_, value)| value).as_slice());
        let values: Vec<Value> = self.durable.call_durably(&call).await?;
        let answer = ScriptAnswer::read(*session, values)?;
        Ok(match answer.word() {
            "done" => SteppedUp::Done(answer.fields.living()?),
            "moved" => SteppedUp::Moved(answer.fields.living()?.facts.proved),
            "ended" => SteppedUp::Ended(self.meet_end(*session, &answer.fields.remains()?, now).await?),
            "expired" => SteppedUp::Expired,
            _ => return Err(answer.unknown()),
        })
    }
}
