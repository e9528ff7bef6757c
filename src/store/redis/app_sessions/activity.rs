//! Who of an app's users was active last when: entries in the app's list, written with that of the used
//! session, and looked at again where a session ends, so that they follow what is alive.
//!
//! What a crash after the hash leaves: a user counted as of an earlier use until the next one, or, after
//! an end, until the session would have been over, or the end is repeated.

use futures_util::future::try_join_all;

use super::index::APART;
use crate::{
    domain::{app::AppName, app_session::AppUser, clock::Timestamp, ids::SessionId},
    store::{
        error::StoreError,
        redis::{
            ABREAST, RedisStore,
            script::{APP_ACTIVE, APP_SETTLE},
        },
    },
};

/// How many of a user's sessions are looked at together, the most recently active first.
const TOGETHER: isize = 8;
/// Who changes the entry in between does what settling does, so it need not be tried for ever.
const ATTEMPTS: usize = 8;

/// The scores of a user's two entries.
pub type Known = (Option<i64>, Option<i64>);

impl RedisStore {
    /// Makes a user's entries right again after a session of theirs is over that was active at `seen`
    /// (`None` = at an unknown moment).
    ///
    /// `known` was read after its hash had ended: a change after that is noticed, and one before it is
    /// seen in the hashes.
    pub(in crate::store::redis) async fn settle(
        &self,
        app: &AppName,
        user: &AppUser,
        seen: Option<Timestamp>,
        mut known: Known,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let (Some(active), Some(over)) = known else { return Ok(()) };
            // Another session is the latest, and it has not ended by this.
            if seen.is_some_and(|seen| active > APART + seen.millis()) {
                return Ok(());
            }
            let list = self.keys.app_sessions_of_app(app);
            let call = APP_SETTLE.on(&list).arg(user.as_str()).arg(active).arg(over);
            let call = match self.latest(app, user, now).await? {
                Some((seen, expires)) => call.arg(APART + seen).arg(-APART - expires),
                None => call.arg("").arg(""),
            };
            if self.link.call::<bool>(&call).await? {
                return Ok(());
            }
            known = self.known(app, user).await?;
        }
        Ok(())
    }

    /// How many users have a living session that was active at `since` or later. Those whose latest one
    /// has run out are settled first; each session's end costs that once.
    pub(in crate::store::redis) async fn count_active(
        &self,
        app: &AppName,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let call = APP_ACTIVE
            .on(&self.keys.app_sessions_of_app(app))
            .arg(since.millis().max(0))
            .arg(now.millis())
            .arg(ABREAST)
            .arg(APART);
        loop {
            let (count, due): (u64, Vec<String>) = self.link.call(&call).await?;
            if due.is_empty() {
                return Ok(count);
            }
            let users = due.iter().filter_map(|member| AppUser::parse(member.strip_prefix('=')?).ok());
            let settled = users.map(async |user| {
                let known = self.known(app, &user).await?;
                self.settle(app, &user, None, known, now).await
            });
            try_join_all(settled).await?;
        }
    }

    async fn known(&self, app: &AppName, user: &AppUser) -> Result<Known, StoreError> {
        let mut known = redis::cmd("ZMSCORE");
        let (active, over) = (format!("+{}", user.as_str()), format!("={}", user.as_str()));
        known.arg(self.keys.app_sessions_of_app(app)).arg(active).arg(over);
        self.link.run(&known).await
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
    pub(in crate::store::redis) async fn times(
        &self,
        session: SessionId,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys.session(session)).arg(&["L", "E"]);
        let (seen, expires): (Option<i64>, Option<i64>) = self.link.run(&command).await?;
        Ok(seen.zip(expires))
    }
}
