//! The promise of accounts, timed.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Measured, watch::StoreWatch};
use crate::{
    domain::{
        clock::Timestamp,
        ids::UserId,
        mail::Mail,
        secret::PasswordHash,
        user::{Account, RoleChange, User, UserStatus, Username},
        user_list::{UserPage, UserPlace, UserQuery},
    },
    store::{
        accounts::{AccountStore, Created, Guarded, Imported, RolesChanged, UserCounts},
        error::StoreError,
    },
};

/// What is timed, the most frequent first.
const VERBS: [&str; 17] = [
    "accounts.create",
    "accounts.create_first",
    "accounts.import",
    "accounts.by_name",
    "accounts.by_id",
    "accounts.list",
    "accounts.list_accounts",
    "accounts.page",
    "accounts.by_ids",
    "accounts.count",
    "accounts.is_last_admin",
    "accounts.set_password",
    "accounts.pardon",
    "accounts.set_status",
    "accounts.change_roles",
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

    async fn import(&self, accounts: &[Account]) -> Result<Vec<Imported>, StoreError> {
        self.timed("accounts.import", self.inner.import(accounts)).await
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

    async fn list_accounts(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Account>, StoreError> {
        self.timed("accounts.list_accounts", self.inner.list_accounts(after, limit)).await
    }

    async fn page(
        &self,
        query: &UserQuery,
        after: Option<&UserPlace>,
        limit: u32,
    ) -> Result<UserPage, StoreError> {
        self.timed("accounts.page", self.inner.page(query, after, limit)).await
    }

    async fn by_ids(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        self.timed("accounts.by_ids", self.inner.by_ids(ids)).await
    }

    async fn count(&self) -> Result<UserCounts, StoreError> {
        self.timed("accounts.count", self.inner.count()).await
    }

    async fn is_last_admin(&self, id: UserId) -> Result<bool, StoreError> {
        self.timed("accounts.is_last_admin", self.inner.is_last_admin(id)).await
    }

    async fn set_password(
        &self,
        id: UserId,
        expected: Option<&PasswordHash>,
        hash: &PasswordHash,
        notice: Option<&Mail>,
    ) -> Result<bool, StoreError> {
        self.timed("accounts.set_password", self.inner.set_password(id, expected, hash, notice)).await
    }

    async fn pardon(&self, id: UserId) -> Result<bool, StoreError> {
        self.timed("accounts.pardon", self.inner.pardon(id)).await
    }

    async fn set_status(&self, id: UserId, status: UserStatus) -> Result<Guarded, StoreError> {
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

    async fn delete(&self, id: UserId) -> Result<Guarded, StoreError> {
        self.timed("accounts.delete", self.inner.delete(id)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.timed("accounts.ping", self.inner.ping()).await
    }
}
