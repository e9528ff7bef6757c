//! The promise of sessions, timed.

use std::{num::NonZeroU32, sync::Arc};

use async_trait::async_trait;

use super::{Measured, watch::StoreWatch};
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        cursor::Cursor,
        ids::{SessionId, UserId},
        refresh_token::Chain,
        rotation::ReusePolicy,
        session::{EndReason, NewSession, Session},
        session_token::SessionToken,
    },
    store::{
        error::StoreError,
        sessions::{Confirmation, Ended, Ending, Page, Renewal, Rotation, SessionStore, StepUp, SteppedUp},
    },
};

/// What is timed, the most frequent first.
const VERBS: [&str; 14] = [
    "sessions.open",
    "sessions.renew",
    "sessions.rotate",
    "sessions.confirm",
    "sessions.touch",
    "sessions.find",
    "sessions.owner",
    "sessions.of_user",
    "sessions.of_app",
    "sessions.count_at",
    "sessions.step_up",
    "sessions.end",
    "sessions.end_of_user",
    "sessions.ping",
];

impl Measured<dyn SessionStore> {
    #[must_use]
    pub fn sessions(inner: Arc<dyn SessionStore>, watch: &Arc<StoreWatch>) -> Arc<dyn SessionStore> {
        Arc::new(Self::new(inner, watch, &VERBS))
    }
}

#[async_trait]
impl SessionStore for Measured<dyn SessionStore> {
    async fn open(
        &self,
        session: &NewSession,
        most: Option<NonZeroU32>,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.timed("sessions.open", self.inner.open(session, most)).await
    }

    async fn renew(&self, cookie: &SessionToken, now: Timestamp) -> Result<Renewal, StoreError> {
        self.timed("sessions.renew", self.inner.renew(cookie, now)).await
    }

    async fn rotate(
        &self,
        chain: &Chain,
        policy: &ReusePolicy,
        arrived_at: Timestamp,
    ) -> Result<Rotation, StoreError> {
        self.timed("sessions.rotate", self.inner.rotate(chain, policy, arrived_at)).await
    }

    async fn confirm(
        &self,
        session: SessionId,
        generation: u32,
        now: Timestamp,
    ) -> Result<Confirmation, StoreError> {
        self.timed("sessions.confirm", self.inner.confirm(session, generation, now)).await
    }

    async fn step_up(&self, step_up: &StepUp, now: Timestamp) -> Result<SteppedUp, StoreError> {
        self.timed("sessions.step_up", self.inner.step_up(step_up, now)).await
    }

    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        self.timed("sessions.touch", self.inner.touch(session, now)).await
    }

    async fn find(&self, session: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.timed("sessions.find", self.inner.find(session, now)).await
    }

    async fn owner(&self, session: SessionId) -> Result<Option<(UserId, AppName)>, StoreError> {
        self.timed("sessions.owner", self.inner.owner(session)).await
    }

    async fn of_user(
        &self,
        user: UserId,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        self.timed("sessions.of_user", self.inner.of_user(user, after, limit, now)).await
    }

    async fn of_app(
        &self,
        app: &AppName,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        self.timed("sessions.of_app", self.inner.of_app(app, after, limit, now)).await
    }

    async fn count_at(&self, app: &AppName) -> Result<u64, StoreError> {
        self.timed("sessions.count_at", self.inner.count_at(app)).await
    }

    async fn end(&self, ending: &Ending, now: Timestamp) -> Result<Ended, StoreError> {
        self.timed("sessions.end", self.inner.end(ending, now)).await
    }

    async fn end_of_user(
        &self,
        user: UserId,
        except: Option<SessionId>,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.timed("sessions.end_of_user", self.inner.end_of_user(user, except, reason, now)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.timed("sessions.ping", self.inner.ping()).await
    }
}
