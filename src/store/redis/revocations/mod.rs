//! Revocations in Redis: `blacklist:` keys, which other programs may write too.

pub mod feed;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use redis::{ServerError, ServerErrorKind, Value};

use super::{RedisStore, millis, script::USER};
use crate::{
    domain::{
        claims::AccessClaims,
        clock::Timestamp,
        ids::{TokenId, UserId},
        limits::{ACCESS_TTL_MAX, refused_until},
        session::EndReason,
    },
    store::{
        error::StoreError,
        revocations::{Outdated, Refusal, Revocation, RevocationStore, Subject},
        revoked::set::RevocationSet,
    },
};

/// How long a key without expiry, which another hand wrote, is believed before it is read again.
const WITHOUT_EXPIRY: Duration = Duration::from_hours(365 * 24);
/// How a value says before when tokens were issued that are outdated; seconds follow.
const OUTDATED: &str = "outdated:";

/// Counts what this node changes about users, so that the feed, which reads Redis a moment before it
/// takes in what it read, never undoes a change that was made in between.
#[derive(Debug, Default)]
pub struct UserChanges(Mutex<u64>);

impl UserChanges {
    /// How many there were.
    pub fn count(&self) -> u64 {
        *self.lock()
    }

    /// Makes one, with others held off.
    fn make(&self, change: impl FnOnce()) {
        let mut count = self.lock();
        *count += 1;
        change();
    }

    /// Takes in what was read after `count` changes; `false` = there was one since, so it must be
    /// read again.
    pub fn take_in(&self, count: u64, read: impl FnOnce()) -> bool {
        let now = self.lock();
        let is_same = *now == count;
        if is_same {
            read();
        }
        is_same
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a `blacklist:` value says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// Why every token of the subject is refused.
    pub reason: Option<EndReason>,
    /// Before when those of a user were issued that are outdated.
    pub issued_before: Option<Timestamp>,
}

impl Said {
    /// What another hand wrote, whatever it is, refuses.
    const BY_ANOTHER_HAND: Self = Self { reason: Some(EndReason::Admin), issued_before: None };

    /// Reads a value; of a user it may be a reason, a moment, or both. `user.lua` writes it so.
    fn read(subject: Subject, value: &[u8]) -> Self {
        let Ok(value) = std::str::from_utf8(value) else { return Self::BY_ANOTHER_HAND };
        let (reason, last) = value.rsplit_once(' ').unwrap_or(("", value));
        let seconds = last.strip_prefix(OUTDATED).and_then(|seconds| seconds.parse().ok());
        let (reason, issued_before) = match (subject, seconds) {
            (Subject::User(_), Some(seconds)) => (reason, Some(Timestamp::from_secs(seconds))),
            _ => (value, None),
        };
        let is_refused = issued_before.is_none() || !reason.is_empty();
        let reason = is_refused.then(|| reason.parse().unwrap_or(EndReason::Admin));
        Self { reason, issued_before }
    }
}

/// What a key says of its subject.
#[derive(Debug)]
pub(super) struct Found {
    pub subject: Subject,
    pub revocation: Option<Revocation>,
    pub outdated: Option<Outdated>,
}

impl Found {
    /// Reads a key's value and what is left of its life. There may be no such key, or it has moved to
    /// another master, which names it too. What another hand wrote refuses, whatever it is.
    pub fn read(subject: Subject, answer: &[Value], now: Timestamp) -> Self {
        let said = match answer.first() {
            None | Some(Value::Nil) => Said::default(),
            Some(Value::ServerError(error)) if is_elsewhere(error) => Said::default(),
            Some(Value::BulkString(value)) => Said::read(subject, value),
            Some(_) => Said::BY_ANOTHER_HAND,
        };
        let left = match answer.get(1) {
            Some(&Value::Int(left)) => u64::try_from(left).map_or(WITHOUT_EXPIRY, Duration::from_millis),
            _ => WITHOUT_EXPIRY,
        };
        let revocation = said.reason.map(|reason| Revocation { subject, reason, until: now + left });
        let outdated = match (subject, said.issued_before) {
            (Subject::User(user), Some(issued_before)) => Some(Outdated { user, issued_before }),
            _ => None,
        };
        Self { subject, revocation, outdated }
    }

    /// Has the set know it.
    pub fn keep(&self, set: &RevocationSet, now: Timestamp) {
        if let Some(outdated) = self.outdated {
            set.outdate(outdated, now);
        }
        if let Some(revocation) = &self.revocation {
            set.insert(revocation);
        }
    }
}

fn is_elsewhere(error: &ServerError) -> bool {
    matches!(error.kind(), Some(ServerErrorKind::Moved | ServerErrorKind::Ask))
}

#[async_trait]
impl RevocationStore for RedisStore {
    async fn ask(&self, claims: &AccessClaims, now: Timestamp) -> Result<Option<Refusal>, StoreError> {
        let changes = self.user_changes.count();
        let found = try_join_all(Subject::of(claims).map(|subject| self.look_up(subject, now))).await?;
        // Kept, for Redis may be silent when it is asked again.
        self.user_changes
            .take_in(changes, || found.iter().for_each(|found| found.keep(&self.revocations, now)));
        let revoked = found.iter().find_map(|found| found.revocation).map(|found| found.reason);
        let mut outdated = found.iter().filter_map(|found| found.outdated);
        let is_outdated = outdated.any(|outdated| claims.is_outdated(outdated.issued_before));
        Ok(revoked.map(Refusal::Revoked).or(is_outdated.then_some(Refusal::Outdated)))
    }

    async fn refuse_token(
        &self,
        token: TokenId,
        expires_at: Timestamp,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.refuse(Subject::Token(token), reason, refused_until(expires_at), now).await
    }

    async fn refuse_user(&self, user: UserId, reason: EndReason, now: Timestamp) -> Result<(), StoreError> {
        let until = refused_until(now + ACCESS_TTL_MAX);
        let revocation = Revocation { subject: Subject::User(user), reason, until };
        // Here before it is written, so that a failure to write leaves this node on the safe side.
        self.revocations.insert(&revocation);
        self.say_of(user, "refuse", reason.as_str(), now.until(until)).await?;
        // Once more, for the feed may have read the key before it was written, and lifted it since.
        self.user_changes.make(|| self.revocations.insert(&revocation));
        Ok(())
    }

    async fn outdate_user(&self, outdated: Outdated, now: Timestamp) -> Result<(), StoreError> {
        self.revocations.outdate(outdated, now);
        let seconds = outdated.issued_before.secs().to_string();
        self.say_of(outdated.user, "outdate", &seconds, now.until(outdated.until())).await
    }

    async fn admit_user(&self, user: UserId) -> Result<(), StoreError> {
        self.say_of(user, "admit", "", ACCESS_TTL_MAX).await?;
        self.user_changes.make(|| self.revocations.lift(user));
        Ok(())
    }
}

impl RedisStore {
    /// What is said of a subject. Redis keeps the time of these keys itself, and what it still has counts.
    async fn look_up(&self, subject: Subject, now: Timestamp) -> Result<Found, StoreError> {
        let key = self.keys.blacklist(&subject);
        let value: Value = self.link.run(redis::cmd("GET").arg(&key)).await?;
        let left = match value {
            Value::Nil => Value::Nil,
            _ => self.link.run(redis::cmd("PTTL").arg(&key)).await?,
        };
        Ok(Found::read(subject, &[value, left], now))
    }

    /// Changes what a `blacklist:user:` key says.
    async fn say_of(&self, user: UserId, verb: &str, what: &str, life: Duration) -> Result<(), StoreError> {
        let call = USER.on(&self.keys.blacklist(&Subject::User(user))).arg(verb).arg(what);
        self.durable.call_durably(&call.arg(millis(life).max(1))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_a_user_says_two_things() {
        let user = Subject::User(UserId::new(Timestamp::from_secs(1)));
        let said = |reason, secs: Option<i64>| Said { reason, issued_before: secs.map(Timestamp::from_secs) };
        let disabled = Some(EndReason::AccountDisabled);
        for (value, expected) in [
            ("account_disabled", said(disabled, None)),
            ("outdated:17", said(None, Some(17))),
            ("account_disabled outdated:17", said(disabled, Some(17))),
            ("by hand outdated:17", said(Some(EndReason::Admin), Some(17))),
            ("outdated:soon", Said::BY_ANOTHER_HAND),
            ("", Said::BY_ANOTHER_HAND),
        ] {
            assert_eq!(Said::read(user, value.as_bytes()), expected, "{value}");
        }
        let token = Subject::Token(TokenId::random());
        assert_eq!(Said::read(token, b"outdated:17"), Said::BY_ANOTHER_HAND);
    }
}
