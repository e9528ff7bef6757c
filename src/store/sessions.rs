//! The promise of sessions and their refresh tokens. The session record is the one authority: generation,
//! when those before it were replaced, and end; all else is written around it in an order that a crash at any
//! point leaves safe, and that the client's retry completes.

use std::{num::NonZeroU32, time::Duration};

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::{
    app::AppName,
    clock::Timestamp,
    cursor::Cursor,
    ids::{SessionId, TokenId, UserId},
    proved::Proved,
    refresh_token::Chain,
    rotation::{Reissue, ReusePolicy},
    session::{EndReason, NewSession, Session, SessionFacts},
    session_token::SessionToken,
};

/// How old the last note of a session's activity is when a first sight brings another. One that is younger is
/// exact enough to be shown, and spares the sight that follows each refresh a write to two indexes.
pub const NOTED_EVERY: Duration = Duration::from_mins(1);

/// What a presented refresh token gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The current refresh token may be handed out: it is stored, and so is the session's new expiry.
    Granted(Box<Issue>),
    /// It had been replaced for longer than is forgiven: the session is ended now, as
    /// [`EndReason::ReuseDetected`], with all its tokens.
    Reused,
    /// Two clients seem to hold it: the session is ended now, as [`EndReason::Contested`].
    Contested,
    /// The session had ended before.
    Ended(EndReason),
    /// The session's time is over, or so long over that nothing is known of it.
    Expired,
    /// An operator has deleted this one token.
    Withdrawn,
    /// It was made with the secret, but not from what was drawn at the sign-in ([`NonceHash`](crate::domain::refresh_token::NonceHash)); nothing was
    /// written. Somebody else has the secret.
    Forged,
    /// The session is bound to another key than [`Chain::proved_key`]; nothing was written, whatever the token's
    /// generation.
    Unproved,
}

/// What became of a session whose life was to begin anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    Alive(Living),
    /// It had ended before.
    Ended(EndReason),
    /// Its time is over, or nothing is known of it.
    Expired,
    /// The cookie was made with the secret, but not at the sign-in ([`NonceHash`](crate::domain::refresh_token::NonceHash)); nothing was written.
    Forged,
}

/// What tokens are issued from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The session they are of.
    pub session: Living,
    /// The generation of the current refresh token, which is to be handed out.
    pub generation: u32,
    /// The moment of the grant, by this node's clock.
    pub issued_at: Timestamp,
    /// How long the session lives from then on if it is left alone.
    pub life: Duration,
    /// Until when an access token issued then may live: for as long the session's end will refuse it.
    pub tokens_until: Timestamp,
    /// How late that generation is issued again; `None` = for the first time.
    pub reissue: Option<Reissue>,
}

/// A session that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Living {
    pub facts: SessionFacts,
    /// When the session, and its refresh token with it, is over unless it goes on again.
    pub expires_at: Timestamp,
}

/// What a first sight of an access token tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// The session is alive; if the token is of the current generation, the one before is replaced now.
    Seen,
    /// The session has ended: the token must not pass, whatever the revocations say. One of which
    /// nothing is known (any more) is [`EndReason::Expired`].
    Ended(EndReason),
}

/// What more is proved in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepUp {
    pub session: SessionId,
    /// What it said when that was decided.
    pub from: Proved,
    /// What it is to say.
    pub to: Proved,
}

/// What became of a step-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SteppedUp {
    /// It is written, or was by a call before whose answer was lost.
    Done(Living),
    /// Another one came first: this is what the session says now, and nothing was written.
    Moved(Proved),
    /// The session had ended before.
    Ended(EndReason),
    /// Its time is over, or nothing is known of it.
    Expired,
}

/// How a session is to be ended.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    pub session: SessionId,
    /// Only if it is this user's.
    pub owner: Option<UserId>,
    /// An access token to be refused by name as well, with its `exp`.
    pub token: Option<(TokenId, Timestamp)>,
    pub reason: EndReason,
}

/// What became of an ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was alive and is over.
    Now,
    /// It was over already; its tokens are refused all the same.
    Before,
    /// There is none such of that owner; nothing was written.
    NotFound,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most as many as asked for; fewer does not mean the end.
    pub sessions: Vec<Session>,
    /// Where to go on; `None` = that was all.
    pub next: Option<Cursor>,
}

/// Keeps sessions.
///
/// After [`end`](Self::end), [`end_of_user`](Self::end_of_user) or a rotation that answers
/// [`Rotation::Reused`], this node's [`RevocationSet`](super::revoked::set::RevocationSet) refuses
/// the session's tokens before the call returns, and other nodes learn of it by their feed.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Opens a session. Where the user has more than `most` then, the one unused for longest ends, as
    /// [`EndReason::TooManySessions`]: these are returned.
    async fn open(
        &self,
        session: &NewSession,
        most: Option<NonZeroU32>,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Lets the session that lives by this cookie go on for another refresh lifetime, never past its longest life.
    async fn renew(&self, cookie: &SessionToken, now: Timestamp) -> Result<Renewal, StoreError>;

    /// Decides what a presented token gets, by [`Progress::decide`](crate::domain::rotation::Progress::decide)
    /// and as of the moment at which it arrived here, and does it: one atomic step on the session record. A
    /// call that was given up ends no session when it is carried out after all.
    async fn rotate(
        &self,
        chain: &Chain,
        policy: &ReusePolicy,
        arrived_at: Timestamp,
    ) -> Result<Rotation, StoreError>;

    /// Notes that an access token of `generation` was seen in use; and that the session was active, where
    /// that was last noted a minute ago or more ([`NOTED_EVERY`]).
    async fn confirm(
        &self,
        session: SessionId,
        generation: u32,
        now: Timestamp,
    ) -> Result<Confirmation, StoreError>;

    /// Writes what more is proved in a session, if it still says what that was decided from: that and nothing else of it,
    /// so that a rotation beside it loses nothing and is not lost.
    async fn step_up(&self, step_up: &StepUp, now: Timestamp) -> Result<SteppedUp, StoreError>;

    /// Notes that the session was active; does nothing to one that is over.
    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError>;

    /// The session, if it is alive.
    async fn find(&self, session: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError>;

    /// Whose session that is, or was, and of which app; as long as it is known that it has ended.
    async fn owner(&self, session: SessionId) -> Result<Option<(UserId, AppName)>, StoreError>;

    /// A user's living sessions, the most recently active first, `limit` at a time.
    async fn of_user(
        &self,
        user: UserId,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError>;

    /// An app's living sessions, the most recently active first, `limit` at a time.
    async fn of_app(
        &self,
        app: &AppName,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError>;

    /// How many sessions of an app the index has: those that are alive, and some that are over and were not
    /// cleared away yet.
    async fn count_at(&self, app: &AppName) -> Result<u64, StoreError>;

    /// Ends a session and refuses its tokens. Where it was over or is unknown, and no owner was
    /// asked for, the tokens are refused all the same: so a retry completes what a crash cut short.
    async fn end(&self, ending: &Ending, now: Timestamp) -> Result<Ended, StoreError>;

    /// Ends every session of a user but one, some at a time, so that others' verbs come in between; returns
    /// those it ended. Cut short, it has ended some of them.
    async fn end_of_user(
        &self,
        user: UserId,
        except: Option<SessionId>,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Whether the store answers, and takes writes.
    async fn ping(&self) -> Result<(), StoreError>;
}
