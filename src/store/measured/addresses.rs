//! The promise of addresses, timed.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Measured, watch::StoreWatch};
use crate::{
    domain::{
        clock::Timestamp,
        ids::UserId,
        mail::Mail,
        user::{Account, Email},
    },
    store::{
        accounts::Created,
        addresses::{AddressStore, EmailConfirmed, EmailSet, EmailUndone, FirstAddress, PendingEmail},
        error::StoreError,
    },
};

/// What is timed, the most frequent first.
const VERBS: [&str; 8] = [
    "addresses.by_email",
    "addresses.sign_up",
    "addresses.set_email",
    "addresses.propose_email",
    "addresses.pending_email",
    "addresses.confirm_email",
    "addresses.undo_email",
    "addresses.drop_pending",
];

impl Measured<dyn AddressStore> {
    #[must_use]
    pub fn addresses(inner: Arc<dyn AddressStore>, watch: &Arc<StoreWatch>) -> Arc<dyn AddressStore> {
        Arc::new(Self::new(inner, watch, &VERBS))
    }
}

#[async_trait]
impl AddressStore for Measured<dyn AddressStore> {
    async fn sign_up(&self, account: &Account, first: &FirstAddress) -> Result<Created, StoreError> {
        self.timed("addresses.sign_up", self.inner.sign_up(account, first)).await
    }

    async fn by_email(&self, address: &Email) -> Result<Option<Account>, StoreError> {
        self.timed("addresses.by_email", self.inner.by_email(address)).await
    }

    async fn set_email(
        &self,
        id: UserId,
        email: Option<&Email>,
        verified: bool,
    ) -> Result<EmailSet, StoreError> {
        self.timed("addresses.set_email", self.inner.set_email(id, email, verified)).await
    }

    async fn propose_email(
        &self,
        id: UserId,
        address: &Email,
        until: Timestamp,
    ) -> Result<Option<u32>, StoreError> {
        self.timed("addresses.propose_email", self.inner.propose_email(id, address, until)).await
    }

    async fn pending_email(&self, id: UserId, now: Timestamp) -> Result<Option<PendingEmail>, StoreError> {
        self.timed("addresses.pending_email", self.inner.pending_email(id, now)).await
    }

    async fn confirm_email(
        &self,
        id: UserId,
        version: u32,
        notice: &Mail,
    ) -> Result<EmailConfirmed, StoreError> {
        self.timed("addresses.confirm_email", self.inner.confirm_email(id, version, notice)).await
    }

    async fn undo_email(
        &self,
        id: UserId,
        version: u32,
        former: &Email,
        notice: &Mail,
    ) -> Result<EmailUndone, StoreError> {
        self.timed("addresses.undo_email", self.inner.undo_email(id, version, former, notice)).await
    }

    async fn drop_pending(&self, id: UserId) -> Result<(), StoreError> {
        self.timed("addresses.drop_pending", self.inner.drop_pending(id)).await
    }
}
