//! The home of revocations: `blacklist:` keys, written by whomever.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::RedisStore;
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
        revocations::{Revocation, RevocationStore, Subject},
    },
};

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

/// Reads a `blacklist:` value. What another hand wrote there refuses as well.
pub fn reason(value: &[u8]) -> EndReason {
    std::str::from_utf8(value).ok().and_then(|value| value.parse().ok()).unwrap_or(EndReason::Admin)
}

#[async_trait]
impl RevocationStore for RedisStore {
    async fn ask(&self, claims: &AccessClaims, _now: Timestamp) -> Result<Option<EndReason>, StoreError> {
        // Redis keeps the time of these keys itself, and what it still has counts.
        let ask = async |subject: Subject| {
            self.link.run::<Option<Vec<u8>>>(redis::cmd("GET").arg(self.keys.blacklist(&subject))).await
        };
        let found = try_join_all(Subject::of(claims).map(ask)).await?;
        Ok(found.into_iter().flatten().next().map(|value| reason(&value)))
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
        let subject = Subject::User(user);
        let until = refused_until(now + ACCESS_TTL_MAX);
        self.refuse(subject, reason, until, now).await?;
        // Once more, for the feed may have read the key before it was written, and lifted it since.
        self.user_changes.make(|| self.revocations.insert(&Revocation { subject, reason, until }));
        Ok(())
    }

    async fn admit_user(&self, user: UserId) -> Result<(), StoreError> {
        let key = self.keys.blacklist(&Subject::User(user));
        self.durable.run::<()>(redis::cmd("DEL").arg(key)).await?;
        self.user_changes.make(|| self.revocations.lift(user));
        Ok(())
    }
}
