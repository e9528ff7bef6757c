//! The indexes `sessions:user:` and `sessions:app:`, and the `refresh:` keys: what is written around a
//! session's hash.

use std::time::Duration;

use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        cursor::Cursor,
        ids::{SessionId, UserId},
    },
    store::{
        error::StoreError,
        redis::{
            RedisStore,
            app_sessions::index::SESSIONS_END,
            millis,
            script::{INDEX, PAGE},
        },
    },
};

impl RedisStore {
    /// Enters a session in an index that is to outlive it; `true` when it was not there.
    pub(in crate::store::redis) async fn enter(
        &self,
        index: &str,
        session: SessionId,
        active: Timestamp,
        life: Duration,
    ) -> Result<bool, StoreError> {
        let call = INDEX.on(index).arg(session.to_string()).arg(active.millis()).arg(millis(life));
        self.durable.call(&call).await
    }

    /// A page of an index: those active at `since` or later, the most recently active first, and where
    /// to go on unless that was all.
    pub(in crate::store::redis) async fn page_of(
        &self,
        index: &str,
        after: Option<&Cursor>,
        limit: u32,
        since: Timestamp,
    ) -> Result<(Vec<SessionId>, Option<Cursor>), StoreError> {
        let place = after.map(|after| (after.seen.millis().to_string(), after.session.to_string()));
        let (score, member) = place.unwrap_or_else(|| (SESSIONS_END.to_owned(), String::new()));
        // Below zero and beyond the end are entries of another kind.
        let call = PAGE.on(index).arg(score).arg(member).arg(limit).arg(since.millis().max(0));
        let entries: Vec<(String, i64)> = self.link.call(&call).await?;
        let is_full = u32::try_from(entries.len()).is_ok_and(|count| count >= limit);
        let sessions = entries.iter().filter_map(|(id, seen)| {
            Some(Cursor { seen: Timestamp::from_millis(*seen), session: id.parse().ok()? })
        });
        let sessions: Vec<_> = sessions.collect();
        let next = sessions.last().copied().filter(|_| is_full);
        Ok((sessions.iter().map(|place| place.session).collect(), next))
    }

    /// Takes a session out of both indexes.
    pub(in crate::store::redis) async fn leave_indexes(
        &self,
        user: UserId,
        app: &AppName,
        session: SessionId,
    ) -> Result<(), StoreError> {
        let leave = async |index: String| {
            let mut command = redis::cmd("ZREM");
            command.arg(index).arg(session.to_string());
            self.durable.run::<()>(&command).await
        };
        tokio::try_join!(leave(self.keys.sign_ins_of_user(user)), leave(self.keys.sign_ins_at_app(app)))
            .map(|_| ())
    }

    /// `SETEX refresh:<token>`, with the session's id. Seconds rounded up: the hash decides when it
    /// is over, the key only has to be there until then.
    pub(in crate::store::redis) async fn put_refresh(
        &self,
        key: &str,
        session: SessionId,
        life: Duration,
    ) -> Result<(), StoreError> {
        let mut command = redis::cmd("SETEX");
        command.arg(key).arg(millis(life).div_ceil(1000)).arg(session.to_string());
        self.durable.write(key, &command).await
    }

    /// Deletes keys one by one, for they lie in different slots.
    pub(in crate::store::redis) async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        let delete = async |key: &String| self.durable.run::<()>(redis::cmd("DEL").arg(key)).await;
        futures_util::future::try_join_all(keys.iter().map(delete)).await.map(|_| ())
    }
}
