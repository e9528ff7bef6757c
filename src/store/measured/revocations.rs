//! The promise of revocations, timed.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Measured, watch::StoreWatch};
use crate::{
    domain::{
        claims::AccessClaims,
        clock::Timestamp,
        ids::{TokenId, UserId},
        session::EndReason,
    },
    store::{
        error::StoreError,
        revocations::{Outdated, Refusal, RevocationStore},
    },
};

/// What is timed, the most frequent first.
const VERBS: [&str; 5] = [
    "revocations.ask",
    "revocations.refuse_token",
    "revocations.outdate_user",
    "revocations.refuse_user",
    "revocations.admit_user",
];

impl Measured<dyn RevocationStore> {
    #[must_use]
    pub fn revocations(inner: Arc<dyn RevocationStore>, watch: &Arc<StoreWatch>) -> Arc<dyn RevocationStore> {
        Arc::new(Self::new(inner, watch, &VERBS))
    }
}

#[async_trait]
impl RevocationStore for Measured<dyn RevocationStore> {
    async fn ask(&self, claims: &AccessClaims, now: Timestamp) -> Result<Option<Refusal>, StoreError> {
        self.timed("revocations.ask", self.inner.ask(claims, now)).await
    }

    async fn refuse_token(
        &self,
        token: TokenId,
        expires_at: Timestamp,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.timed("revocations.refuse_token", self.inner.refuse_token(token, expires_at, reason, now)).await
    }

    async fn outdate_user(&self, outdated: Outdated, now: Timestamp) -> Result<(), StoreError> {
        self.timed("revocations.outdate_user", self.inner.outdate_user(outdated, now)).await
    }

    async fn refuse_user(&self, user: UserId, reason: EndReason, now: Timestamp) -> Result<(), StoreError> {
        self.timed("revocations.refuse_user", self.inner.refuse_user(user, reason, now)).await
    }

    async fn admit_user(&self, user: UserId) -> Result<(), StoreError> {
        self.timed("revocations.admit_user", self.inner.admit_user(user)).await
    }
}
