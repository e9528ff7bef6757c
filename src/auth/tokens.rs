//! Issuing: what a sign-in or a refresh hands out.

use std::time::Duration;

use super::{Auth, error::AuthError};
use crate::{
    domain::{
        claims::AccessClaims,
        clock::Timestamp,
        ids::{SessionId, TokenId, UserId},
        refresh_token::RefreshToken,
        user::User,
    },
    store::sessions::Issue,
};

/// An access token and the refresh token it came with.
pub struct TokenSet {
    /// The JWT.
    pub access_token: String,
    /// How long it lives.
    pub expires_in: Duration,
    /// The refresh token.
    pub refresh_token: RefreshToken,
    /// How long it lives unless it is used.
    pub refresh_expires_in: Duration,
    /// Whose they are.
    pub user: UserId,
    /// The session of both.
    pub session: SessionId,
}

impl Auth {
    /// Signs an access token of the refresh token's generation. Roles and name are the user's of now.
    pub(super) fn issue(
        &self,
        user: &User,
        issue: &Issue,
        refresh_token: RefreshToken,
    ) -> Result<TokenSet, AuthError> {
        let now = self.clock.now();
        let Issue { session: granted, tokens_until, .. } = issue;
        let issued_at = Timestamp::from_secs(now.secs());
        let claims = AccessClaims {
            id: TokenId::random(),
            user: user.id,
            username: user.username.shown().to_owned(),
            session: refresh_token.session(),
            generation: refresh_token.generation(),
            app: granted.app.clone(),
            roles: user.roles.clone(),
            issued_at,
            // Never later than its session, which a short refresh lifetime may end sooner; and never later
            // than the session's record says, which is for how long its end refuses tokens.
            expires_at: Timestamp::from_secs((*tokens_until).min(granted.expires_at).secs()),
        };
        Ok(TokenSet {
            access_token: self.keys.sign(&claims)?,
            expires_in: issued_at.until(claims.expires_at),
            refresh_expires_in: now.until(granted.expires_at),
            user: user.id,
            session: refresh_token.session(),
            refresh_token,
        })
    }
}
