//! The promise of second factors: what an account proves itself by besides its password. Secrets come sealed, and of
//! recovery codes only hashes.

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::{
    clock::Timestamp,
    factor::{Factor, UserFactors},
    ids::{FactorId, UserId},
    mail::Mail,
    recovery_code::RecoveryHash,
};

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
