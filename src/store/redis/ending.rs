//! The end of a session, and the refusal of its tokens.
//!
//! What an end writes, in order, and what a crash after each step leaves:
//!
//! 1. `session:` is marked ended (one script). Nothing can be refreshed from here on. Left: access
//!    tokens still pass where they were seen before; the client has no answer and signs out again, which
//!    does the rest, and so does the first rotation or confirmation that meets the mark.
//! 2. `blacklist:session:` and `blacklist:<jti>`, side by side: every token is refused everywhere. Left:
//!    `refresh:` keys and index entries that lead to a session that is over, until they expire, are
//!    pruned, or the end is repeated.
//! 3. The `refresh:` keys and index entries are deleted. The answer goes out after that.

use redis::Value;

use super::{
    RedisStore,
    error::corrupt,
    keys::Keys,
    millis,
    record::Reader,
    script::{END, REFUSE},
    sessions::Reply,
};
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::{SessionId, UserId},
        random,
        session::EndReason,
    },
    store::{
        error::StoreError,
        revocations::{Revocation, Subject},
        sessions::{Ended, Ending},
    },
};

/// What is left of a session that has ended.
pub struct Past {
    reason: EndReason,
    user: UserId,
    app: AppName,
    refresh_keys: Vec<String>,
}

impl Past {
    /// Reads the tail of a script's answer: …, user, app, and what was kept of two tokens.
    pub fn read(keys: &Keys, id: SessionId, reason: EndReason, reply: &Reply) -> Result<Self, StoreError> {
        let read = Reader { id };
        let traces = [reply.text(5)?, reply.text(6)?];
        let traces = traces.iter().filter(|trace| !trace.is_empty());
        Ok(Self {
            reason,
            user: read.user(&reply.text(3)?)?,
            app: read.app(Some(&reply.text(4)?))?,
            refresh_keys: traces.map(|trace| keys.refresh_of(trace)).collect(),
        })
    }

    /// With more keys to delete.
    pub fn and_delete(mut self, keys: impl Iterator<Item = String>) -> Self {
        self.refresh_keys.extend(keys);
        self
    }
}

impl RedisStore {
    pub(super) async fn end_session(&self, ending: &Ending, now: Timestamp) -> Result<Ended, StoreError> {
        let owner = ending.owner.map(|owner| owner.uuid().as_bytes().to_vec()).unwrap_or_default();
        let call = END
            .on(&self.keys.session(ending.session))
            .arg(owner)
            .arg(ending.reason.as_str())
            .arg(now.millis())
            .arg(&random::bytes::<8>());
        let reply = Reply(self.durable.call_durably::<Vec<Value>>(&call).await?);
        let (became, past) = match reply.word()?.as_str() {
            "now" => (Ended::Now, Some(self.past(ending.session, &reply)?)),
            "before" => (Ended::Before, Some(self.past(ending.session, &reply)?)),
            "unknown" if ending.owner.is_none() => (Ended::Before, None),
            "unknown" => return Ok(Ended::NotFound),
            _ => return Err(corrupt("answer of end.lua", ending.session)),
        };
        let reason = past.as_ref().map_or(ending.reason, |past| past.reason);
        tokio::try_join!(
            self.refuse_session(ending.session, reason, now),
            self.refuse_named(ending, reason, now),
        )?;
        if let Some(past) = past {
            self.bury(ending.session, past).await?;
        }
        Ok(became)
    }

    fn past(&self, session: SessionId, reply: &Reply) -> Result<Past, StoreError> {
        let reason = Reader { id: session }.reason(Some(&reply.text(1)?))?;
        Past::read(&self.keys, session, reason, reply)
    }

    /// Refuses every token of a session, here before it is written, so that a failure to write leaves
    /// this node on the safe side.
    pub(super) async fn refuse_session(
        &self,
        session: SessionId,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.refuse(Subject::Session(session), reason, now + self.keeping.lifetimes.access, now).await
    }

    /// Refuses one token by name for as long as it lives; one that is over needs nothing, and `PX 0`
    /// would be an error.
    async fn refuse_named(
        &self,
        ending: &Ending,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match ending.token {
            Some((token, expires_at)) if expires_at > now => {
                self.refuse(Subject::Token(token), reason, expires_at, now).await
            }
            _ => Ok(()),
        }
    }

    /// Writes a revocation.
    pub(super) async fn refuse(
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

    /// Makes up for a crash between steps 1 and 2: a session was met that ended at `since`. Its tokens
    /// are refused no longer than one of them can live.
    pub(super) async fn refuse_again(
        &self,
        session: SessionId,
        reason: EndReason,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let until = since + self.keeping.lifetimes.access;
        if until <= now {
            return Ok(());
        }
        self.refuse(Subject::Session(session), reason, until, now).await
    }

    /// Deletes what led to a session that is over.
    pub(super) async fn bury(&self, session: SessionId, past: Past) -> Result<(), StoreError> {
        self.clean_up(past.user, &past.app, session, &past.refresh_keys).await
    }
}
