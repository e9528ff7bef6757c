//! Sign up: an account made by its owner, where the operator allows it.

use super::{Auth, accounts::NewAccount, error::AuthError};
use crate::domain::user::User;

impl Auth {
    /// Makes an account without roles.
    pub async fn signup(&self, new: NewAccount) -> Result<User, AuthError> {
        if !self.policy.signup_open {
            return Err(AuthError::SignupClosed);
        }
        self.add_account(NewAccount { roles: Vec::new(), ..new }).await
    }
}
