//! The promise of accounts, timed.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Measured, watch::StoreWatch};
use crate::{
    domain::{
        clock::Timestamp,
        ids::UserId,
        secret::PasswordHash,
        user::{Account, Email, RoleChange, User, UserStatus, Username},
    },
    store::{
        accounts::{AccountStore, Created, RolesChanged},
        error::StoreError,
    },
};

/// What is timed, the most frequent first.
const VERBS: [&str; 12] = [
    "accounts.create",
    "accounts.create_first",
    "accounts.by_name",
    "accounts.by_id",
    "accounts.list",
    "accounts.set_password",
    "accounts.pardon",
    "accounts.set_status",
    "accounts.change_roles",
    "accounts.set_email",
    "accounts.delete",
    "accounts.ping",
];

impl Measured<dyn AccountStore> {
    #[must_use]
    pub fn accounts(inner: Arc<dyn AccountStore>, watch: &Arc<StoreWatch>) -> Arc<dyn AccountStore> {
        Arc::new(Self::new(inner, watch, &VERBS))
    }
}

#[async_trait]
impl AccountStore for Measured<dyn AccountStore> {
    async fn create(&self, account: &Account) -> Result<Created, StoreError> {
        self.timed("accounts.create", self.inner.create(account)).await
    }

    async fn create_first(&self, account: &Account) -> Result<bool, StoreError> {
        self.timed("accounts.create_first", self.inner.create_first(account)).await
    }

    async fn by_name(&self, name: &Username) -> Result<Option<Account>, StoreError> {
        self.timed("accounts.by_name", self.inner.by_name(name)).await
    }

    async fn by_id(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        self.timed("accounts.by_id", self.inner.by_id(id)).await
    }

    async fn list(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        self.timed("accounts.list", self.inner.list(after, limit)).await
    }

    async fn set_password(
        &self,
        id: UserId,
        expected: Option<&PasswordHash>,
        hash: &PasswordHash,
    ) -> Result<bool, StoreError> {
        self.timed("accounts.set_password", self.inner.set_password(id, expected, hash)).await
    }

    async fn pardon(&self, id: UserId) -> Result<bool, StoreError> {
        self.timed("accounts.pardon", self.inner.pardon(id)).await
    }

    async fn set_status(&self, id: UserId, status: UserStatus) -> Result<bool, StoreError> {
        self.timed("accounts.set_status", self.inner.set_status(id, status)).await
    }

    async fn change_roles(
        &self,
        id: UserId,
        change: &RoleChange,
        since: Timestamp,
    ) -> Result<RolesChanged, StoreError> {
        self.timed("accounts.change_roles", self.inner.change_roles(id, change, since)).await
    }

    async fn set_email(&self, id: UserId, email: &Email, verified: bool) -> Result<bool, StoreError> {
        self.timed("accounts.set_email", self.inner.set_email(id, email, verified)).await
    }

    async fn delete(&self, id: UserId) -> Result<bool, StoreError> {
        self.timed("accounts.delete", self.inner.delete(id)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.timed("accounts.ping", self.inner.ping()).await
    }
}
