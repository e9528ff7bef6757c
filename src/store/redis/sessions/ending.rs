//! The end of a session, and the refusal of its tokens.
//!
//! What an end writes, in order, and what a crash after each step leaves:
//!
//! 1. `session:` is marked ended, and where all keys are on one server its `refresh:` keys are deleted (one
//!    script). Nothing can be refreshed from here on. Left: access tokens still pass where they were seen
//!    before; the client has no answer and signs out again, which does the rest, and so does the first
//!    rotation or confirmation that meets the mark.
//! 2. `blacklist:session:` and `blacklist:<jti>`, side by side: every token is refused everywhere. Left:
//!    index entries, and in a Cluster `refresh:` keys, that lead to a session that is over, until they
//!    expire, are pruned, or the end is repeated.
//! 3. These are deleted. The answer goes out after that.

use redis::Value;

use super::answer::Answer;
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::{SessionId, UserId},
        limits::{refused_until, session_refused_until},
        random,
        session::EndReason,
    },
    store::{
        error::StoreError,
        redis::{
            RedisStore, millis,
            script::{END, REFUSE},
        },
        revocations::{Revocation, Subject},
        sessions::{Ended, Ending},
    },
};

/// What is left of a session that has ended.
pub struct Past {
    pub reason: EndReason,
    /// Until when an access token of it can live, where that is known.
    pub tokens_until: Option<Timestamp>,
    user: UserId,
    app: AppName,
    refresh_keys: Vec<String>,
}

impl Past {
    /// With more keys to delete.
    pub fn and_delete(mut self, keys: impl Iterator<Item = String>) -> Self {
        self.refresh_keys.extend(keys);
        self
    }
}

impl RedisStore {
    pub(in crate::store::redis) async fn end_session(
        &self,
        ending: &Ending,
        now: Timestamp,
    ) -> Result<Ended, StoreError> {
        let owner = ending.owner.map(|owner| owner.uuid().as_bytes().to_vec()).unwrap_or_default();
        let call = END
            .on(&self.keys.session(ending.session))
            .arg(owner)
            .arg(ending.reason.as_str())
            .arg(self.moment(now))
            .arg(&random::bytes::<8>())
            .arg(u8::from(self.is_one_server()))
            .arg(self.keys.prefix());
        let values: Vec<Value> = self.durable.call_durably(&call).await?;
        let answer = Answer::read(ending.session, values)?;
        let (became, past) = match answer.word() {
            "now" => (Ended::Now, Some(self.past(&answer)?)),
            "before" => (Ended::Before, Some(self.past(&answer)?)),
            "unknown" if ending.owner.is_none() => (Ended::Before, None),
            "unknown" => return Ok(Ended::NotFound),
            _ => return Err(answer.unknown()),
        };
        let reason = past.as_ref().map_or(ending.reason, |past| past.reason);
        tokio::try_join!(
            self.refuse_session(ending.session, reason, answer.optional_time("tokens_until")?, now),
            self.refuse_named(ending, reason, now),
        )?;
        if let Some(past) = past {
            self.bury(ending.session, past).await?;
        }
        Ok(became)
    }

    /// What a script tells of a session that has ended.
    pub(in crate::store::redis) fn past(&self, answer: &Answer) -> Result<Past, StoreError> {
        let traces = answer.all(&["current", "parent"]);
        Ok(Past {
            reason: answer.reason()?,
            tokens_until: answer.optional_time("tokens_until")?,
            user: answer.user()?,
            app: answer.app()?,
            refresh_keys: traces.map(|trace| self.keys.refresh_of(trace)).collect(),
        })
    }

    /// Refuses every token of a session, here before it is written, so that a failure to write leaves
    /// this node on the safe side.
    pub(in crate::store::redis) async fn refuse_session(
        &self,
        session: SessionId,
        reason: EndReason,
        tokens_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let until = session_refused_until(tokens_until, now);
        self.refuse(Subject::Session(session), reason, until, now).await
    }

    /// Refuses one token by name for as long as it lives; one that is over needs nothing.
    async fn refuse_named(
        &self,
        ending: &Ending,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match ending.token {
            Some((token, exp)) if exp > now => {
                self.refuse(Subject::Token(token), reason, refused_until(exp), now).await
            }
            _ => Ok(()),
        }
    }

    /// Writes a revocation.
    pub(in crate::store::redis) async fn refuse(
        &self,
        subject: Subject,
        reason: EndReason,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.revocations.insert(&Revocation { subject, reason, until });
        let call = REFUSE.on(&self.keys.blacklist(&subject)).arg(reason.as_str());
        self.durable.call_durably(&call.arg(millis(now.until(until)))).await
    }

    /// Makes up for a crash between steps 1 and 2: a session was met that had ended, and why is returned. Its
    /// tokens are refused no longer than one of them can live.
    pub(in crate::store::redis) async fn meet_end(
        &self,
        session: SessionId,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<EndReason, StoreError> {
        let reason = answer.reason()?;
        let until = session_refused_until(answer.optional_time("tokens_until")?, answer.time("since")?);
        if until > now {
            self.refuse(Subject::Session(session), reason, until, now).await?;
        }
        Ok(reason)
    }

    /// Deletes what led to a session that is over.
    pub(in crate::store::redis) async fn bury(
        &self,
        session: SessionId,
        past: Past,
    ) -> Result<(), StoreError> {
        let refresh_keys = if self.is_one_server() { &[] } else { past.refresh_keys.as_slice() };
        self.clean_up(past.user, &past.app, session, refresh_keys).await
    }
}
