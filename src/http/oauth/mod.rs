//! OAuth as its standards speak it (RFC 6749, 7009, 7662, 8414), for clients and gateways that know
//! nothing of Keyward. The verbs are the same as everywhere; forms and errors are the standard's own.

mod client;
mod error;
mod form;
mod introspect;
pub mod metadata;
mod revoke;
mod token;

pub use self::{error::OAuthError, introspect::introspect, revoke::revoke, token::token};

/// The answer to another method, in the words of these endpoints.
pub async fn wrong_method() -> OAuthError {
    OAuthError::wrong_method()
}
