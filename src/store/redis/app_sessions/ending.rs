//! The end of an app's sessions, and what goes after it: the entries that led to them, what is known of
//! their users' activity, and at last what is left of their hashes.

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join_all};
use redis::Value;

use super::{Reply, activity::Known, index::Used};
use crate::{
    domain::{app::AppName, app_session::AppUser, clock::Timestamp, ids::SessionId, random},
    store::{
        error::StoreError,
        redis::{
            RedisStore,
            script::{APP_END, APP_LEAVE},
        },
    },
};

/// How many due entries are looked at together.
pub const CLEANED_TOGETHER: usize = 16;

/// What an end met.
pub struct EndedSession {
    id: SessionId,
    user: AppUser,
    seen: Option<Timestamp>,
    pub was_alive: bool,
}

impl RedisStore {
    /// Takes a note back if the session is over; else it would be listed and counted by it.
    pub(in crate::store::redis) async fn withdraw_if_over(
        &self,
        used: &Used<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.times(used.id).await?.is_some_and(|(_, expires)| expires > now.millis()) {
            return Ok(());
        }
        let past = EndedSession { id: used.id, user: used.user.clone(), seen: None, was_alive: false };
        self.clean_up_ended(used.app, &[past], now).await
    }

    /// Ends sessions; those there is nothing known of are not among the answers.
    ///
    /// 1. The hashes end: nobody finds the sessions any more. Left by a crash: entries that lead to
    ///    nothing, until they are due or the end is repeated.
    /// 2. The entries go, then what is known of the users' activity, then the hashes.
    pub(in crate::store::redis) async fn end_sessions(
        &self,
        app: &AppName,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<EndedSession>, StoreError> {
        // All are tried before a failure of one is told: each that can be ended is ended.
        let ended = join_all(ids.iter().map(|id| self.end_hash(app, *id, "any", now))).await;
        let ended: Result<Vec<_>, _> = ended.into_iter().collect();
        let past: Vec<_> = ended?.into_iter().filter_map(Result::ok).collect();
        self.clean_up_ended(app, &past, now).await?;
        Ok(past)
    }

    /// Takes out what is over, as far as it is due.
    pub(in crate::store::redis) async fn end_all_due(
        &self,
        app: &AppName,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let list = self.keys.app_sessions_of_app(app);
        let mut range = redis::cmd("ZRANGEBYSCORE");
        range.arg(&list).arg(-now.millis()).arg("(0").arg("LIMIT").arg(0).arg(CLEANED_TOGETHER);
        let due = self.link.run(&range).await?;
        self.end_due(app, due, now).await
    }

    /// Takes out the sessions that those entries lead to, if they are over.
    pub(super) async fn end_due(
        &self,
        app: &AppName,
        due: Vec<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let list = self.keys.app_sessions_of_app(app);
        let entries = due.iter().filter_map(|entry| Some((entry, parse_due(entry)?)));
        let looked_at =
            entries.map(async |(entry, (id, user))| match self.end_hash(app, id, "over", now).await? {
                Ok(past) => Ok(Some(past)),
                Err(Some(expires)) => {
                    let mut later = redis::cmd("ZADD");
                    later.arg(&list).arg("XX").arg(-expires).arg(entry);
                    self.link.run::<()>(&later).await.map(|()| None)
                }
                Err(None) => Ok(Some(EndedSession { id, user, seen: None, was_alive: false })),
            });
        let past: Vec<_> = try_join_all(looked_at).await?.into_iter().flatten().collect();
        self.clean_up_ended(app, &past, now).await
    }

    /// Ends a hash; else tells its expiry where it is alive and was to be spared, or nothing.
    async fn end_hash(
        &self,
        app: &AppName,
        id: SessionId,
        which: &str,
        now: Timestamp,
    ) -> Result<Result<EndedSession, Option<i64>>, StoreError> {
        let call = APP_END
            .on(&self.keys.session(id))
            .arg(app.as_str())
            .arg(now.millis())
            .arg(which)
            .arg(random::mark());
        let reply = Reply(self.durable.call_durably::<Vec<Value>>(&call).await?);
        let word = reply.word()?;
        if word == "unknown" {
            return Ok(Err(None));
        }
        let (user, time) = (reply.text(1)?, reply.time(2)?);
        if word == "alive" {
            return Ok(Err(Some(time.millis())));
        }
        let user = String::from_utf8(user).ok().and_then(|user| AppUser::parse(&user).ok());
        let user =
            user.ok_or_else(|| crate::store::redis::connection::error::corrupt("session hash U", id))?;
        Ok(Ok(EndedSession { id, user, seen: Some(time), was_alive: word == "now" }))
    }

    async fn clean_up_ended(
        &self,
        app: &AppName,
        past: &[EndedSession],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let known = try_join_all(past.iter().map(|past| self.unlist(app, past))).await?;
        let mut users: BTreeMap<_, (Option<Timestamp>, Known)> = BTreeMap::new();
        for (past, known) in past.iter().zip(known) {
            // The latest one of a user decides; of an unknown moment, it may be the latest.
            let (seen, _) = users.entry(&past.user).or_insert((past.seen, known));
            *seen = seen.zip(past.seen).map(|(one, other)| one.max(other));
        }
        let settled = users.into_iter().map(|(user, (seen, known))| self.settle(app, user, seen, known, now));
        try_join_all(settled).await?;
        let hashes: Vec<_> = past.iter().map(|past| self.keys.session(past.id)).collect();
        self.delete(&hashes).await
    }

    async fn unlist(&self, app: &AppName, past: &EndedSession) -> Result<Known, StoreError> {
        let id = past.id.to_string();
        let mut of_user = redis::cmd("ZREM");
        of_user.arg(self.keys.app_sessions_of_user(app, &past.user)).arg(&id);
        let of_app = APP_LEAVE.on(&self.keys.app_sessions_of_app(app)).arg(&id).arg(past.user.as_str());
        let (of_user, of_app) = (self.durable.run::<()>(&of_user), self.durable.call::<Known>(&of_app));
        tokio::try_join!(of_user, of_app).map(|((), known)| known)
    }
}

/// Session and user of an entry by expiry.
fn parse_due(entry: &str) -> Option<(SessionId, AppUser)> {
    let (id, user) = entry.strip_prefix('-')?.split_at_checked(22)?;
    Some((id.parse().ok()?, AppUser::parse(user).ok()?))
}
