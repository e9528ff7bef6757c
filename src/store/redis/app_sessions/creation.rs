//! The creation of an app's session: one step where all keys are on one server, else three, in an order that
//! is safe wherever a crash cuts it short.

use std::sync::atomic::Ordering;

use super::{
    index::{APART, Used},
    record,
};
use crate::{
    domain::{app_session::NewAppSession, clock::Timestamp},
    store::{
        error::StoreError,
        redis::{
            RedisStore, millis,
            script::{APP_CREATE, Call},
        },
    },
};

/// Of so many creations, one cleans up, and more than all of them make.
const CLEANED_EVERY: usize = 4;

impl RedisStore {
    /// Writes the session and what leads to it.
    pub(in crate::store::redis) async fn create_app_session(
        &self,
        session: &NewAppSession,
    ) -> Result<(), StoreError> {
        let created = session.created_at;
        let expires = session.life.expiry(created, created);
        let used = Used {
            app: &session.app,
            id: session.id,
            user: &session.user,
            ttl: session.life.ttl(),
            before: None,
            seen: created,
            expires,
        };
        let cleans = self.creations.fetch_add(1, Ordering::Relaxed).is_multiple_of(CLEANED_EVERY);
        let call = self.creation(session, expires);
        if self.is_one_server() {
            let due = self.durable.call_durably(&self.entering(call, &used, cleans)).await?;
            return self.end_due(&session.app, due, created).await;
        }
        // Entered before its hash is written: an end of all that misses a living session would be a session
        // nobody can end. Its user is active only once it is there.
        self.enlist(&used).await?;
        self.durable.call_durably::<()>(&call).await?;
        self.note_creation(&used, created).await?;
        if cleans { self.end_all_due(&session.app, created).await } else { Ok(()) }
    }

    fn creation(&self, session: &NewAppSession, expires: Timestamp) -> Call<'static> {
        let fields = record::fields(session, expires);
        APP_CREATE
            .on(&self.keys.session(session.id))
            .arg(fields.len())
            .arg(fields)
            .arg(millis(session.created_at.until(expires)))
    }

    /// Has the same step enter it in the indexes.
    fn entering<'a>(&self, call: Call<'a>, used: &Used<'_>, cleans: bool) -> Call<'a> {
        let indexes =
            [self.keys.app_sessions_of_app(used.app), self.keys.app_sessions_of_user(used.app, used.user)];
        call.and_keys(indexes)
            .arg(used.id.to_string())
            .arg(used.user.as_str())
            .arg(used.seen.millis())
            .arg(used.expires.millis())
            .arg(APART)
            .arg(used.least_left())
            .arg(used.index_life())
            .arg(if cleans { super::ending::CLEANED_TOGETHER } else { 0 })
    }
}
