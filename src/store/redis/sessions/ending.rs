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

use super::{answer::ScriptAnswer, record::Remains};
use crate::{
    domain::{
        clock::Timestamp,
        ids::SessionId,
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

/// What the script `end.lua` answers.
enum EndReply {
    /// Ended now, or by a call before.
    Over(Ended, Remains),
    /// Its time is over, or nothing is known of it. Until when its tokens live may still be known.
    Expired(Option<Timestamp>),
    OfAnother,
}

impl EndReply {
    fn read(answer: &ScriptAnswer) -> Result<Self, StoreError> {
        Ok(match answer.word() {
            "now" => Self::Over(Ended::Now, answer.fields.remains()?),
            "before" => Self::Over(Ended::Before, answer.fields.remains()?),
            "expired" => Self::Expired(answer.fields.tokens_until()?),
            "of_another" => Self::OfAnother,
            _ => return Err(answer.unknown()),
        })
    }
}

impl RedisStore {
    pub(in crate::store::redis) async fn end_session(
        &self,
        ending: &Ending,
        now: Timestamp,
    ) -> Result<Ended, StoreError> {
        let owner = ending.owner.map(|owner| owner.uuid().as_bytes().to_vec()).unwrap_or_default();
        let call = self
            .on_session(&END, ending.session, now)
            .arg(owner)
            .arg(ending.reason.as_str())
            .arg(&random::bytes::<8>());
        let values: Vec<Value> = self.durable.call_durably(&call).await?;
        match EndReply::read(&ScriptAnswer::read(ending.session, values)?)? {
            EndReply::Over(became, remains) => {
                self.refuse_ended(ending, remains.reason, remains.tokens_until, now).await?;
                self.clean_up(ending.session, &remains, []).await?;
                Ok(became)
            }
            EndReply::Expired(tokens_until) if ending.owner.is_none() => {
                self.refuse_ended(ending, ending.reason, tokens_until, now).await?;
                Ok(Ended::Before)
            }
            EndReply::Expired(_) | EndReply::OfAnother => Ok(Ended::NotFound),
        }
    }

    async fn refuse_ended(
        &self,
        ending: &Ending,
        reason: EndReason,
        tokens_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        tokio::try_join!(
            self.refuse_session(ending.session, reason, tokens_until, now),
            self.refuse_named(ending, reason, now),
        )
        .map(|_| ())
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
        remains: &Remains,
        now: Timestamp,
    ) -> Result<EndReason, StoreError> {
        let until = session_refused_until(remains.tokens_until, remains.ended_at);
        if until > now {
            self.refuse(Subject::Session(session), remains.reason, until, now).await?;
        }
        Ok(remains.reason)
    }

    /// Deletes what led to a session that is over; in a Cluster also its `refresh:` keys, and more of them.
    pub(in crate::store::redis) async fn clean_up(
        &self,
        session: SessionId,
        remains: &Remains,
        more: impl IntoIterator<Item = String>,
    ) -> Result<(), StoreError> {
        let known = remains.token_hashes.iter().map(|hash| self.keys.refresh_of(hash));
        let refresh_keys: Vec<_> = known.chain(more).filter(|_| !self.is_one_server()).collect();
        tokio::try_join!(self.delete(&refresh_keys), self.leave_indexes(remains.user, &remains.app, session),)
            .map(|_| ())
    }
}
