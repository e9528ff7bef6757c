//! What an access token says (RFC 7519, RFC 9068).

use super::{
    app::AppName,
    clock::Timestamp,
    ids::{SessionId, TokenId, UserId},
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
    /// `iat`, whole seconds.
    pub issued_at: Timestamp,
    /// `exp`, whole seconds: from this moment on the token is over.
    pub expires_at: Timestamp,
}
