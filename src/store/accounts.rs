//! The promise of accounts: who exists, what their password is checked against, whether they may
//! sign in.

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::{
    clock::Timestamp,
    ids::UserId,
    mail::Mail,
    secret::PasswordHash,
    user::{Account, RoleChange, User, UserStatus, Username},
    user_list::{UserPage, UserPlace, UserQuery},
};

/// What became of a change of roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolesChanged {
    /// The user has these roles from now on, or had them already.
    To(User),
    /// It would be more than a user may have.
    TooMany,
    /// It would take the role `admin` from the last enabled user who has it.
    LastAdmin,
    NotFound,
}

/// What became of a change that the last enabled user with the role `admin` is kept from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    Done,
    /// Nothing was changed. Of several at once that would leave no such user, one at least comes to this.
    LastAdmin,
    NotFound,
}

/// How many users there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserCounts {
    pub active: u64,
    pub disabled: u64,
}

/// What became of a new account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    Yes,
    /// Somebody has that name, whatever its case.
    NameTaken,
}

/// What became of an account that was brought along from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It is there from now on.
    Made,
    /// It was there already, by its id and its name, and is left as it is.
    There,
    /// Somebody of another id has that name, whatever its case.
    NameTaken,
    /// Somebody of another name has that id.
    IdTaken,
    /// Another user has that address, verified.
    EmailTaken,
}

impl Imported {
    /// Of an account that was not made: by whether somebody has its name and its id, and is that one user.
    #[must_use]
    pub const fn beside(same_user: bool, id_taken: bool) -> Self {
        match (same_user, id_taken) {
            (true, _) => Self::There,
            (false, true) => Self::IdTaken,
            (false, false) => Self::NameTaken,
        }
    }
}

#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Makes an account. Names are unique by [`Username::key`].
    async fn create(&self, account: &Account) -> Result<Created, StoreError>;

    /// Makes the very first account; `false` when there is one already. Of any number of nodes that
    /// start at once on one database, one makes it.
    async fn create_first(&self, account: &Account) -> Result<bool, StoreError>;

    /// Makes all of these accounts that can be made, in one step: all that it says is so, or nothing. An answer
    /// for each, in their order; of two that are in each other's way, the first one is made. To do it again is to
    /// change nothing.
    async fn import(&self, accounts: &[Account]) -> Result<Vec<Imported>, StoreError>;

    /// The account with that name.
    async fn by_name(&self, name: &Username) -> Result<Option<Account>, StoreError>;

    /// The account with that id.
    async fn by_id(&self, id: UserId) -> Result<Option<Account>, StoreError>;

    /// Up to `limit` users after `after`, by ascending id.
    async fn list(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError>;

    /// The same with what proves them.
    async fn list_accounts(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Account>, StoreError>;

    /// Users as they are asked for, up to `limit`, after a place of the same list.
    async fn page(
        &self,
        query: &UserQuery,
        after: Option<&UserPlace>,
        limit: u32,
    ) -> Result<UserPage, StoreError>;

    /// Those of these users who are there, in no order.
    async fn by_ids(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError>;

    async fn count(&self) -> Result<UserCounts, StoreError>;

    /// Whether that is the last enabled user with the role `admin`, a moment ago: to be told before anything is
    /// done. What decides is [`Guarded`].
    async fn is_last_admin(&self, id: UserId) -> Result<bool, StoreError>;

    /// Replaces the password hash; with `expected`, only where that is the present one (so that a
    /// renewed hash never undoes a password change). `false` = nothing was replaced; else `notice` waits in the outbox
    /// from the same step on.
    async fn set_password(
        &self,
        id: UserId,
        expected: Option<&PasswordHash>,
        hash: &PasswordHash,
        notice: Option<&Mail>,
    ) -> Result<bool, StoreError>;

    /// Forgives the failed sign-ins of before: [`Account::pardons`] is one more. `false` = no such
    /// account.
    async fn pardon(&self, id: UserId) -> Result<bool, StoreError>;

    async fn set_status(&self, id: UserId, status: UserStatus) -> Result<Guarded, StoreError>;

    /// Gives and takes roles, from `since` on: see [`User::with_roles`].
    async fn change_roles(
        &self,
        id: UserId,
        change: &RoleChange,
        since: Timestamp,
    ) -> Result<RolesChanged, StoreError>;

    /// Removes an account.
    async fn delete(&self, id: UserId) -> Result<Guarded, StoreError>;

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;
}
