//! Spending a recovery code: once, and for whom it was spent also where a step after that failed. They are few, and
//! their owner has lost everything else.

use std::time::Duration;

use crate::{
    auth::{Auth, error::AuthError},
    domain::{ids::UserId, recovery_code::RecoveryCode},
    store::once::{OnceKey, Spending, Spent},
};

/// How long it is known by whom a code was spent, as of a link in a mail: who spent it may show it again for so long.
const KNOWN: Duration = Duration::from_mins(1);
/// What is noted of a code that nobody can spend.
const NOBODY: &str = "";

impl Auth {
    /// Spends a code: whether it is one of the user's, and nobody else has used it. Who says again what they are is
    /// heard again, since an answer may have been lost.
    pub(in crate::auth) async fn spend_recovery_code(
        &self,
        user: UserId,
        code: &RecoveryCode,
        spender: &str,
    ) -> Result<bool, AuthError> {
        let (hash, now) = (code.hash(), self.clock.now());
        let is_left = self.factors_of(user).await?.recovery_codes.contains(&hash);
        // Noted before the code goes. One that is gone is asked for in the same way.
        let spending = Spending {
            key: OnceKey::of("recovery code", &[user.uuid().as_bytes(), hash.as_bytes()]),
            made_at: now,
            until: now + KNOWN,
            outcome: if is_left { spender } else { NOBODY }.to_owned(),
        };
        let spent = self.stores.once.spend(&spending, now).await?;
        if !is_left {
            return Ok(spent == Spent::Before(spender.to_owned()));
        }
        if !spent.is_for(spender) {
            return Ok(false);
        }
        let is_taken = self.stores.factors.take_code(user, &hash).await?;
        // Where others took its place in this moment, it is good no more.
        Ok(is_taken || spent != Spent::First)
    }
}
