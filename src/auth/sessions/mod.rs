//! A user's own sessions: see them, end one. And the operator's: see any, end any.

pub(super) mod cookie;
pub(super) mod ending;
pub(super) mod forgery;
pub mod logout;

use super::{
    Auth,
    check::Caller,
    error::{AuthError, Missing},
    events::by_caller,
};
use crate::{
    domain::{
        app::AppName,
        cursor::Cursor,
        ids::{SessionId, UserId},
        occasion::Occasion,
        session::{EndReason, Session},
    },
    store::sessions::{Ended, Ending, Page},
};

impl Auth {
    /// The caller's living sessions, the most recently active first, a page at a time.
    pub async fn own_sessions(
        &self,
        caller: &Caller,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page, AuthError> {
        self.sessions_of_user(caller.user(), after, limit).await
    }

    /// Ends one of the caller's sessions.
    pub async fn end_own_session(
        &self,
        caller: &Caller,
        session: SessionId,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        let ending = Ending { session, owner: Some(caller.user()), token: None, reason: EndReason::Logout };
        match self.end(ending, &by_caller(occasion, caller)).await? {
            Ended::Now | Ended::Before => Ok(()),
            Ended::NotFound => Err(AuthError::NotFound(Missing::Session)),
        }
    }

    /// A user's living sessions, for the operator, a page at a time.
    pub async fn sessions_of_user(
        &self,
        user: UserId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page, AuthError> {
        Ok(self.stores.sessions.of_user(user, after, limit, self.clock.now()).await?)
    }

    /// A session that is alive, for the operator.
    pub async fn session(&self, session: SessionId) -> Result<Option<Session>, AuthError> {
        Ok(self.stores.sessions.find(session, self.clock.now()).await?)
    }

    /// The living sessions of those who are signed in at an app, for the operator, a page at a time. Not those
    /// that an app server keeps here: these are the app sessions.
    pub async fn sign_ins_at_app(
        &self,
        app: &AppName,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page, AuthError> {
        Ok(self.stores.sessions.of_app(app, after, limit, self.clock.now()).await?)
    }

    /// Ends a session, for the operator; `false` = it is not alive. Its tokens are refused anyway.
    pub async fn revoke_session(&self, session: SessionId, occasion: &Occasion) -> Result<bool, AuthError> {
        let ending = Ending { session, owner: None, token: None, reason: EndReason::Admin };
        Ok(self.end(ending, occasion).await? == Ended::Now)
    }

    /// Ends every session of a user, for the operator; returns how many.
    pub async fn revoke_user(&self, user: UserId, occasion: &Occasion) -> Result<usize, AuthError> {
        self.end_of_user(user, None, EndReason::Admin, occasion).await
    }
}
