//! Sessions: one hash each, which alone decides, and around it the `refresh:` keys of the current and
//! the parent token and an entry in two indexes.
//!
//! Where all keys are on one server, the scripts write what is around the hash in the same step. In a Cluster no
//! script touches two keys, so nothing there depends on where a key lies; the order of the writes is what makes a
//! crash between any two of them harmless, and it is said at each verb.

pub(super) mod activity;
pub(super) mod answer;
pub(super) mod ending;
pub(super) mod index;
pub(super) mod record;
pub(super) mod rotate;
mod stepping_up;

use std::{num::NonZeroU32, time::Duration};

use self::{answer::ScriptAnswer, record::HashFields};
use super::{
    ABREAST, RedisStore, SETTLED, millis,
    script::{Call, OPEN, PRUNE, Script, WRITABLE},
};
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        cursor::Cursor,
        ids::{SessionId, UserId},
        refresh_token::Chain,
        rotation::ReusePolicy,
        session::{EndReason, NewSession, Session, SessionFacts},
        session_token::SessionToken,
    },
    store::{
        error::StoreError,
        sessions::{Confirmation, Ended, Ending, Page, Renewal, Rotation, SessionStore, StepUp, SteppedUp},
    },
};
use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};

/// How many entries a sign-in may take out of an index.
const THINNED: u32 = 8;

/// How often the surplus of a user's sessions is looked for, while what is found is over already.
const SURPLUS_LOOKS: usize = 4;

#[async_trait]
impl SessionStore for RedisStore {
    /// Indexes first: a session that is not in them would be missed by a sign-out everywhere, while
    /// an entry without a session is only pruned. The hash last: until it is there, nothing lives.
    async fn open(
        &self,
        session: &NewSession,
        most: Option<NonZeroU32>,
    ) -> Result<Vec<SessionId>, StoreError> {
        let created = session.facts.created_at;
        let lifetimes = &self.keeping.lifetimes;
        let expires = lifetimes.session_expiry(created, created);
        let life = created.until(expires);
        let token = session.kind.first_token();
        let refresh_key = token.map(|token| self.keys.refresh(token));
        let (beside, together) = if self.is_one_server() { (None, refresh_key) } else { (refresh_key, None) };
        tokio::try_join!(self.enter_each(session, life), self.put_first_refresh(beside, session.id, life))?;
        // Where there is no refresh token, there are no access tokens either.
        let tokens_until = token.map_or(created, |_| lifetimes.access_expiry(created, created));
        let token_hash = token.map(|token| self.keys.token_hash(token));
        let call = self
            .on_session(&OPEN, session.id, created)
            .and_keys(together)
            .arg(millis(life))
            .arg(record::of_new(session, token_hash, expires, tokens_until));
        let answer = ScriptAnswer::read(session.id, self.durable.call_durably(&call).await?)?;
        if !matches!(answer.word(), "opened" | "known") {
            return Err(answer.unknown());
        }
        match most {
            Some(most) => self.end_surplus(session, most).await,
            None => Ok(Vec::new()),
        }
    }

    async fn renew(&self, cookie: &SessionToken, now: Timestamp) -> Result<Renewal, StoreError> {
        self.renew_session(cookie, now).await
    }

    async fn rotate(
        &self,
        chain: &Chain,
        policy: &ReusePolicy,
        arrived_at: Timestamp,
    ) -> Result<Rotation, StoreError> {
        self.rotate_session(chain, policy, arrived_at).await
    }

    async fn confirm(
        &self,
        session: SessionId,
        generation: u32,
        now: Timestamp,
    ) -> Result<Confirmation, StoreError> {
        self.confirm_generation(session, generation, now).await
    }

    async fn step_up(&self, step_up: &StepUp, now: Timestamp) -> Result<SteppedUp, StoreError> {
        self.step_session_up(step_up, now).await
    }

    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        self.note_activity(session, now).await
    }

    async fn find(&self, session: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.read_hash(session).await?.session(now)
    }

    async fn owner(&self, session: SessionId) -> Result<Option<(UserId, AppName)>, StoreError> {
        self.read_hash(session).await?.owner()
    }

    async fn of_user(
        &self,
        user: UserId,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        self.page_of_sessions(&self.keys.sign_ins_of_user(user), after, limit, now).await
    }

    async fn of_app(
        &self,
        app: &AppName,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        self.page_of_sessions(&self.keys.sign_ins_at_app(app), after, limit, now).await
    }

    async fn count_at(&self, app: &AppName) -> Result<u64, StoreError> {
        self.link.run(redis::cmd("ZCARD").arg(self.keys.sign_ins_at_app(app))).await
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
        let index = self.keys.sign_ins_of_user(user);
        let (mut ended, mut after) = (Vec::new(), None);
        loop {
            // By pages, so that a user of many sessions takes neither all memory nor the others' time.
            let (mut ids, next) =
                self.page_of(&index, after.as_ref(), ABREAST, Timestamp::from_millis(0)).await?;
            ids.retain(|id| Some(*id) != except);
            ended.extend(self.end_each(user, &ids, reason, now).await?);
            after = next;
            if after.is_none() {
                return Ok(ended);
            }
        }
    }

    /// With what a sign-in needs: where that waits for replicas, so does this.
    async fn ping(&self) -> Result<(), StoreError> {
        self.durable.call_durably(&WRITABLE.on(&self.keys.probe())).await
    }
}

impl RedisStore {
    /// Begins a call of a script on a session's hash, with what `prelude.lua` asks for.
    fn on_session<'a>(&self, script: &'a Script, session: SessionId, now: Timestamp) -> Call<'a> {
        script
            .on(&self.keys.session(session))
            .arg(self.moment(now))
            .arg(session.to_string())
            .arg(u8::from(self.is_one_server()))
            .arg(self.keys.prefix())
    }

    async fn read_hash(&self, session: SessionId) -> Result<HashFields, StoreError> {
        let values = self.link.run(redis::cmd("HGETALL").arg(self.keys.session(session))).await?;
        Ok(HashFields::new(session, values))
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

    /// Ends some of a user's sessions; returns those that were alive.
    async fn end_each(
        &self,
        user: UserId,
        ids: &[SessionId],
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let endings = ids.iter().map(async |&session| {
            let ending = Ending { session, owner: Some(user), token: None, reason };
            self.end_session(&ending, now).await.map(|became| (session, became))
        });
        // All are tried before a failure of one is told: each that can be ended is ended.
        let became: Result<Vec<_>, _> = join_all(endings).await.into_iter().collect();
        Ok(became?.into_iter().filter(|(_, became)| *became == Ended::Now).map(|(id, _)| id).collect())
    }

    /// Ends those of a user's sessions that are more than they may be, the one unused for longest first, but
    /// not the one that was just opened; of very many some at each sign-in.
    async fn end_surplus(&self, opened: &NewSession, most: NonZeroU32) -> Result<Vec<SessionId>, StoreError> {
        let (user, now) = (opened.facts.user, opened.facts.created_at);
        let index = self.keys.sign_ins_of_user(user);
        for _ in 0..SURPLUS_LOOKS {
            let count: u32 = self.link.run(redis::cmd("ZCARD").arg(&index)).await?;
            let surplus = count.saturating_sub(most.get()).min(ABREAST);
            if surplus == 0 {
                break;
            }
            let mut command = redis::cmd("ZRANGE");
            let members: Vec<String> = self.link.run(command.arg(&index).arg(0).arg(surplus - 1)).await?;
            let ids = members.iter().filter_map(|member| member.parse().ok());
            let ids: Vec<SessionId> = ids.filter(|id| *id != opened.id).collect();
            let living = self.read_listed(&index, &ids, now).await?;
            // Those that are over have left the index now: it is counted again.
            if living.len() == ids.len() {
                return self.end_each(user, &ids, EndReason::TooManySessions, now).await;
            }
        }
        Ok(Vec::new())
    }

    /// Enters a new session in the indexes it belongs to, and takes out of them what is over.
    async fn enter_each(&self, session: &NewSession, life: Duration) -> Result<(), StoreError> {
        let SessionFacts { user, app, created_at, .. } = &session.facts;
        let indexes = [self.keys.sign_ins_of_user(*user), self.keys.sign_ins_at_app(app)];
        try_join_all(indexes.iter().map(async |index| {
            tokio::try_join!(
                self.enter(index, session.id, *created_at, life),
                self.thin_out(index, *created_at)
            )
        }))
        .await
        .map(|_| ())
    }

    /// The key of a session's first token, where it is not written with the hash.
    async fn put_first_refresh(
        &self,
        key: Option<String>,
        session: SessionId,
        life: Duration,
    ) -> Result<(), StoreError> {
        match key {
            Some(key) => self.put_refresh(&key, session, life).await,
            None => Ok(()),
        }
    }

    /// The living sessions of a page of an index.
    async fn page_of_sessions(
        &self,
        index: &str,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let (ids, next) = self.page_of(index, after, limit, Timestamp::from_millis(0)).await?;
        Ok(Page { sessions: self.read_listed(index, &ids, now).await?, next })
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
        for ids in ids.chunks(ABREAST as usize) {
            let hashes = try_join_all(ids.iter().map(|id| self.read_hash(*id))).await?;
            for (id, hash) in ids.iter().zip(hashes) {
                match hash.session(now)? {
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
