//! Rotation and activity: the verbs that keep a session alive.
//!
//! What a rotation writes, in order, and what a crash after each step leaves:
//!
//! 1. `session:` moves to generation n + 1, or notes the re-issue, or ends the session (one script).
//!    Left: the successor has no key. The client has no answer, so it presents the same token again,
//!    which is the parent now; it is answered with the same successor, and step 2 is done then.
//! 2. `refresh:<successor>`. Left: the grandparent's key, which no decision looks at, until it
//!    expires or the session ends; and the parent's, with its old expiry.
//! 3. `refresh:<presented>` lives as long as its successor, `refresh:<predecessor>` is deleted, and
//!    the indexes follow. The answer goes out after that.
//!
//! That a presented token's key is there is looked up before step 1. If an operator deletes it just
//! then, the token was used a moment before: the successor is the one to delete.

use redis::Value;

use super::{
    RedisStore,
    ending::Past,
    millis,
    record::Reader,
    script::{ROTATE, SEEN, SLIDE},
    sessions::Reply,
};
use crate::{
    domain::{
        clock::Timestamp,
        ids::SessionId,
        random,
        refresh_token::{Chain, RefreshToken},
        rotation::{Confirm, ReusePolicy},
        session::EndReason,
    },
    store::{
        error::StoreError,
        sessions::{Confirmation, Granted, Rotation, Slide},
    },
};

impl RedisStore {
    pub(super) async fn rotate_session(
        &self,
        chain: &Chain,
        policy: &ReusePolicy,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let session = chain.presented.session();
        let is_there = self.has_key(&self.keys.trace(&chain.presented)).await?;
        let mut reply = self.decide(chain, policy, now, is_there).await?;
        if reply.word()? == "withdrawn" && self.is_renamed(&chain.presented, &reply).await? {
            reply = self.decide(chain, policy, now, true).await?;
        }
        match reply.word()?.as_str() {
            "granted" => self.grant(chain, &reply, now).await.map(Rotation::Granted),
            "reused" => {
                let past = Past::read(&self.keys, session, EndReason::ReuseDetected, &reply)?;
                self.refuse_session(session, EndReason::ReuseDetected, now).await?;
                // Whatever of the chain there may be besides what the hash knew.
                let chain = [Some(&chain.presented), Some(&chain.successor), chain.predecessor.as_ref()];
                let more = chain.into_iter().flatten().map(|token| self.keys.refresh(token));
                self.bury(session, past.and_delete(more)).await?;
                Ok(Rotation::Reused)
            }
            "ended" => {
                let reason = Reader { id: session }.reason(Some(&reply.text(1)?))?;
                self.refuse_again(session, reason, reply.time(2)?, now).await?;
                Ok(Rotation::Ended(reason))
            }
            "withdrawn" => Ok(Rotation::Withdrawn),
            _ => Ok(Rotation::Expired),
        }
    }

    async fn decide(
        &self,
        chain: &Chain,
        policy: &ReusePolicy,
        now: Timestamp,
        is_there: bool,
    ) -> Result<Reply, StoreError> {
        let Chain { presented, successor, .. } = chain;
        let call = ROTATE
            .on(&self.keys.session(presented.session()))
            .arg(presented.generation())
            .arg(now.millis())
            .arg(millis(policy.grace))
            .arg(u8::from(policy.confirm == Confirm::Timer))
            .arg(u8::from(is_there))
            .arg(millis(self.keeping.lifetimes.refresh))
            .arg(self.keeping.lifetimes.session_max_age.map_or(0, millis))
            .arg(successor.generation())
            .arg(self.keys.trace(successor))
            .arg(self.keys.trace(presented))
            .arg(&random::bytes::<8>());
        self.durable.call_durably::<Vec<Value>>(&call).await.map(Reply)
    }

    async fn has_key(&self, trace: &[u8]) -> Result<bool, StoreError> {
        self.durable.run(redis::cmd("EXISTS").arg(self.keys.refresh_of(trace))).await
    }

    /// Gives a token its new key where it has one under the name it got before `storage.refresh_keys`
    /// was changed. That is asked only where the session itself knows it so: Redis is told no token
    /// that it has not been told before.
    async fn is_renamed(&self, token: &RefreshToken, reply: &Reply) -> Result<bool, StoreError> {
        let former = self.keys.former_trace(token);
        if (reply.text(5)? != former && reply.text(6)? != former) || !self.has_key(&former).await? {
            return Ok(false);
        }
        self.put_refresh(token, self.keeping.lifetimes.refresh).await?;
        Ok(true)
    }

    async fn grant(&self, chain: &Chain, reply: &Reply, now: Timestamp) -> Result<Granted, StoreError> {
        let Chain { presented, successor, predecessor } = chain;
        let session = presented.session();
        let read = Reader { id: session };
        let granted = Granted {
            user: read.user(&reply.text(3)?)?,
            app: read.app(Some(&reply.text(4)?))?,
            created_at: reply.time(1)?,
            expires_at: reply.time(2)?,
        };
        let life = now.until(granted.expires_at);
        self.put_refresh(successor, life).await?;
        let kept = [self.keys.refresh(presented), self.keys.refresh(successor)];
        let before = [reply.text(5)?, reply.text(6)?];
        let before = before.iter().filter(|trace| !trace.is_empty()).map(|trace| self.keys.refresh_of(trace));
        let mut old: Vec<_> =
            before.chain(predecessor.iter().map(|token| self.keys.refresh(token))).collect();
        old.retain(|key| !kept.contains(key));
        tokio::try_join!(
            self.prolong(presented, life),
            self.delete(&old),
            self.reindex(session, &granted, now),
        )?;
        Ok(granted)
    }

    /// The parent is answered as long as its successor is not confirmed, so its key must last as long.
    /// One that was deleted stays deleted.
    async fn prolong(&self, token: &RefreshToken, life: std::time::Duration) -> Result<(), StoreError> {
        let mut command = redis::cmd("EXPIRE");
        command.arg(self.keys.refresh(token)).arg(millis(life).div_ceil(1000));
        self.durable.run(&command).await
    }

    /// Enters the session in its indexes anew, for a failover may have lost an entry, and a session
    /// that is in none would be missed by a sign-out everywhere. If it was not there, it may as well
    /// have been taken out by an end in this very moment; that end is in the hash by then, and is seen.
    async fn reindex(&self, session: SessionId, granted: &Granted, now: Timestamp) -> Result<(), StoreError> {
        let life = now.until(granted.expires_at);
        let of_user = self.keys.sessions_of_user(granted.user);
        let of_app = self.keys.sessions_of_app(&granted.app);
        let (user_is_new, app_is_new) = tokio::try_join!(
            self.enter(&of_user, session, now, life),
            self.enter(&of_app, session, now, life),
        )?;
        if user_is_new || app_is_new {
            let mut command = redis::cmd("HMGET");
            command.arg(self.keys.session(session)).arg("u").arg("x");
            let (user, ended): (Option<Vec<u8>>, Option<Vec<u8>>) = self.durable.run(&command).await?;
            if user.is_none() || ended.is_some() {
                self.clean_up(granted.user, &granted.app, session, &[]).await?;
            }
        }
        Ok(())
    }

    /// Lets a session go on. The hash first, which alone decides; the indexes are entered anew as at a
    /// rotation, so that they outlive it.
    pub(super) async fn slide_session(
        &self,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Slide, StoreError> {
        let call = SLIDE
            .on(&self.keys.session(session))
            .arg(now.millis())
            .arg(millis(self.keeping.lifetimes.refresh))
            .arg(self.keeping.lifetimes.session_max_age.map_or(0, millis));
        let reply = Reply(self.link.call(&call).await?);
        let read = Reader { id: session };
        match reply.word()?.as_str() {
            "alive" => {
                let granted = Granted {
                    user: read.user(&reply.text(3)?)?,
                    app: read.app(Some(&reply.text(4)?))?,
                    created_at: reply.time(1)?,
                    expires_at: reply.time(2)?,
                };
                self.reindex(session, &granted, now).await?;
                Ok(Slide::Alive(granted))
            }
            "ended" => {
                let reason = read.reason(Some(&reply.text(1)?))?;
                self.refuse_again(session, reason, reply.time(2)?, now).await?;
                Ok(Slide::Ended(reason))
            }
            _ => Ok(Slide::Expired),
        }
    }

    /// Notes activity, and that an access token of `generation` was seen. The hash first: the indexes
    /// are only moved for a session it says is alive, and never gain an entry by it.
    pub(super) async fn note_activity(
        &self,
        session: SessionId,
        generation: Option<u32>,
        now: Timestamp,
    ) -> Result<Confirmation, StoreError> {
        let generation = generation.map_or(-1, i64::from);
        let call = SEEN.on(&self.keys.session(session)).arg(generation).arg(now.millis());
        let reply = Reply(self.link.call(&call).await?);
        let read = Reader { id: session };
        match reply.word()?.as_str() {
            "alive" => {
                let (user, app) = (read.user(&reply.text(3)?)?, read.app(Some(&reply.text(4)?))?);
                self.move_up(user, &app, session, now).await?;
                Ok(Confirmation::Seen)
            }
            "ended" => {
                let reason = read.reason(Some(&reply.text(1)?))?;
                self.refuse_again(session, reason, reply.time(2)?, now).await?;
                Ok(Confirmation::Ended(reason))
            }
            _ => Ok(Confirmation::Ended(EndReason::Expired)),
        }
    }
}
