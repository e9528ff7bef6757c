//! What an access token says (RFC 7519, RFC 9068).

use super::{
    app::AppName,
    clock::Timestamp,
    ids::{SessionId, TokenId, UserId},
    limits::CLOCK_SKEW,
    user::Role,
};

/// The claims of an access token that are Keyward's to decide; `iss` and `aud` are the key ring's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessClaims {
    /// `jti`.
    pub id: TokenId,
    /// `sub`.
    pub user: UserId,
    /// `preferred_username`: the name at the time of issue, for gateways and logs.
    pub username: String,
    /// `sid`.
    pub session: SessionId,
    /// `gen`: the refresh generation it was issued with.
    pub generation: u32,
    /// `client_id`.
    pub app: AppName,
    /// `roles`.
    pub roles: Vec<Role>,
    /// `roles_at`: since when they are these, whole seconds; 0 = since the account was made.
    pub roles_at: Timestamp,
    /// `iat`, whole seconds.
    pub issued_at: Timestamp,
    /// `exp`, whole seconds: from this moment on the token is over.
    pub expires_at: Timestamp,
}

impl AccessClaims {
    /// Whether its roles are those of before a change that counts from `issued_before` on. It is their
    /// own date that decides, so no clock of a node can blur it. A token that was clearly issued since
    /// is good whatever it says: where accounts were restored from a copy, the change is unknown there.
    #[must_use]
    pub fn is_outdated(&self, issued_before: Timestamp) -> bool {
        self.roles_at < issued_before && self.issued_at < issued_before + CLOCK_SKEW
    }
}
