//! What leads to the sessions of an app: `sessions:app:<app>/data` and `sessions:user:<app>/<user id>`.
//! Apart from the indexes of sign-ins, which would take these entries for sessions that are over; no
//! app's name and no user's id of ours holds a slash.
//!
//! A session is entered before its hash is written: an end of all that misses a living session would be
//! a session nobody can end. Entries are taken out after the hash has ended.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use redis::Value;

use super::{
    RedisStore, millis,
    script::{APP_END, APP_ROSTER, INDEX},
    sessions::Reply,
};
use crate::{
    domain::{app::AppName, app_session::AppUser, clock::Timestamp, ids::SessionId},
    store::error::StoreError,
};

/// How many due entries a creation looks at: more than it makes, so that they do not pile up.
const TIDIED_BY_EACH: usize = 4;

/// A use of a session.
pub struct Used<'a> {
    pub app: &'a AppName,
    pub id: SessionId,
    pub user: &'a AppUser,
    pub ttl: Duration,
    pub seen: Timestamp,
    pub expires: Timestamp,
}

/// What an end met.
pub struct Past {
    id: SessionId,
    user: AppUser,
    /// Its last activity.
    seen: Option<Timestamp>,
    pub was_alive: bool,
}

/// How long an index lives after a use. Longer than the session: should a crash come between a use and
/// the note of it, the index is still there when the session is.
pub fn index_life(ttl: Duration) -> Duration {
    ttl * 2 + Duration::from_hours(24)
}

impl RedisStore {
    /// Enters a session, or notes its use.
    pub(super) async fn enlist(&self, used: &Used<'_>) -> Result<(), StoreError> {
        let life = millis(index_life(used.ttl));
        let (id, seen) = (used.id.to_string(), used.seen.millis());
        let of_user = INDEX
            .on(&self.keys.app_sessions_of_user(used.app, used.user))
            .arg(&id)
            .arg(seen)
            .arg(life)
            .arg("new");
        let of_app = APP_ROSTER
            .on(&self.keys.app_sessions_of_app(used.app))
            .arg(&id)
            .arg(seen)
            .arg(used.user.as_str())
            .arg(used.expires.millis())
            .arg(life)
            .arg(seen)
            .arg(0);
        let (of_user, of_app) = (self.durable.call::<()>(&of_user), self.durable.call::<()>(&of_app));
        tokio::try_join!(of_user, of_app).map(|_| ())
    }

    /// Takes a note back if the session has ended meanwhile; else it would be listed and counted by it.
    pub(super) async fn withdraw_if_over(&self, used: &Used<'_>, now: Timestamp) -> Result<(), StoreError> {
        if self.times(used.id).await?.is_some_and(|(_, expires)| expires > now.millis()) {
            return Ok(());
        }
        let past = Past { id: used.id, user: used.user.clone(), seen: None, was_alive: false };
        self.bury_all(used.app, &[past], now).await
    }

    /// Ends sessions; those there is nothing known of are not among the answers.
    ///
    /// 1. The hashes end: nobody finds the sessions any more. Left by a crash: entries that lead to
    ///    nothing, until they are due or the end is repeated.
    /// 2. The entries go, then what is known of the users' activity, then the hashes.
    pub(super) async fn end_sessions(
        &self,
        app: &AppName,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<Past>, StoreError> {
        // All are tried before a failure of one is told: each that can be ended is ended.
        let ended = join_all(ids.iter().map(|id| self.end_hash(app, *id, "any", now))).await;
        let ended: Result<Vec<_>, _> = ended.into_iter().collect();
        let past: Vec<_> = ended?.into_iter().filter_map(Result::ok).collect();
        self.bury_all(app, &past, now).await?;
        Ok(past)
    }

    /// Takes out what is over, as far as it is due.
    pub(super) async fn tidy(&self, app: &AppName, now: Timestamp) -> Result<(), StoreError> {
        let roster = self.keys.app_sessions_of_app(app);
        let call = APP_ROSTER.on(&roster).arg(&["", "", "", "", "0"]).arg(now.millis()).arg(TIDIED_BY_EACH);
        let due: Vec<String> = self.link.call(&call).await?;
        let entries = due.iter().filter_map(|entry| Some((entry, parse_due(entry)?)));
        let looked_at =
            entries.map(async |(entry, (id, user))| match self.end_hash(app, id, "over", now).await? {
                Ok(past) => Ok(Some(past)),
                Err(Some(expires)) => {
                    let mut later = redis::cmd("ZADD");
                    later.arg(&roster).arg("XX").arg(-expires).arg(entry);
                    self.link.run::<()>(&later).await.map(|()| None)
                }
                Err(None) => Ok(Some(Past { id, user, seen: None, was_alive: false })),
            });
        let past: Vec<_> = try_join_all(looked_at).await?.into_iter().flatten().collect();
        self.bury_all(app, &past, now).await
    }

    /// Ends a hash; else tells its expiry where it is alive and was to be spared, or nothing.
    async fn end_hash(
        &self,
        app: &AppName,
        id: SessionId,
        which: &str,
        now: Timestamp,
    ) -> Result<Result<Past, Option<i64>>, StoreError> {
        let call = APP_END.on(&self.keys.session(id)).arg(app.as_str()).arg(now.millis()).arg(which);
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
        let user = user.ok_or_else(|| super::error::corrupt("session hash U", id))?;
        Ok(Ok(Past { id, user, seen: Some(time), was_alive: word == "now" }))
    }

    async fn bury_all(&self, app: &AppName, past: &[Past], now: Timestamp) -> Result<(), StoreError> {
        try_join_all(past.iter().map(|past| self.unlist(app, past))).await?;
        let mut users: std::collections::BTreeMap<_, Option<Timestamp>> = std::collections::BTreeMap::new();
        for past in past {
            // The latest one of a user decides; of an unknown moment, it may be the latest.
            let seen = users.entry(&past.user).or_insert(past.seen);
            *seen = seen.zip(past.seen).map(|(one, other)| one.max(other));
        }
        let settled = users.into_iter().map(|(user, seen)| self.settle(app, user, seen, now));
        try_join_all(settled).await?;
        let hashes: Vec<_> = past.iter().map(|past| self.keys.session(past.id)).collect();
        self.delete(&hashes).await
    }

    async fn unlist(&self, app: &AppName, past: &Past) -> Result<(), StoreError> {
        let id = past.id.to_string();
        let mut of_user = redis::cmd("ZREM");
        of_user.arg(self.keys.app_sessions_of_user(app, &past.user)).arg(&id);
        let mut of_app = redis::cmd("ZREM");
        let due = format!("-{id}{}", past.user.as_str());
        of_app.arg(self.keys.app_sessions_of_app(app)).arg(&id).arg(due);
        let (of_user, of_app) = (self.durable.run::<()>(&of_user), self.durable.run::<()>(&of_app));
        tokio::try_join!(of_user, of_app).map(|_| ())
    }
}

/// Session and user of an entry by expiry.
fn parse_due(entry: &str) -> Option<(SessionId, AppUser)> {
    let (id, user) = entry.strip_prefix('-')?.split_at_checked(22)?;
    Some((id.parse().ok()?, AppUser::parse(user).ok()?))
}
