//! The proof by password: throttled, compared in the hashers' time, and settled by whoever asked for it. What
//! follows from it (a session, a second factor, another password) is theirs to decide.

use super::{
    argon::PasswordMatch,
    hasher::Permit,
    refusals::SignInRefusal,
    throttle::{Attempt, Bars},
};
use crate::{
    auth::{Auth, error::AuthError},
    domain::{
        causes::Causes,
        occasion::Occasion,
        secret::Password,
        user::{Account, Username},
    },
};

/// An account whose password came. It counts as a failure until it is settled: dropped instead, it has
/// guessed once, which is on the safe side.
#[must_use = "an attempt that is not settled counts as a failure"]
pub(in crate::auth) struct PasswordProof<'a> {
    account: Account,
    attempt: &'a Attempt,
    bars: Bars<'a>,
    /// Held for as long as the hash may have to be renewed.
    permit: Permit,
    is_outdated: bool,
}

impl PasswordProof<'_> {
    pub(in crate::auth) const fn account(&self) -> &Account {
        &self.account
    }
}

impl Auth {
    /// Compares a password with the account's. An unknown user and a wrong password get the same answer
    /// after the same work.
    pub(in crate::auth) async fn prove_password<'a>(
        &self,
        username: &Username,
        account: Option<Account>,
        password: &Password,
        attempt: &'a Attempt,
        occasion: &Occasion,
    ) -> Result<PasswordProof<'a>, AuthError> {
        // Asked before the queue, so that a flood of refused attempts takes no places in it, and
        // counted in permit, so that attempts that waited together cannot all pass on one count.
        let bars = self.throttle(attempt, occasion).await?;
        let permit = self.hasher.permit(attempt.party(username)).await?;
        let last = self.reserve(attempt, &bars, occasion).await?;
        let stored = account.as_ref().map(|account| &account.password_hash);
        let (verdict, permit) = permit.verify(password, stored).await?;
        let is_outdated = matches!(verdict, PasswordMatch::Outdated);
        match account {
            Some(account) if is_outdated || matches!(verdict, PasswordMatch::Right) => {
                Ok(PasswordProof { account, attempt, bars, permit, is_outdated })
            }
            _ => {
                self.note_failure(attempt, &verdict, last, occasion);
                Err(AuthError::InvalidCredentials)
            }
        }
    }

    fn note_failure(
        &self,
        attempt: &Attempt,
        verdict: &PasswordMatch,
        last: Option<SignInRefusal>,
        occasion: &Occasion,
    ) {
        if let (Some(user), PasswordMatch::Unusable(bad)) = (attempt.user, verdict) {
            tracing::error!(
                user.id = %user,
                error = %Causes(bad),
                "a stored password hash cannot be used; set the password anew"
            );
        }
        let known = attempt.user.map_or(SignInRefusal::UnknownUser, |_| SignInRefusal::WrongPassword);
        self.refuse(known, attempt, occasion);
        if let Some(locked_out) = last {
            self.note_lock_out(locked_out, attempt, occasion);
        }
    }

    /// The password was all that was asked for: the account, if it may sign in. The owner was there, so their
    /// earlier failures are forgotten.
    pub(in crate::auth) async fn settle(
        &self,
        proof: PasswordProof<'_>,
        password: &Password,
        occasion: &Occasion,
    ) -> Result<Account, AuthError> {
        self.note_success(proof.attempt, &proof.bars).await?;
        self.account_of_proof(proof, password, occasion).await
    }

    /// The password was right and is not enough: this was no failure, and those before stay counted, since
    /// whoever has only the password goes on guessing. The account, if it may sign in.
    pub(in crate::auth) async fn suspend(
        &self,
        proof: PasswordProof<'_>,
        password: &Password,
        occasion: &Occasion,
    ) -> Result<Account, AuthError> {
        self.take_back(&proof.bars).await?;
        self.account_of_proof(proof, password, occasion).await
    }

    async fn account_of_proof(
        &self,
        proof: PasswordProof<'_>,
        password: &Password,
        occasion: &Occasion,
    ) -> Result<Account, AuthError> {
        let PasswordProof { account, attempt, permit, is_outdated, .. } = proof;
        self.require_enabled(&account, attempt, occasion)?;
        // Now: later there is no password at hand.
        if is_outdated { self.renew_hash(account, password, permit).await } else { Ok(account) }
    }

    /// Replaces a hash of weaker parameters, now that the password is at hand.
    async fn renew_hash(
        &self,
        mut account: Account,
        password: &Password,
        permit: Permit,
    ) -> Result<Account, AuthError> {
        let (hash, _permit) = permit.hash(password).await?;
        let replaced = self
            .stores
            .accounts
            .set_password(account.user.id, Some(&account.password_hash), &hash, None)
            .await?;
        if replaced {
            account.password_hash = hash;
        }
        Ok(account)
    }
}
