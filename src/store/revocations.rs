//! The promise of revocations: what is refused and why, kept where every node can find it.

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::{
    claims::AccessClaims,
    clock::Timestamp,
    ids::{SessionId, TokenId, UserId},
    limits::{ACCESS_TTL_MAX, CLOCK_SKEW},
    session::EndReason,
};

/// What a revocation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    Token(TokenId),
    /// Every token of a session.
    Session(SessionId),
    /// Every token of a user; the only one that can be taken back.
    User(UserId),
}

impl Subject {
    /// Those that refuse a token. The session first: its reason is the one that came first.
    pub fn of(claims: &AccessClaims) -> impl Iterator<Item = Self> {
        let user = claims.principal.user().map(Self::User);
        [Some(Self::Session(claims.session)), user, Some(Self::Token(claims.id))].into_iter().flatten()
    }

    /// The claim of a token that names it, and what that claim says.
    #[must_use]
    pub fn claim(&self) -> (&'static str, String) {
        match self {
            Self::Token(id) => ("jti", id.to_string()),
            Self::Session(id) => ("sid", id.to_string()),
            Self::User(id) => ("sub", id.to_string()),
        }
    }
}

/// A subject that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    pub subject: Subject,
    pub reason: EndReason,
    /// Until no token it is about can still be alive.
    pub until: Timestamp,
}

/// A user's tokens of before a change of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outdated {
    pub user: UserId,
    /// In whole seconds: see [`AccessClaims::is_outdated`].
    pub issued_before: Timestamp,
}

impl Outdated {
    /// When the last of them is over.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.issued_before + CLOCK_SKEW + ACCESS_TTL_MAX
    }
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It was taken back.
    Revoked(EndReason),
    /// It says roles that its user no longer has; its session goes on.
    Outdated,
}

impl Refusal {
    /// Why it was taken back, if it was.
    #[must_use]
    pub const fn reason(self) -> Option<EndReason> {
        match self {
            Self::Revoked(reason) => Some(reason),
            Self::Outdated => None,
        }
    }
}

/// What happened to the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A subject is refused from now on, or for longer than was said before.
    Refused(Revocation),
    /// Of a user who is not refused as a whole, tokens of before a moment are.
    Outdated(Outdated),
    /// A user no longer is.
    Admitted(UserId),
}

/// Keeps revocations. It is asked only where the set cannot be trusted or an account changes.
#[async_trait]
pub trait RevocationStore: Send + Sync {
    /// Why a token is refused: what is stored, and not what memory holds.
    async fn ask(&self, claims: &AccessClaims, now: Timestamp) -> Result<Option<Refusal>, StoreError>;

    /// Refuses one access token by name until it is over, which it must not be yet. On this node from the
    /// moment it returns.
    async fn refuse_token(
        &self,
        token: TokenId,
        expires_at: Timestamp,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Refuses a user's tokens of before a change, until the last of them is over; a change of before the
    /// one that is known changes nothing. On this node from the moment it returns.
    async fn outdate_user(&self, outdated: Outdated, now: Timestamp) -> Result<(), StoreError>;

    /// Refuses every token of a user, now and until [`RevocationStore::admit_user`] or the last of
    /// them is over. On this node from the moment it returns.
    async fn refuse_user(&self, user: UserId, reason: EndReason, now: Timestamp) -> Result<(), StoreError>;

    /// Takes that back. What is outdated stays so.
    async fn admit_user(&self, user: UserId) -> Result<(), StoreError>;
}
