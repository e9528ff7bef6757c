//! Activity: the verbs that keep a session alive and note that it was seen.

use redis::Value;

use super::answer::Answer;
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::{SessionId, UserId},
        session::EndReason,
    },
    store::{
        error::StoreError,
        redis::{
            RedisStore, millis,
            script::{SEEN, SLIDE},
        },
        sessions::{Confirmation, Granted, Slide},
    },
};

impl RedisStore {
    /// Enters the session in its indexes anew, for a failover may have lost an entry, and a session
    /// that is in none would be missed by a sign-out everywhere. If it was not there, it may as well
    /// have been taken out by an end in this very moment; that end is in the hash by then, and is seen.
    pub(in crate::store::redis) async fn reindex(
        &self,
        session: SessionId,
        granted: &Granted,
        now: Timestamp,
    ) -> Result<(), StoreError> {
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
    pub(in crate::store::redis) async fn slide_session(
        &self,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Slide, StoreError> {
        let call = SLIDE
            .on(&self.keys.session(session))
            .arg(self.moment(now))
            .arg(millis(self.keeping.lifetimes.refresh))
            .arg(self.keeping.lifetimes.session_max_age.map_or(0, millis));
        let answer = Answer::read(session, self.link.call::<Vec<Value>>(&call).await?)?;
        match answer.word() {
            "alive" => {
                let granted = Granted {
                    user: answer.user()?,
                    app: answer.app()?,
                    created_at: answer.time("created")?,
                    expires_at: answer.time("expires")?,
                };
                self.reindex(session, &granted, now).await?;
                Ok(Slide::Alive(granted))
            }
            "ended" => self.meet_end(session, &answer, now).await.map(Slide::Ended),
            "expired" => Ok(Slide::Expired),
            _ => Err(answer.unknown()),
        }
    }

    /// Notes activity, and that an access token of `generation` was seen: that must not be lost with a
    /// master, for the parent would be good again. The hash first: the indexes are only moved for a
    /// session it says is alive, and never gain an entry by it.
    pub(in crate::store::redis) async fn note_activity(
        &self,
        session: SessionId,
        generation: Option<u32>,
        now: Timestamp,
    ) -> Result<Confirmation, StoreError> {
        let seen = generation.map_or(-1, i64::from);
        let call = SEEN.on(&self.keys.session(session)).arg(seen).arg(self.moment(now));
        let values: Vec<Value> = match generation {
            Some(_) => self.durable.call_durably(&call).await?,
            None => self.link.call(&call).await?,
        };
        let answer = Answer::read(session, values)?;
        match answer.word() {
            "alive" => {
                self.move_up(answer.user()?, &answer.app()?, session, now).await?;
                Ok(Confirmation::Seen)
            }
            "ended" => self.meet_end(session, &answer, now).await.map(Confirmation::Ended),
            "expired" => Ok(Confirmation::Ended(EndReason::Expired)),
            _ => Err(answer.unknown()),
        }
    }

    /// Notes activity in both indexes, where the session is in them.
    async fn move_up(
        &self,
        user: UserId,
        app: &AppName,
        session: SessionId,
        active: Timestamp,
    ) -> Result<(), StoreError> {
        let (of_user, of_app) = (self.keys.sessions_of_user(user), self.keys.sessions_of_app(app));
        tokio::try_join!(self.note_in(&of_user, session, active), self.note_in(&of_app, session, active),)
            .map(|_| ())
    }
}
