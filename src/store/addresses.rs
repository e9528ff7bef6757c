//! The promise of addresses: a verified one is one user's alone, compared without case, and whatever is done by a link
//! is done once. Each change of a user's address, and each that is asked for, has a number of its own.

use async_trait::async_trait;

use super::{accounts::Created, error::StoreError};
use crate::domain::{
    clock::Timestamp,
    ids::UserId,
    mail::Mail,
    user::{Account, Email},
};

/// What became of an address that was to be a user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailSet {
    Yes,
    /// Another user has it, verified.
    Taken,
    NotFound,
}

/// An address that is not its user's yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEmail {
    pub address: Email,
    pub version: u32,
    pub until: Timestamp,
    /// The account was made with it, and is to be let in once it is confirmed.
    pub opens: bool,
}

/// What waits from the step on that makes an account.
#[derive(Debug, Clone)]
pub struct FirstAddress {
    /// Its address may be confirmed until then, under the number 1.
    pub until: Timestamp,
    /// The account is to be let in once it is.
    pub opens: bool,
    /// Asks for that.
    pub mail: Option<Mail>,
}

/// What became of a pending address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailConfirmed {
    /// It is the user's.
    Yes,
    /// Another user has it, verified.
    Taken,
    /// It was done before, or something else was since.
    Spent,
}

/// What became of a change that was to be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailUndone {
    Yes,
    /// Another user has the former one, verified.
    Taken,
    /// It was done before, or a later one that undid this too.
    Spent,
}

#[async_trait]
pub trait AddressStore: Send + Sync {
    /// Makes an account together with what waits for its address to be confirmed, if it has one.
    async fn sign_up(&self, account: &Account, first: &FirstAddress) -> Result<Created, StoreError>;

    /// The account whose verified address that is.
    async fn by_email(&self, address: &Email) -> Result<Option<Account>, StoreError>;

    /// Sets where the user can be reached, if anywhere, and whether that is known to be theirs. It stands: nothing is
    /// pending any more, and every change so far is settled.
    async fn set_email(
        &self,
        id: UserId,
        email: Option<&Email>,
        verified: bool,
    ) -> Result<EmailSet, StoreError>;

    /// Has an address be confirmed until then, in the place of one that was pending; returns the number of that.
    /// `None` = no such account. An account that was to be let in by the other one is to be let in by this.
    async fn propose_email(
        &self,
        id: UserId,
        address: &Email,
        until: Timestamp,
    ) -> Result<Option<u32>, StoreError>;

    /// The address that is pending, if its time is not over.
    async fn pending_email(&self, id: UserId, now: Timestamp) -> Result<Option<PendingEmail>, StoreError>;

    /// Makes the pending address of that number the user's, if its time is not over when `notice` was made. Where
    /// another one was verified before, `notice` waits in the outbox from the same step on, for that address and with
    /// the number of this change.
    async fn confirm_email(
        &self,
        id: UserId,
        version: u32,
        notice: &Mail,
    ) -> Result<EmailConfirmed, StoreError>;

    /// Makes a former address the user's again, unless that or a later change was undone before. Every change so far is
    /// settled by that, nothing is pending, and `notice` waits in the outbox.
    async fn undo_email(
        &self,
        id: UserId,
        version: u32,
        former: &Email,
        notice: &Mail,
    ) -> Result<EmailUndone, StoreError>;

    /// Nothing is pending any more.
    async fn drop_pending(&self, id: UserId) -> Result<(), StoreError>;
}
