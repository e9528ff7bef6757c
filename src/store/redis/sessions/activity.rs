//! Activity: the verbs that keep a session alive and note that it was seen.

use redis::Value;

use super::{
    answer::ScriptAnswer,
    record::{HashFields, Remains},
};
use crate::{
    domain::{clock::Timestamp, ids::SessionId, session::EndReason, session_token::SessionToken},
    store::{
        error::StoreError,
        redis::{
            RedisStore, millis,
            script::{RENEW, SEEN},
        },
        sessions::{Confirmation, Living, NOTED_EVERY, Renewal},
    },
};

/// What the script `renew.lua` answers.
enum Renewed {
    Alive(Living),
    Ended(Remains),
    Expired,
    Forged,
}

impl Renewed {
    fn read(answer: &ScriptAnswer) -> Result<Self, StoreError> {
        Ok(match answer.word() {
            "alive" => Self::Alive(answer.fields.living()?),
            "ended" => Self::Ended(answer.fields.remains()?),
            "expired" => Self::Expired,
            "forged" => Self::Forged,
            _ => return Err(answer.unknown()),
        })
    }
}

/// What the script `seen.lua` answers.
enum Noted {
    /// There is no more to do.
    Seen,
    /// In a Cluster: activity was noted in this record, and the indexes are to follow.
    Active(HashFields),
    Ended(Remains),
    Expired,
}

impl Noted {
    fn read(answer: ScriptAnswer) -> Result<Self, StoreError> {
        Ok(match answer.word() {
            "seen" => Self::Seen,
            "active" => Self::Active(answer.fields),
            "ended" => Self::Ended(answer.fields.remains()?),
            "expired" => Self::Expired,
            _ => return Err(answer.unknown()),
        })
    }
}

impl RedisStore {
    /// In a Cluster, enters the session in its indexes anew, for a failover may have lost an entry, and a session
    /// that is in none would be missed by a sign-out everywhere. If it was not there, it may as well
    /// have been taken out by an end in this very moment; that end is in the hash by then, and is seen.
    pub(in crate::store::redis) async fn reindex(
        &self,
        session: SessionId,
        living: &Living,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let life = now.until(living.expires_at);
        let (user, app) = (living.facts.user, &living.facts.app);
        let (of_user, at_app) = (self.keys.sign_ins_of_user(user), self.keys.sign_ins_at_app(app));
        let (user_is_new, app_is_new) = tokio::try_join!(
            self.enter(&of_user, session, now, life),
            self.enter(&at_app, session, now, life),
        )?;
        if user_is_new || app_is_new {
            let mut command = redis::cmd("HMGET");
            command.arg(self.keys.session(session)).arg("u").arg("x");
            let (known, ended): (Option<Vec<u8>>, Option<Vec<u8>>) = self.durable.run(&command).await?;
            if known.is_none() || ended.is_some() {
                self.leave_indexes(user, app, session).await?;
            }
        }
        Ok(())
    }

    /// Lets a session go on. In a Cluster the hash first, which alone decides; then the indexes, so that they
    /// outlive it.
    pub(in crate::store::redis) async fn renew_session(
        &self,
        cookie: &SessionToken,
        now: Timestamp,
    ) -> Result<Renewal, StoreError> {
        let (session, lifetimes) = (cookie.session(), &self.keeping.lifetimes);
        let call = self
            .on_session(&RENEW, session, now)
            .arg(millis(lifetimes.refresh))
            .arg(lifetimes.session_max_age.map_or(0, millis))
            .arg(cookie.nonce_hash().as_bytes());
        let answer = ScriptAnswer::read(session, self.link.call::<Vec<Value>>(&call).await?)?;
        match Renewed::read(&answer)? {
            Renewed::Alive(living) => {
                if !self.is_one_server() {
                    self.reindex(session, &living, now).await?;
                }
                Ok(Renewal::Alive(living))
            }
            Renewed::Ended(remains) => self.meet_end(session, &remains, now).await.map(Renewal::Ended),
            Renewed::Expired => Ok(Renewal::Expired),
            Renewed::Forged => Ok(Renewal::Forged),
        }
    }

    /// Notes that an access token of `generation` was seen: that must not be lost with a master, for the parent
    /// would be good again. One trip, also in a Cluster, unless the last note of activity is old.
    pub(in crate::store::redis) async fn confirm_generation(
        &self,
        session: SessionId,
        generation: u32,
        now: Timestamp,
    ) -> Result<Confirmation, StoreError> {
        let call = self.on_session(&SEEN, session, now).arg(generation).arg(millis(NOTED_EVERY));
        let values: Vec<Value> = self.durable.call_durably(&call).await?;
        self.follow_up(session, Noted::read(ScriptAnswer::read(session, values)?)?, now).await
    }

    pub(in crate::store::redis) async fn note_activity(
        &self,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let call = self.on_session(&SEEN, session, now).arg(-1).arg(1);
        let values: Vec<Value> = self.link.call(&call).await?;
        self.follow_up(session, Noted::read(ScriptAnswer::read(session, values)?)?, now).await.map(drop)
    }

    /// The hash first: the indexes are only moved for a session it says is alive, and never gain an entry by it.
    async fn follow_up(
        &self,
        session: SessionId,
        noted: Noted,
        now: Timestamp,
    ) -> Result<Confirmation, StoreError> {
        match noted {
            Noted::Seen => Ok(Confirmation::Seen),
            Noted::Active(record) => {
                let of_user = self.keys.sign_ins_of_user(record.user()?);
                let at_app = self.keys.sign_ins_at_app(&record.app()?);
                let move_up = async |index: String| {
                    let mut command = redis::cmd("ZADD");
                    command.arg(index).arg(&["XX", "GT"]).arg(now.millis()).arg(session.to_string());
                    self.link.run::<()>(&command).await
                };
                tokio::try_join!(move_up(of_user), move_up(at_app))?;
                Ok(Confirmation::Seen)
            }
            Noted::Ended(remains) => self.meet_end(session, &remains, now).await.map(Confirmation::Ended),
            Noted::Expired => Ok(Confirmation::Ended(EndReason::Expired)),
        }
    }
}
