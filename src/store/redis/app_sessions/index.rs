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
//! Where all keys are on one server they are written in the step that uses the session. In a Cluster a session
//! is entered before its hash is written, and a use is noted after it. Entries are taken out after the hash
//! has ended. Who enters one anew in between looks at the hash again.

use std::time::Duration;

use crate::{
    domain::{app::AppName, app_session::AppUser, clock::Timestamp, ids::SessionId},
    store::{
        error::StoreError,
        redis::{
            RedisStore, millis,
            script::{APP_ENTER, APP_USE, Call},
        },
    },
};

/// Further than any time in ms.
pub const APART: i64 = 1 << 44;
/// Above the scores of sessions, as the end of a range.
pub const SESSIONS_END: &str = "(17592186044416";

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
    pub fn least_left(&self) -> u64 {
        millis(self.ttl + SPARE)
    }

    /// What an index lives from now on where less is left, in ms: longer, so that this is seldom.
    pub fn index_life(&self) -> u64 {
        millis(self.ttl * 2 + SPARE)
    }
}

impl RedisStore {
    /// Enters a session that is about to be written.
    pub(in crate::store::redis) async fn enlist(&self, used: &Used<'_>) -> Result<(), StoreError> {
        let (id, seen) = (used.id.to_string(), used.seen.millis());
        let of_app = APP_ENTER
            .on(&self.keys.app_sessions_of_app(used.app))
            .arg(used.least_left())
            .arg(used.index_life())
            .arg(seen)
            .arg(&id)
            .arg(-used.expires.millis())
            .arg(format!("-{id}{}", used.user.as_str()));
        let of_user = self.enter_with_user(used);
        tokio::try_join!(of_user, self.durable.call::<()>(&of_app)).map(|_| ())
    }

    /// Has a script that uses a session note that in the indexes, where they are on the same server.
    pub(in crate::store::redis) fn noting<'a>(
        &self,
        call: Call<'a>,
        app: &AppName,
        session: SessionId,
    ) -> Call<'a> {
        if !self.is_one_server() {
            return call;
        }
        call.and_keys([self.keys.app_sessions_of_app(app)])
            .arg(session.to_string())
            .arg(self.keys.app_sessions_of_users(app))
            .arg(APART)
            .arg(millis(SPARE))
            .arg(millis(PROLONGED_EVERY))
    }

    /// Notes the use of a session in both indexes, where the script did not. Where it was in one of them no
    /// more, it has ended meanwhile, or the index was lost: the session itself says.
    pub(in crate::store::redis) async fn note_use(
        &self,
        used: &Used<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.is_one_server() {
            return Ok(());
        }
        let (user_is_new, app_is_new) =
            tokio::try_join!(self.note_with_user(used), self.note_with_app(used))?;
        if user_is_new || app_is_new {
            self.withdraw_if_over(used, now).await?;
        }
        Ok(())
    }

    /// The same after the creation, whose other entry is new.
    pub(in crate::store::redis) async fn note_creation(
        &self,
        used: &Used<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
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
            .arg(used.least_left())
            .arg(used.index_life())
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
            .arg(if used.prolongs() { used.least_left() } else { 0 })
            .arg(used.index_life());
        self.durable.call(&call).await
    }
}
