//! Sessions: one hash each, which alone decides, and around it the `refresh:` keys of the current and
//! the parent token and an entry in two indexes.
//!
//! The order of the writes is what makes a crash between any two of them harmless; it is said at each
//! verb. No script touches two keys, so nothing here depends on where a key lies.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};
use redis::Value;

use super::{
    RedisStore,
    error::unexpected,
    record::{self, SHOWN},
    script::{OPEN, PRUNE, WRITABLE},
};
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        cursor::Cursor,
        ids::{SessionId, UserId},
        refresh_token::{Chain, RefreshToken},
        rotation::ReusePolicy,
        session::{EndReason, NewSession, Session},
    },
    store::{
        error::StoreError,
        sessions::{Confirmation, Ended, Ending, Page, Rotation, SessionStore, Slide},
    },
};

/// How many commands are under way at once for one caller.
pub const ABREAST: usize = 256;

/// How many entries a sign-in may take out of an index.
const THINNED: u32 = 8;

/// An index entry this young may belong to a session whose hash is about to be written.
pub const SETTLED: Duration = Duration::from_mins(1);

#[async_trait]
impl SessionStore for RedisStore {
    /// Indexes first: a session that is not in them would be missed by a sign-out everywhere, while
    /// an entry without a session is only pruned. The hash last: until it is there, nothing lives.
    async fn open(&self, session: &NewSession, token: Option<&RefreshToken>) -> Result<(), StoreError> {
        let created = session.created_at;
        let expires = self.keeping.lifetimes.session_expiry(created, created);
        let life = created.until(expires);
        let (of_user, of_app) =
            (self.keys.sessions_of_user(session.user), self.keys.sessions_of_app(&session.app));
        tokio::try_join!(
            self.enter(&of_user, session.id, created, life),
            self.enter(&of_app, session.id, created, life),
            self.put_first_refresh(token, life),
            self.thin_out(&of_user, created),
            self.thin_out(&of_app, created),
        )?;
        let trace = token.map(|token| self.keys.trace(token)).unwrap_or_default();
        let fields = record::fields(session, &trace, expires);
        let call = OPEN.on(&self.keys.session(session.id)).arg(super::millis(life)).arg(fields);
        self.durable.call_durably(&call).await
    }

    async fn slide(&self, session: SessionId, now: Timestamp) -> Result<Slide, StoreError> {
        self.slide_session(session, now).await
    }

    async fn rotate(
        &self,
        chain: &Chain,
        policy: &ReusePolicy,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        self.rotate_session(chain, policy, now).await
    }

    async fn confirm(
        &self,
        session: SessionId,
        generation: u32,
        now: Timestamp,
    ) -> Result<Confirmation, StoreError> {
        self.note_activity(session, Some(generation), now).await
    }

    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        self.note_activity(session, None, now).await.map(|_| ())
    }

    async fn find(&self, session: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        record::session(session, self.read_hash(session).await?, now)
    }

    async fn of_user(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let index = self.keys.sessions_of_user(user);
        let ids = self.indexed(&index).await?;
        let mut sessions = self.read_listed(&index, &ids, now).await?;
        // By the hash: a crash can leave the score in the index behind.
        sessions.sort_by_key(|session| std::cmp::Reverse((session.last_seen_at, session.id)));
        Ok(sessions)
    }

    async fn of_app(
        &self,
        app: &AppName,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let index = self.keys.sessions_of_app(app);
        let (ids, next) = self.page_of(&index, after, limit, Timestamp::from_millis(0)).await?;
        Ok(Page { sessions: self.read_listed(&index, &ids, now).await?, next })
    }

    async fn end(&self, ending: &Ending, now: Timestamp) -> Result<Ended, StoreError> {
        self.end_session(ending, now).await
    }

    async fn end_of_user(
        &self,
        user: UserId,
        except: Option<SessionId>,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let mut ids = self.indexed(&self.keys.sessions_of_user(user)).await?;
        ids.retain(|id| Some(*id) != except);
        let mut ended = Vec::new();
        for ids in ids.chunks(ABREAST) {
            let endings = ids.iter().map(async |&session| {
                let ending = Ending { session, owner: Some(user), token: None, reason };
                self.end_session(&ending, now).await.map(|became| (session, became))
            });
            // All are tried before a failure of one is told: each that can be ended is ended.
            let became: Result<Vec<_>, _> = join_all(endings).await.into_iter().collect();
            ended.extend(became?.into_iter().filter(|(_, became)| *became == Ended::Now).map(|(id, _)| id));
        }
        Ok(ended)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.link.call(&WRITABLE.on(&self.keys.probe())).await
    }
}

impl RedisStore {
    async fn read_hash(&self, session: SessionId) -> Result<Value, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys.session(session)).arg(&SHOWN);
        self.link.run(&command).await
    }

    /// Takes a few of the longest inactive out of an index if they are over: with each sign-in, so that
    /// an index that nobody lists does not grow for ever.
    async fn thin_out(&self, index: &str, now: Timestamp) -> Result<(), StoreError> {
        let idle = now - self.keeping.lifetimes.refresh;
        let mut command = redis::cmd("ZRANGEBYSCORE");
        command.arg(index).arg("-inf").arg(idle.millis()).arg("LIMIT").arg(0).arg(THINNED);
        let members: Vec<String> = self.link.run(&command).await?;
        let ids: Vec<_> = members.iter().filter_map(|member| member.parse().ok()).collect();
        // Whether they are over is for each to say: lifetimes may have been longer once.
        self.read_listed(index, &ids, now).await.map(drop)
    }

    /// Every session of an index, whether it lives or not.
    async fn indexed(&self, index: &str) -> Result<Vec<SessionId>, StoreError> {
        let members: Vec<String> = self.link.run(redis::cmd("ZRANGE").arg(index).arg(0).arg(-1)).await?;
        Ok(members.iter().filter_map(|member| member.parse().ok()).collect())
    }

    /// Reads the sessions of an index that live, and takes out of it those that do not.
    async fn read_listed(
        &self,
        index: &str,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let mut sessions = Vec::new();
        let mut over = Vec::new();
        for ids in ids.chunks(ABREAST) {
            let hashes = try_join_all(ids.iter().map(|id| self.read_hash(*id))).await?;
            for (id, hash) in ids.iter().zip(hashes) {
                match record::session(*id, hash, now)? {
                    Some(session) => sessions.push(session),
                    None => over.push(id.to_string()),
                }
            }
        }
        if !over.is_empty() {
            let settled = now - SETTLED;
            let call = PRUNE.on(index).arg(settled.millis()).arg(over);
            self.link.call::<()>(&call).await?;
        }
        Ok(sessions)
    }
}

/// A script's answer: a word, and what belongs to it.
pub struct Reply(pub Vec<Value>);

impl Reply {
    pub fn word(&self) -> Result<String, StoreError> {
        self.read(0)
    }

    pub fn text(&self, index: usize) -> Result<Vec<u8>, StoreError> {
        self.read(index)
    }

    pub fn time(&self, index: usize) -> Result<Timestamp, StoreError> {
        self.read(index).map(Timestamp::from_millis)
    }

    fn read<T: redis::FromRedisValue>(&self, index: usize) -> Result<T, StoreError> {
        redis::from_redis_value_ref(self.0.get(index).unwrap_or(&Value::Nil)).map_err(unexpected)
    }
}
