//! Sessions of other app servers: one hash each, which alone decides, and two indexes that lead to it. Where
//! all keys are on one server, a use is one step; in a Cluster the entries are written before the hash, and
//! its user's activity after it.

pub(super) mod activity;
mod creation;
pub(super) mod ending;
pub(super) mod index;
pub(super) mod record;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use redis::Value;

use self::{
    index::{SESSIONS_END, Used},
    record::Fields,
};
use super::{
    ABREAST, RedisStore, SETTLED,
    connection::error::{corrupt, unexpected},
    script::{APP_GET, APP_SET, PRUNE},
};
use crate::{
    domain::{
        app::AppName,
        app_session::{AppSession, AppUser, NewAppSession},
        app_session_data::{DATA_MAX_BYTES, DATA_MAX_KEYS, DataChange, InvalidData, json_key},
        clock::Timestamp,
        cursor::Cursor,
        ids::SessionId,
        random,
    },
    store::{
        app_sessions::{AppPage, AppSessionStore, Listing, Saved},
        error::StoreError,
    },
};

/// How often an end of all looks for sessions that it has not met.
const PASSES: usize = 8;

#[async_trait]
impl AppSessionStore for RedisStore {
    async fn create(&self, session: &NewAppSession) -> Result<(), StoreError> {
        self.create_app_session(session).await
    }

    async fn get(
        &self,
        app: &AppName,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<AppSession>, StoreError> {
        let call = APP_GET.on(&self.keys.session(session)).arg(app.as_str()).arg(now.millis());
        let call = self.noting(call, app, session);
        let reply = Reply(self.link.call::<Vec<Value>>(&call).await?);
        if reply.word()? == "gone" {
            return Ok(None);
        }
        let before = read(app, session, &reply, now)?;
        let used = AppSession { expires_at: reply.time(2)?, ..before };
        self.note_use(&used_at(&used, used.last_seen_at, now), now).await?;
        Ok(Some(used))
    }

    async fn set(
        &self,
        app: &AppName,
        session: SessionId,
        change: &DataChange,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<Saved, StoreError> {
        let entries = change.iter().flat_map(|(key, value)| {
            // No JSON value is an empty text.
            [json_key(key), value.map(ToString::to_string).unwrap_or_default()]
        });
        let call = APP_SET
            .on(&self.keys.session(session))
            .arg(app.as_str())
            .arg(now.millis())
            .arg(expected.map(|version| version.to_string()).unwrap_or_default())
            .arg(u8::from(change.is_whole()))
            .arg(DATA_MAX_BYTES)
            .arg(DATA_MAX_KEYS)
            .arg(random::mark());
        let call = self.noting(call, app, session).arg(entries.collect::<Vec<_>>());
        let reply = Reply(self.durable.call_durably::<Vec<Value>>(&call).await?);
        match reply.word()?.as_str() {
            "now" => {}
            "gone" => return Ok(Saved::Gone),
            "conflict" => return Ok(Saved::Conflict { version: reply.number(1)? }),
            "keys" => return Ok(Saved::Invalid(InvalidData::TooManyKeys)),
            "bytes" => return Ok(Saved::Invalid(InvalidData::TooLarge)),
            _ => return Err(corrupt("answer of app_set.lua", session)),
        }
        let before = reply.time(3)?;
        let saved = read(app, session, &reply, now)?;
        self.note_use(&used_at(&saved, before, now), now).await?;
        Ok(Saved::Now(Box::new(AppSession { last_seen_at: before, ..saved })))
    }

    async fn end(&self, app: &AppName, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let past = self.end_sessions(app, &[session], now).await?;
        Ok(past.iter().any(|past| past.was_alive))
    }

    async fn end_all(
        &self,
        app: &AppName,
        user: Option<&AppUser>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let index = match user {
            Some(user) => self.keys.app_sessions_of_user(app, user),
            None => self.keys.app_sessions_of_app(app),
        };
        // A session may be created beside it: of one pass, each is either too late or met by the next.
        let mut ended = 0;
        for _ in 0..PASSES {
            let (met, alive) = self.end_pass(app, &index, now).await?;
            ended += alive;
            if met == 0 {
                break;
            }
        }
        Ok(ended)
    }

    async fn list(
        &self,
        app: &AppName,
        listing: &Listing,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<AppPage, StoreError> {
        let (index, since) = match listing {
            Listing::OfUser(user) => (self.keys.app_sessions_of_user(app, user), Timestamp::from_millis(0)),
            Listing::ActiveSince(since) => (self.keys.app_sessions_of_app(app), *since),
        };
        self.end_all_due(app, now).await?;
        let (ids, next) = self.page_of(&index, after, limit, since).await?;
        Ok(AppPage { sessions: self.read_all(app, &index, &ids, now).await?, next })
    }

    async fn active_users(&self, app: &AppName, since: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        self.count_active(app, since, now).await
    }
}

impl RedisStore {
    /// Ends the sessions of an index, from the least recently active on: one that is used meanwhile moves
    /// to where it is still met. Tells how many were met, and how many of them alive.
    async fn end_pass(&self, app: &AppName, index: &str, now: Timestamp) -> Result<(usize, u64), StoreError> {
        let (mut met, mut alive, mut spared) = (0, 0, 0);
        loop {
            let mut range = redis::cmd("ZRANGEBYSCORE");
            range.arg(index).arg(0).arg(SESSIONS_END).arg("LIMIT").arg(spared).arg(ABREAST);
            let members: Vec<String> = self.link.run(&range).await?;
            if members.is_empty() {
                return Ok((met, alive));
            }
            let ids: Vec<_> = members.iter().filter_map(|id| id.parse().ok()).collect();
            let past = self.end_sessions(app, &ids, now).await?;
            // An entry without a hash belongs to a session that is just being created, or is left over.
            spared += members.len() - past.len();
            met += past.len();
            alive += past.iter().filter(|past| past.was_alive).fold(0, |count, _| count + 1);
        }
    }

    /// Reads the sessions of an index that live, and takes out of it those long over.
    async fn read_all(
        &self,
        app: &AppName,
        index: &str,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<AppSession>, StoreError> {
        let (mut sessions, mut over) = (Vec::new(), Vec::new());
        for ids in ids.chunks(ABREAST as usize) {
            let hash = async |id: &SessionId| {
                self.link.run::<Fields>(redis::cmd("HGETALL").arg(self.keys.session(*id))).await
            };
            let hashes = try_join_all(ids.iter().map(hash)).await?;
            for (id, hash) in ids.iter().zip(hashes) {
                match record::session(app, *id, &hash, now)? {
                    Some(session) => sessions.push(session),
                    None => over.push(id.to_string()),
                }
            }
        }
        if !over.is_empty() {
            let call = PRUNE.on(index).arg((now - SETTLED).millis()).arg(over);
            self.link.call::<()>(&call).await?;
        }
        Ok(sessions)
    }
}

/// The use that a script has carried out; neither clock goes back.
fn used_at(session: &AppSession, before: Timestamp, now: Timestamp) -> Used<'_> {
    Used {
        app: &session.app,
        id: session.id,
        user: &session.user,
        ttl: session.ttl,
        before: Some(before),
        seen: now.max(before),
        expires: session.expires_at,
    }
}

/// The session in a script's answer, which has seen it alive.
fn read(app: &AppName, id: SessionId, reply: &Reply, now: Timestamp) -> Result<AppSession, StoreError> {
    let session = record::session(app, id, &reply.fields(1)?, now)?;
    session.ok_or_else(|| corrupt("hash of an app's session", id))
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

    fn fields(&self, index: usize) -> Result<Fields, StoreError> {
        self.read(index)
    }

    fn number(&self, index: usize) -> Result<u64, StoreError> {
        self.read(index)
    }

    fn read<T: redis::FromRedisValue>(&self, index: usize) -> Result<T, StoreError> {
        redis::from_redis_value_ref(self.0.get(index).unwrap_or(&Value::Nil)).map_err(unexpected)
    }
}
