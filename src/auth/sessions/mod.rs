//! A user's own sessions: see them, end one.

pub(super) mod cookie;
pub(super) mod ending;
pub(super) mod forgery;
pub mod logout;
pub mod of_others;
mod rotating;

use super::{
    Auth,
    check::Caller,
    error::{AuthError, Missing},
    events::by_caller,
};
use crate::{
    domain::{cursor::Cursor, ids::SessionId, occasion::Occasion, session::EndReason},
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
        Ok(self.stores.sessions.of_user(caller.user(), after, limit, self.clock.now()).await?)
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
}
