//! The promise of second factors, timed.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Measured, watch::StoreWatch};
use crate::{
    domain::{
        clock::Timestamp,
        factor::{Factor, SealedSecret, UserFactors},
        ids::{FactorId, UserId},
        mail::Mail,
        recovery_code::RecoveryHash,
    },
    store::{
        error::StoreError,
        factors::{Added, FactorStore},
    },
};

/// What is timed, the most frequent first.
const VERBS: [&str; 9] = [
    "factors.of_user",
    "factors.take_code",
    "factors.reseal",
    "factors.begin",
    "factors.add",
    "factors.confirm",
    "factors.remove",
    "factors.remove_all",
    "factors.renew_codes",
];

impl Measured<dyn FactorStore> {
    #[must_use]
    pub fn factors(inner: Arc<dyn FactorStore>, watch: &Arc<StoreWatch>) -> Arc<dyn FactorStore> {
        Arc::new(Self::new(inner, watch, &VERBS))
    }
}

#[async_trait]
impl FactorStore for Measured<dyn FactorStore> {
    async fn of_user(&self, user: UserId) -> Result<UserFactors, StoreError> {
        self.timed("factors.of_user", self.inner.of_user(user)).await
    }

    async fn begin(&self, user: UserId, factor: &Factor) -> Result<bool, StoreError> {
        self.timed("factors.begin", self.inner.begin(user, factor)).await
    }

    async fn confirm(
        &self,
        user: UserId,
        id: FactorId,
        codes: &[RecoveryHash],
        now: Timestamp,
        notice: Option<&Mail>,
    ) -> Result<bool, StoreError> {
        self.timed("factors.confirm", self.inner.confirm(user, id, codes, now, notice)).await
    }

    async fn add(
        &self,
        user: UserId,
        factor: &Factor,
        codes: &[RecoveryHash],
        notice: Option<&Mail>,
    ) -> Result<Added, StoreError> {
        self.timed("factors.add", self.inner.add(user, factor, codes, notice)).await
    }

    async fn reseal(
        &self,
        user: UserId,
        id: FactorId,
        was: &SealedSecret,
        is: &SealedSecret,
    ) -> Result<bool, StoreError> {
        self.timed("factors.reseal", self.inner.reseal(user, id, was, is)).await
    }

    async fn remove(&self, user: UserId, id: FactorId, notice: Option<&Mail>) -> Result<bool, StoreError> {
        self.timed("factors.remove", self.inner.remove(user, id, notice)).await
    }

    async fn remove_all(&self, user: UserId, notice: Option<&Mail>) -> Result<u64, StoreError> {
        self.timed("factors.remove_all", self.inner.remove_all(user, notice)).await
    }

    async fn renew_codes(
        &self,
        user: UserId,
        codes: &[RecoveryHash],
        notice: Option<&Mail>,
    ) -> Result<bool, StoreError> {
        self.timed("factors.renew_codes", self.inner.renew_codes(user, codes, notice)).await
    }

    async fn take_code(&self, user: UserId, code: &RecoveryHash) -> Result<bool, StoreError> {
        self.timed("factors.take_code", self.inner.take_code(user, code)).await
    }
}
