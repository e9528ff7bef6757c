//! The promise of sessions that other app servers keep here. The session's record is the one
//! authority; lists and counts are written around it, so that none of them shows what is over.

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::{
    app::AppName,
    app_session::{AppSession, AppUser, NewAppSession},
    app_session_data::{DataChange, InvalidData},
    clock::Timestamp,
    cursor::Cursor,
    ids::SessionId,
};

/// What became of a set.
#[derive(Debug, Clone, PartialEq)]
pub enum Saved {
    /// It is stored. The session as it is now, but for
    /// [`last_seen_at`](AppSession::last_seen_at), which is what it was before.
    Now(Box<AppSession>),
    /// There is no such session (any more); nothing was written.
    Gone,
    /// It has another version than was expected; nothing was written.
    Conflict {
        /// The version it has.
        version: u64,
    },
    /// With what is there already it would be too much; nothing was written.
    Invalid(InvalidData),
}

/// Which sessions of an app are listed, the most recently active first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Those of a user.
    OfUser(AppUser),
    /// Those active at that moment or later, whosever they are.
    ActiveSince(Timestamp),
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct AppPage {
    /// At most as many as asked for; fewer does not mean the end.
    pub sessions: Vec<AppSession>,
    /// Where to go on; `None` = that was all.
    pub next: Option<Cursor>,
}

/// Keeps sessions of other app servers.
///
/// A session of one app is not there for another: not to get, set, end or list. Once an end is
/// answered, no node gets, sets, lists or counts the session, and nothing brings it back.
#[async_trait]
pub trait AppSessionStore: Send + Sync {
    /// Creates a session; again after a lost answer it is the same one.
    async fn create(&self, session: &NewAppSession) -> Result<(), StoreError>;

    /// The session, if it is alive. Counts a read, and begins its life anew unless that is fixed. After a
    /// lost answer a read may be counted twice.
    async fn get(
        &self,
        app: &AppName,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<AppSession>, StoreError>;

    /// Changes a session's data, if it is alive and, where one is `expected`, of that version. Counts a
    /// write, and begins its life anew unless that is fixed.
    async fn set(
        &self,
        app: &AppName,
        session: SessionId,
        change: &DataChange,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<Saved, StoreError>;

    /// Ends a session; `false` = it was not alive.
    async fn end(&self, app: &AppName, session: SessionId, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends every session of a user, or (`None`) of the app; returns how many were alive.
    async fn end_all(&self, app: &AppName, user: Option<&AppUser>, now: Timestamp)
    -> Result<u64, StoreError>;

    /// Living sessions, `limit` at a time. Listing is no activity.
    async fn list(
        &self,
        app: &AppName,
        listing: &Listing,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<AppPage, StoreError>;

    /// How many users have a living session that was active at `since` or later.
    async fn active_users(&self, app: &AppName, since: Timestamp, now: Timestamp) -> Result<u64, StoreError>;
}
