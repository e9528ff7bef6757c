//! The promise of second factors: what an account proves itself by besides its password. Secrets come sealed, and of
//! recovery codes only hashes.

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::{
    clock::Timestamp,
    factor::{Factor, SealedSecret, UserFactors},
    ids::{FactorId, UserId},
    mail::Mail,
    recovery_code::RecoveryHash,
};

/// What became of a factor that was to count at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is the user's first, and the recovery codes are kept with it.
    First,
    /// The user had one before; the codes of then stay.
    Further,
    /// There is a factor of that id, whosever it is, or no such user.
    Refused,
}

#[async_trait]
pub trait FactorStore: Send + Sync {
    /// All that a user has, in the order in which it was made.
    async fn of_user(&self, user: UserId) -> Result<UserFactors, StoreError>;

    /// Keeps a factor that is to be confirmed, in the place of one of its kind that never was; `false` = there is no
    /// such user.
    async fn begin(&self, user: UserId, factor: &Factor) -> Result<bool, StoreError>;

    /// Has a factor count from `now` on, and these codes stand in for it, in the place of all before. `false` = it
    /// does not wait to be confirmed, or one of its kind counts already. Of several at once one is done. As with each
    /// change, `notice` waits in the outbox from the same step on.
    async fn confirm(
        &self,
        user: UserId,
        id: FactorId,
        codes: &[RecoveryHash],
        now: Timestamp,
        notice: Option<&Mail>,
    ) -> Result<bool, StoreError>;

    /// Keeps a factor that counts already. These codes stand in for it where the user had no factor. Of several with
    /// one id, one is kept.
    async fn add(
        &self,
        user: UserId,
        factor: &Factor,
        codes: &[RecoveryHash],
        notice: Option<&Mail>,
    ) -> Result<Added, StoreError>;

    /// Puts what a factor is checked against in the place of what it was; `false` = it is another by now, or gone.
    async fn reseal(
        &self,
        user: UserId,
        id: FactorId,
        was: &SealedSecret,
        is: &SealedSecret,
    ) -> Result<bool, StoreError>;

    /// Takes a factor away, and with the last one the recovery codes; `false` = the user has no such factor that
    /// counts.
    async fn remove(&self, user: UserId, id: FactorId, notice: Option<&Mail>) -> Result<bool, StoreError>;

    /// Takes away all that a user has; says how many factors counted.
    async fn remove_all(&self, user: UserId, notice: Option<&Mail>) -> Result<u64, StoreError>;

    /// Gives a user who has a factor these recovery codes, and none of before; `false` = there is no factor.
    async fn renew_codes(
        &self,
        user: UserId,
        codes: &[RecoveryHash],
        notice: Option<&Mail>,
    ) -> Result<bool, StoreError>;

    /// Spends a recovery code; of several calls with one code, one is told `true`.
    async fn take_code(&self, user: UserId, code: &RecoveryHash) -> Result<bool, StoreError>;
}
