//! What is revoked, held in memory: the check's three look-ups, and whether they can be trusted.
//!
//! A home's feed fills a [`RevocationSet`] and keeps saying that it still follows. While it does,
//! the set is the truth; while it does not, the set is only the last that was known.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::{
    claims::AccessClaims,
    clock::Timestamp,
    ids::{SessionId, TokenId, UserId},
    session::EndReason,
};

/// What a revocation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One access token.
    Token(TokenId),
    /// Every token of a session.
    Session(SessionId),
    /// Every token of a user; the only one that can be taken back.
    User(UserId),
}

impl Subject {
    /// The three that refuse a token. The session first: its reason is the one that came first.
    #[must_use]
    pub const fn of(claims: &AccessClaims) -> [Self; 3] {
        [Self::Session(claims.session), Self::User(claims.user), Self::Token(claims.id)]
    }
}

/// A subject that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// What.
    pub subject: Subject,
    /// Why.
    pub reason: EndReason,
    /// Until no token it is about can still be alive.
    pub until: Timestamp,
}

/// The revocations that still matter, a few dozen bytes each.
#[derive(Debug, Default)]
pub struct RevocationSet {
    entries: papaya::HashMap<Subject, (EndReason, Timestamp)>,
    following: AtomicBool,
    last_heard: AtomicI64,
}

impl RevocationSet {
    /// Takes one in. A second one on the same subject lengthens it, and keeps the first reason.
    pub fn insert(&self, revocation: &Revocation) {
        let Revocation { subject, reason, until } = *revocation;
        self.entries.pin().update_or_insert(
            subject,
            |(first, end)| (*first, until.max(*end)),
            (reason, until),
        );
    }

    /// Takes back the one on a user.
    pub fn lift(&self, user: UserId) {
        self.entries.pin().remove(&Subject::User(user));
    }

    /// Takes back every one on a user but those in `kept`: the last step of a rescan.
    pub fn lift_users_except(&self, kept: &[UserId]) {
        let keep = |subject: &Subject| !matches!(subject, Subject::User(user) if !kept.contains(user));
        self.entries.pin().retain(|subject, _| keep(subject));
    }

    /// Why a token is refused, as far as is known here.
    #[must_use]
    pub fn find(&self, claims: &AccessClaims, now: Timestamp) -> Option<EndReason> {
        let entries = self.entries.pin();
        if entries.is_empty() {
            return None;
        }
        Subject::of(claims).iter().find_map(|subject| {
            entries.get(subject).filter(|(_, until)| *until > now).map(|(reason, _)| *reason)
        })
    }

    /// Every revocation that still matters.
    #[must_use]
    pub fn snapshot(&self, now: Timestamp) -> Vec<Revocation> {
        let entries = self.entries.pin();
        let live = entries.iter().filter(|(_, (_, until))| *until > now);
        live.map(|(&subject, &(reason, until))| Revocation { subject, reason, until }).collect()
    }

    /// Frees what no longer matters.
    pub fn purge(&self, now: Timestamp) {
        self.entries.pin().retain(|_, (_, until)| *until > now);
    }

    /// The feed says: everything up to now is in the set, and what comes will be.
    pub fn set_following(&self, now: Timestamp) {
        self.heard(now);
        self.following.store(true, Ordering::Release);
    }

    /// The feed says: something may be missing from now on.
    pub fn set_blind(&self) {
        self.following.store(false, Ordering::Release);
    }

    /// The home has answered, so what was known at `now` is known to be so.
    pub fn heard(&self, now: Timestamp) {
        self.last_heard.fetch_max(now.millis(), Ordering::AcqRel);
    }

    /// Whether the set is the truth.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.following.load(Ordering::Acquire)
    }

    /// When the home was last heard of.
    #[must_use]
    pub fn last_heard(&self) -> Timestamp {
        Timestamp::from_millis(self.last_heard.load(Ordering::Acquire))
    }
}

/// The home of revocations, asked only where the set cannot be trusted or an account changes.
#[async_trait]
pub trait RevocationStore: Send + Sync {
    /// Why a token is refused: the home's own answer.
    async fn ask(&self, claims: &AccessClaims, now: Timestamp) -> Result<Option<EndReason>, StoreError>;

    /// Refuses one access token by name until it is over, which it must not be yet. On this node from the
    /// moment it returns.
    async fn refuse_token(
        &self,
        token: TokenId,
        expires_at: Timestamp,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Refuses every token of a user, now and until [`RevocationStore::admit_user`] or the last of
    /// them is over. On this node from the moment it returns.
    async fn refuse_user(&self, user: UserId, reason: EndReason, now: Timestamp) -> Result<(), StoreError>;

    /// Takes that back.
    async fn admit_user(&self, user: UserId) -> Result<(), StoreError>;
}
