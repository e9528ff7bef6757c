//! What leads to the sessions of an app: `sessions:app:<app>/data` and `sessions:user:<app>/<user id>`.
//! Apart from the indexes of sign-ins, which would take these entries for sessions that are over; no
//! app's name and no user's id of ours holds a slash.
//!
//! Both hold a session's id by its last activity. The list of the app has more, which shares a key with it
//! because it changes with it, in bands of scores so that neither is met where another is looked for:
//!
//! - `-`, id and user by the session's expiry, negative. It is not moved at each use: whoever finds it due
//!   looks at the session.
//! - `+` and user by the activity of their most recently active living session, and `=` and user by the end
//!   of that session, negative; both [`APART`] from the scores of sessions.
//!
//! A session is entered before its hash is written: an end of all that misses a living session would be
//! a session nobody can end. Entries are taken out after the hash has ended. Who enters one anew in between
//! looks at the hash again.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::{join_all, try_join_all};
use redis::Value;

use super::{
    RedisStore,
    app_activity::Known,
    millis,
    script::{APP_END, APP_ENTER, APP_LEAVE, APP_USE},
    sessions::Reply,
};
use crate::{
    domain::{app::AppName, app_session::AppUser, clock::Timestamp, ids::SessionId, random},
    store::error::StoreError,
};

/// Further than any time in ms.
pub const APART: i64 = 1 << 44;
/// Above the scores of sessions, as the end of a range.
pub const SESSIONS_END: &str = "(17592186044416";

/// How many due entries are looked at together.
const TIDIED_TOGETHER: usize = 16;
/// An index is certain to live for so long after the expiry of what is in it.
const SPARE: Duration = Duration::from_hours(24);
/// A use prolongs the indexes if the last one was in another span of so long. Two of them are less than
/// what is spare: should a crash come before a note, the index is still there when the session is.
const PROLONGED_EVERY: Duration = Duration::from_hours(8);

/// A use of a session.
pub struct Used<'a> {
    pub app: &'a AppName,
    pub id: SessionId,
    pub user: &'a AppUser,
    pub ttl: Duration,
    /// The use before it; `None` = this is the creation.
    pub before: Option<Timestamp>,
    pub seen: Timestamp,
    pub expires: Timestamp,
}

impl Used<'_> {
    fn prolongs(&self) -> bool {
        let span =
            |moment: Timestamp| u128::from(moment.millis().unsigned_abs()) / PROLONGED_EVERY.as_millis();
        self.before.is_some_and(|before| span(before) != span(self.seen))
    }

    /// What must be left of an index, in ms.
    fn least_left(&self) -> u64 {
        millis(self.ttl + SPARE)
    }

    /// What an index lives from now on where less is left, in ms: longer, so that this is seldom.
    fn index_life(&self) -> u64 {
        millis(self.ttl * 2 + SPARE)
    }
}

/// What an end met.
pub struct Past {
    id: SessionId,
    user: AppUser,
    /// Its last activity.
    seen: Option<Timestamp>,
    pub was_alive: bool,
}

impl RedisStore {
    /// Enters a session that is about to be written.
    pub(super) async fn enlist(&self, used: &Used<'_>) -> Result<(), StoreError> {
        let (id, seen) = (used.id.to_string(), used.seen.millis());
        let of_app = APP_ENTER
            .on(&self.keys.app_sessions_of_app(used.app))
            .arg(used.index_life())
            .arg(used.least_left())
            .arg(seen)
            .arg(&id)
            .arg(-used.expires.millis())
            .arg(format!("-{id}{}", used.user.as_str()));
        let of_user = self.enter_with_user(used);
        tokio::try_join!(of_user, self.durable.call::<()>(&of_app)).map(|_| ())
    }

    /// Notes the use of a session in both indexes. Where it was in one of them no more, it has ended
    /// meanwhile, or the index was lost: the session itself says.
    pub(super) async fn note_use(&self, used: &Used<'_>, now: Timestamp) -> Result<(), StoreError> {
        let (user_is_new, app_is_new) =
            tokio::try_join!(self.note_with_user(used), self.note_with_app(used))?;
        if user_is_new || app_is_new {
            self.withdraw_if_over(used, now).await?;
        }
        Ok(())
    }

    /// The same after the creation, whose other entry is new.
    pub(super) async fn note_creation(&self, used: &Used<'_>, now: Timestamp) -> Result<(), StoreError> {
        if self.note_with_app(used).await? {
            self.withdraw_if_over(used, now).await?;
        }
        Ok(())
    }

    /// Moves the entry up; enters it where it is not found, and tells so.
    async fn note_with_user(&self, used: &Used<'_>) -> Result<bool, StoreError> {
        if !used.prolongs() {
            let mut moving = redis::cmd("ZADD");
            moving.arg(self.keys.app_sessions_of_user(used.app, used.user)).arg(&["XX", "GT", "CH"]);
            moving.arg(used.seen.millis()).arg(used.id.to_string());
            if self.durable.run::<bool>(&moving).await? {
                return Ok(false);
            }
        }
        self.enter_with_user(used).await
    }

    async fn enter_with_user(&self, used: &Used<'_>) -> Result<bool, StoreError> {
        let call = APP_ENTER
            .on(&self.keys.app_sessions_of_user(used.app, used.user))
            .arg(used.index_life())
            .arg(used.least_left())
            .arg(used.seen.millis())
            .arg(used.id.to_string());
        self.durable.call(&call).await
    }

    async fn note_with_app(&self, used: &Used<'_>) -> Result<bool, StoreError> {
        let call = APP_USE
            .on(&self.keys.app_sessions_of_app(used.app))
            .arg(used.id.to_string())
            .arg(used.user.as_str())
            .arg(used.seen.millis())
            .arg(used.expires.millis())
            .arg(APART)
            .arg(used.index_life())
            .arg(if used.prolongs() { used.least_left() } else { 0 });
        self.durable.call(&call).await
    }

    /// Takes a note back if the session is over; else it would be listed and counted by it.
    async fn withdraw_if_over(&self, used: &Used<'_>, now: Timestamp) -> Result<(), StoreError> {
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
        let mut range = redis::cmd("ZRANGEBYSCORE");
        range.arg(&roster).arg(-now.millis()).arg("(0").arg("LIMIT").arg(0).arg(TIDIED_TOGETHER);
        let due: Vec<String> = self.link.run(&range).await?;
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
        let user = user.ok_or_else(|| super::error::corrupt("session hash U", id))?;
        Ok(Ok(Past { id, user, seen: Some(time), was_alive: word == "now" }))
    }

    async fn bury_all(&self, app: &AppName, past: &[Past], now: Timestamp) -> Result<(), StoreError> {
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

    async fn unlist(&self, app: &AppName, past: &Past) -> Result<Known, StoreError> {
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
