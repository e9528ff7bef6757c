//! Rotation: what a refresh token gets.
//!
//! Where all keys are on one server, the record and its `refresh:` keys are written in one step, so that a
//! failover forgets both or neither, and a key that is not there was deleted by an operator. In a Cluster a
//! failover can lose the last writes of one shard alone, so that there a missing key says nothing: it is
//! written again. What a crash leaves there after each step:
//!
//! 1. `session:` moves to generation n + 1, or notes the re-issue, or ends the session (one script).
//!    Left: the successor has no key. The client has no answer, so it presents the same token again,
//!    which is the parent now; it is answered with the same successor, and step 2 is done then.
//! 2. The keys of the current token and its parent are written, the one before them is deleted, and the
//!    indexes follow. The answer goes out after that.

use std::time::Duration;

use redis::Value;

use super::answer::Answer;
use crate::{
    domain::{
        clock::Timestamp,
        random,
        refresh_token::{Chain, RefreshToken},
        rotation::{Confirm, Contested, Reissue, ReusePolicy},
        session::EndReason,
    },
    store::{
        error::StoreError,
        redis::{
            RedisStore,
            connection::error::away,
            millis,
            script::{Call, ROTATE},
        },
        sessions::{Granted, Issue, Rotation},
    },
};

/// What decides by how late it is must be carried out as soon as this, or not at all: whoever asked has been
/// told by then that Redis is away.
const PATIENCE: Duration = Duration::from_millis(500);

impl RedisStore {
    /// Asks the script, and where the answer depends on how late the request is, a second time: the first
    /// answer tells the server's clock, so that the second call can say when the request arrived by it, however
    /// long the first was under way, and after which moment nothing must be done any more.
    pub(in crate::store::redis) async fn rotate_session(
        &self,
        chain: &Chain,
        policy: &ReusePolicy,
        arrived_at: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let asked_at = self.clock.now();
        let tokens_until = asked_at + self.keeping.lifetimes.access;
        let call = || self.rotation(chain, policy, arrived_at, asked_at, tokens_until);
        let mut answer = self.ask_rotate(chain, call()).await?;
        if answer.word() == "ask_again" {
            let carried_out_at = answer.time("now")?;
            let arrived_at = carried_out_at - self.clock.now().since(arrived_at);
            let limits = [arrived_at, carried_out_at + PATIENCE].map(Timestamp::millis);
            answer = self.ask_rotate(chain, call().arg(&limits)).await?;
        }
        match answer.word() {
            "granted" => self.grant(chain, &answer, asked_at).await.map(Rotation::Granted),
            "reused" => {
                self.clean_up_after(chain, &answer, asked_at).await?;
                Ok(Rotation::Reused)
            }
            "contested" => {
                self.clean_up_after(chain, &answer, asked_at).await?;
                Ok(Rotation::Contested)
            }
            "ended" => self.meet_end(chain.presented.session(), &answer, asked_at).await.map(Rotation::Ended),
            "withdrawn" => Ok(Rotation::Withdrawn),
            "expired" => Ok(Rotation::Expired),
            "too_late" => Err(away("it was slower than a refresh can wait")),
            _ => Err(answer.unknown()),
        }
    }

    fn rotation(
        &self,
        chain: &Chain,
        policy: &ReusePolicy,
        arrived_at: Timestamp,
        now: Timestamp,
        tokens_until: Timestamp,
    ) -> Call<'static> {
        let Chain { presented, successor, predecessor } = chain;
        let session = presented.session();
        let tokens = [Some(presented), Some(successor), predecessor.as_ref()];
        let trace =
            |token: Option<&RefreshToken>| token.map(|token| self.keys.trace(token)).unwrap_or_default();
        let keys = tokens.into_iter().flatten().filter(|_| self.is_one_server());
        ROTATE
            .on(&self.keys.session(session))
            .and_keys(keys.map(|token| self.keys.refresh(token)))
            .arg(presented.generation())
            .arg(self.moment(now))
            .arg(millis(now.since(arrived_at)))
            .arg(millis(policy.grace))
            .arg(u8::from(policy.confirm == Confirm::Timer))
            .arg(u8::from(policy.contested == Contested::End))
            .arg(millis(self.keeping.lifetimes.refresh))
            .arg(self.keeping.lifetimes.session_max_age.map_or(0, millis))
            .arg(tokens_until.millis())
            .arg(&tokens.map(trace)[..])
            .arg(&random::bytes::<8>())
            .arg(session.to_string())
            .arg(self.keys.prefix())
    }

    async fn ask_rotate(&self, chain: &Chain, call: Call<'_>) -> Result<Answer, StoreError> {
        let values: Vec<Value> = self.durable.call_durably(&call).await?;
        Answer::read(chain.presented.session(), values)
    }

    async fn grant(&self, chain: &Chain, answer: &Answer, now: Timestamp) -> Result<Issue, StoreError> {
        let created_at = answer.time("created")?;
        let expires_at = answer.time("expires")?;
        let session = Granted { user: answer.user()?, app: answer.app()?, created_at, expires_at };
        let reissue = match answer.bytes("reissue") {
            b"" => None,
            b"usual" => Some(Reissue::Usual),
            b"late" => Some(Reissue::Late),
            b"contested" => Some(Reissue::Contested),
            _ => return Err(answer.unknown()),
        };
        let id = chain.presented.session();
        tokio::try_join!(self.write_refresh_keys(chain, answer, now), self.reindex(id, &session, now))?;
        let generation = answer.number("generation")?;
        let tokens_until = self.keeping.lifetimes.access_expiry(created_at, now);
        let life = self.life_of(answer, now)?;
        Ok(Issue { session, generation, issued_at: now, life, tokens_until, reissue })
    }

    /// In a Cluster: the keys of the current token and its parent, and of none before them.
    async fn write_refresh_keys(
        &self,
        chain: &Chain,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.is_one_server() {
            return Ok(());
        }
        let session = chain.presented.session();
        let life = self.life_of(answer, now)?;
        let kept: Vec<_> =
            answer.all(&["current", "parent"]).map(|trace| self.keys.refresh_of(trace)).collect();
        let put = kept.iter().map(|key| self.put_refresh(key, session, life));
        // The current one first: it is what the answer hands out.
        for written in put {
            written.await?;
        }
        let former = answer.all(&["former", "former_parent"]).map(|trace| self.keys.refresh_of(trace));
        let former: Vec<_> = former.filter(|key| !kept.contains(key)).collect();
        self.delete(&former).await
    }

    /// How long the session lives from now on if it is left alone.
    fn life_of(&self, answer: &Answer, now: Timestamp) -> Result<Duration, StoreError> {
        let lifetimes = &self.keeping.lifetimes;
        let end = lifetimes.session_end(answer.time("created")?);
        Ok(end.map_or(lifetimes.refresh, |end| now.until(end).min(lifetimes.refresh)))
    }

    /// A session was ended in the script: its tokens are refused, and what leads to it is deleted.
    async fn clean_up_after(
        &self,
        chain: &Chain,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<EndReason, StoreError> {
        let session = chain.presented.session();
        let past = self.past(answer)?;
        let reason = past.reason;
        self.refuse_session(session, reason, past.tokens_until, now).await?;
        // In a Cluster, whatever of the chain there may be besides what the hash knew.
        let chain = [Some(&chain.presented), Some(&chain.successor), chain.predecessor.as_ref()];
        let more = chain.into_iter().flatten().map(|token| self.keys.refresh(token));
        self.bury(session, past.and_delete(more)).await?;
        Ok(reason)
    }
}
