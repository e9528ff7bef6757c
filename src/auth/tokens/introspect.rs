//! Introspection: what an access token says, to an app that asks (RFC 7662).

use crate::auth::{Auth, check::Caller, error::AuthError};

impl Auth {
    /// Whose token it is, if it would pass the check now; `None` = it would not, for whatever reason.
    /// To be asked is to be seen, so its generation is confirmed; the session's rate is the check's
    /// alone and is not touched.
    pub async fn introspect(&self, token: &str) -> Result<Option<Caller>, AuthError> {
        match self.identify(token).await {
            Ok(caller) => Ok(Some(caller)),
            Err(
                AuthError::TokenInvalid
                | AuthError::TokenExpired
                | AuthError::TokenRevoked(_)
                | AuthError::TokenOutdated,
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
