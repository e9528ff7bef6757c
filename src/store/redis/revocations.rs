//! The home of revocations: `blacklist:` keys, written by whomever.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::RedisStore;
use crate::{
    domain::{claims::AccessClaims, clock::Timestamp, ids::UserId, session::EndReason},
    store::{
        error::StoreError,
        revocations::{Revocation, RevocationStore, Subject},
    },
};

/// Counts the refusals of users on this node, so that the feed, which reads Redis a moment before it
/// believes what it read, never takes back one that was made in between.
#[derive(Debug, Default)]
pub struct UserRefusals(Mutex<u64>);

impl UserRefusals {
    /// How many there were.
    pub fn count(&self) -> u64 {
        *self.lock()
    }

    /// Holds off refusals while the set is changed.
    pub fn lock(&self) -> MutexGuard<'_, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a `blacklist:` value. What another hand wrote there refuses as well.
pub fn reason(value: &str) -> EndReason {
    value.parse().unwrap_or(EndReason::Admin)
}

#[async_trait]
impl RevocationStore for RedisStore {
    async fn ask(&self, claims: &AccessClaims, _now: Timestamp) -> Result<Option<EndReason>, StoreError> {
        // Redis keeps the time of these keys itself, and what it still has counts.
        let ask = async |subject: Subject| {
            self.link.run::<Option<String>>(redis::cmd("GET").arg(self.keys.blacklist(&subject))).await
        };
        let found = try_join_all(Subject::of(claims).map(ask)).await?;
        Ok(found.into_iter().flatten().next().map(|value| reason(&value)))
    }

    async fn refuse_user(&self, user: UserId, reason: EndReason, now: Timestamp) -> Result<(), StoreError> {
        let subject = Subject::User(user);
        let until = now + self.keeping.lifetimes.access;
        self.refuse(subject, reason, until, now).await?;
        // Once more, for the feed may have read the key before it was written and lifted it since.
        let mut refusals = self.user_refusals.lock();
        *refusals += 1;
        self.revocations.insert(&Revocation { subject, reason, until });
        Ok(())
    }

    async fn admit_user(&self, user: UserId) -> Result<(), StoreError> {
        let key = self.keys.blacklist(&Subject::User(user));
        self.durable.run::<()>(redis::cmd("DEL").arg(key)).await?;
        self.revocations.lift(user);
        Ok(())
    }
}
