//! The session verbs, each one write or one read.

pub(super) mod endings;
pub(super) mod listing;
pub(super) mod record;
pub(super) mod rotation;
mod stepping_up;

use std::{num::NonZeroU32, sync::Arc};

use async_trait::async_trait;

use self::rotation::Moments;
use super::SqliteStore;
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        cursor::Cursor,
        ids::{SessionId, UserId},
        refresh_token::Chain,
        rotation::ReusePolicy,
        session::{EndReason, NewSession, Session, SessionKind},
        session_token::SessionToken,
    },
    store::{
        error::StoreError,
        sessions::{Confirmation, Ended, Ending, Page, Renewal, Rotation, SessionStore, StepUp, SteppedUp},
    },
};

#[async_trait]
impl SessionStore for SqliteStore {
    async fn open(
        &self,
        session: &NewSession,
        most: Option<NonZeroU32>,
    ) -> Result<Vec<SessionId>, StoreError> {
        let session = session.clone();
        let created_at = session.facts.created_at;
        let expires_at = self.lifetimes.session_expiry(created_at, created_at);
        // The token needs no row: its MAC makes it genuine and its generation places it. Where there is none,
        // there are no access tokens either.
        let tokens_until = match session.kind {
            SessionKind::Tokens(_) => self.lifetimes.access_expiry(created_at, created_at),
            SessionKind::Cookie(_) => created_at,
        };
        self.writer
            .write(move |step| {
                record::insert(step.db, &session, expires_at, tokens_until)?;
                most.map_or(Ok(Vec::new()), |most| endings::end_surplus(step, &session, most))
            })
            .await
    }

    async fn renew(&self, cookie: &SessionToken, now: Timestamp) -> Result<Renewal, StoreError> {
        let (cookie, lifetimes) = (cookie.clone(), self.lifetimes);
        self.writer.write(move |step| rotation::renew(step, &cookie, &lifetimes, now)).await
    }

    async fn rotate(
        &self,
        chain: &Chain,
        policy: &ReusePolicy,
        arrived_at: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let (chain, policy, lifetimes) = (chain.clone(), *policy, self.lifetimes);
        // Read only now, it may have reached this machine while the process stood still.
        let arrived_at = arrived_at - self.revocations.stood_still().unwrap_or_default();
        let clock = Arc::clone(&self.clock);
        self.writer
            .write(move |step| {
                let moments = Moments { arrived_at, now: clock.now() };
                rotation::rotate(step, &chain, &policy, &lifetimes, moments)
            })
            .await
    }

    async fn confirm(
        &self,
        session: SessionId,
        generation: u32,
        now: Timestamp,
    ) -> Result<Confirmation, StoreError> {
        self.writer.write(move |step| rotation::confirm(step, session, generation, now)).await
    }

    async fn step_up(&self, step_up: &StepUp, now: Timestamp) -> Result<SteppedUp, StoreError> {
        let step_up = *step_up;
        self.writer.write(move |step| stepping_up::step_up(step, &step_up, now)).await
    }

    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        self.writer.write(move |step| rotation::touch(step, session, now)).await
    }

    async fn find(&self, session: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.readers.look_up(move |db| listing::find(db, session, now)).await
    }

    async fn owner(&self, session: SessionId) -> Result<Option<(UserId, AppName)>, StoreError> {
        self.readers.look_up(move |db| listing::owner(db, session)).await
    }

    async fn of_user(
        &self,
        user: UserId,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let after = after.copied();
        self.readers.read(move |db| listing::of_user(db, user, after.as_ref(), limit, now)).await
    }

    async fn of_app(
        &self,
        app: &AppName,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let (app, after) = (app.clone(), after.copied());
        self.readers.read(move |db| listing::of_app(db, &app, after.as_ref(), limit, now)).await
    }

    async fn count_at(&self, app: &AppName) -> Result<u64, StoreError> {
        let app = app.clone();
        self.readers.read(move |db| listing::count_at(db, &app)).await
    }

    async fn end(&self, ending: &Ending, now: Timestamp) -> Result<Ended, StoreError> {
        let ending = *ending;
        self.writer.write(move |step| endings::end(step, &ending, now)).await
    }

    async fn end_of_user(
        &self,
        user: UserId,
        except: Option<SessionId>,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let mut ended = Vec::new();
        loop {
            let part = self.writer.write(move |step| endings::end_of_user(step, user, except, reason, now));
            let part = part.await?;
            if part.is_empty() {
                return Ok(ended);
            }
            ended.extend(part);
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // A commit of nothing would succeed on a full disk too. What is written here nobody reads: the same
        // again, in a place that SQLite leaves to its user.
        self.writer.write(|step| Ok(step.db.pragma_update(None, "user_version", 0)?)).await
    }
}
