//! The end of an account by its owner.

use crate::{
    auth::{Auth, check::Caller, error::AuthError, events::by_caller},
    domain::occasion::Occasion,
};

impl Auth {
    /// Removes the caller's account and all that it holds. What happened to it stays told for as long as events are
    /// kept.
    pub async fn delete_own_account(&self, caller: &Caller, occasion: &Occasion) -> Result<(), AuthError> {
        self.require_recent_sign_in(caller).await?;
        match self.delete(caller.user(), &by_caller(occasion, caller)).await {
            // By a request beside this one.
            Ok(()) | Err(AuthError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
