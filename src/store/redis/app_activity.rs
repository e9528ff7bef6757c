//! Who of an app's users was active last when (`activity:app:<app>`): written after the session's hash,
//! and looked at again where a session ends, so that it follows what is alive.
//!
//! What a crash after the hash leaves: a user counted as of an earlier use until the next one, or, after
//! an end, until the session would have been over, or the end is repeated.

use futures_util::future::try_join_all;

use super::{
    RedisStore,
    app_index::{Used, index_life},
    millis,
    script::{APP_ACTIVE, APP_NOTE, APP_SETTLE},
    sessions::ABREAST,
};
use crate::{
    domain::{app::AppName, app_session::AppUser, clock::Timestamp, ids::SessionId},
    store::error::StoreError,
};

/// How many of a user's sessions are looked at together, the most recently active first.
const TOGETHER: isize = 8;
/// Who changes the entry in between does what settling does, so it need not be tried for ever.
const ATTEMPTS: usize = 8;

impl RedisStore {
    /// Notes a use.
    pub(super) async fn note_activity_of(&self, used: &Used<'_>) -> Result<(), StoreError> {
        let call = APP_NOTE
            .on(&self.keys.app_activity(used.app))
            .arg(used.user.as_str())
            .arg(used.seen.millis())
            .arg(used.expires.millis())
            .arg(millis(index_life(used.ttl)));
        self.link.call(&call).await
    }

    /// Makes a user's entry right again after a session of theirs is over that was active at `seen`
    /// (`None` = at an unknown moment). It must be out of the user's index.
    pub(super) async fn settle(
        &self,
        app: &AppName,
        user: &AppUser,
        seen: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = self.keys.app_activity(app);
        let (active, ends) = (format!("u{}", user.as_str()), format!("e{}", user.as_str()));
        let mut known = redis::cmd("ZMSCORE");
        known.arg(&key).arg(active).arg(ends);
        for _ in 0..ATTEMPTS {
            // This first: a change after it is noticed, and one before it is seen in the hashes.
            let (Some(active), Some(ends)): (Option<i64>, Option<i64>) = self.link.run(&known).await? else {
                return Ok(());
            };
            // Another session is the latest, and it has not ended by this.
            if seen.is_some_and(|seen| active > seen.millis()) {
                return Ok(());
            }
            let call = APP_SETTLE.on(&key).arg(user.as_str()).arg(active).arg(ends);
            let call = match self.latest(app, user, now).await? {
                Some((seen, expires)) => call.arg(seen).arg(expires),
                None => call.arg("").arg(""),
            };
            if self.link.call::<bool>(&call).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// How many users have a living session that was active at `since` or later. Those whose latest one
    /// has run out are settled first; each session's end costs that once.
    pub(super) async fn count_active(
        &self,
        app: &AppName,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let call = APP_ACTIVE
            .on(&self.keys.app_activity(app))
            .arg(since.millis().max(0))
            .arg(now.millis())
            .arg(ABREAST);
        loop {
            let (count, due): (u64, Vec<String>) = self.link.call(&call).await?;
            if due.is_empty() {
                return Ok(count);
            }
            let users = due.iter().filter_map(|member| AppUser::parse(member.strip_prefix('e')?).ok());
            let settled = users.map(async |user| self.settle(app, &user, None, now).await);
            try_join_all(settled).await?;
        }
    }

    /// Activity and expiry of the most recently active living session of a user, in ms.
    async fn latest(
        &self,
        app: &AppName,
        user: &AppUser,
        now: Timestamp,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        let index = self.keys.app_sessions_of_user(app, user);
        for first in (0..).step_by(TOGETHER.unsigned_abs()) {
            let mut range = redis::cmd("ZREVRANGE");
            range.arg(&index).arg(first).arg(first + TOGETHER - 1);
            let ids: Vec<String> = self.link.run(&range).await?;
            if ids.is_empty() {
                break;
            }
            let ids = ids.iter().filter_map(|id| id.parse().ok());
            let times = try_join_all(ids.map(|id| self.times(id))).await?;
            let living = times.into_iter().flatten().filter(|(_, expires)| *expires > now.millis());
            if let Some(latest) = living.max() {
                return Ok(Some(latest));
            }
        }
        Ok(None)
    }

    /// Last activity and expiry of a session, in ms.
    pub(super) async fn times(&self, session: SessionId) -> Result<Option<(i64, i64)>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys.session(session)).arg(&["L", "E"]);
        let (seen, expires): (Option<i64>, Option<i64>) = self.link.run(&command).await?;
        Ok(seen.zip(expires))
    }
}
