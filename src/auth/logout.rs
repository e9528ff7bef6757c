//! Sign out: of one session, or of all of a user's.

use super::{Auth, check::Caller, error::AuthError};
use crate::{
    domain::{refresh_token::RefreshToken, session::EndReason, session_token::SessionToken},
    keys::error::TokenError,
    store::sessions::Ending,
};

/// What a client that signs out may hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tokens<'a> {
    /// An access token.
    pub access: Option<&'a str>,
    /// A refresh token.
    pub refresh: Option<&'a str>,
    /// The token of a session that lives by its use.
    pub session: Option<&'a str>,
}

impl Auth {
    /// Ends the session of the tokens, whichever of them came; an access token may have expired.
    /// Where several came, one that is not genuine does not keep the others from their effect.
    pub async fn logout(&self, tokens: Tokens<'_>) -> Result<(), AuthError> {
        let access = tokens.access.map(|token| self.ending_by_access(token));
        let refresh = tokens.refresh.map(|token| self.ending_by_refresh(token));
        let session = tokens.session.map(|token| self.ending_by_session(token));
        let mut refusal = AuthError::TokenMissing;
        let mut endings = Vec::new();
        for ending in [session, refresh, access].into_iter().flatten() {
            match ending {
                Ok(ending) => endings.push(ending),
                Err(error) => refusal = error,
            }
        }
        if endings.is_empty() {
            return Err(refusal);
        }
        for mut ending in endings {
            if ending.token.is_some() {
                match self.count_revoked(ending.session, self.clock.now()).await {
                    // The end of its session refuses it as well.
                    Err(AuthError::TooManyAttempts { .. }) => ending.token = None,
                    counted => counted?,
                }
            }
            self.stores.sessions.end(&ending, self.clock.now()).await?;
        }
        Ok(())
    }

    /// Ends every session of the caller; without this one, if `keep_current`. Returns how many.
    pub async fn logout_all(&self, caller: &Caller, keep_current: bool) -> Result<usize, AuthError> {
        let claims = caller.claims();
        let except = keep_current.then_some(claims.session);
        let now = self.clock.now();
        let ended = self.stores.sessions.end_of_user(claims.user, except, EndReason::LogoutAll, now).await?;
        Ok(ended.len())
    }

    fn ending_by_access(&self, token: &str) -> Result<Ending, AuthError> {
        let claims = match self.keys.verify(token, self.clock.now()) {
            Ok(claims) => claims,
            Err(TokenError::Expired(claims)) => *claims,
            Err(TokenError::Invalid) => return Err(AuthError::TokenInvalid),
        };
        let token = Some((claims.id, claims.expires_at));
        Ok(Ending { session: claims.session, owner: None, token, reason: EndReason::Logout })
    }

    fn ending_by_refresh(&self, token: &str) -> Result<Ending, AuthError> {
        let token =
            RefreshToken::parse(token, self.keys.refresh_secret()).map_err(|_| AuthError::RefreshInvalid)?;
        Ok(Ending { session: token.session(), owner: None, token: None, reason: EndReason::Logout })
    }

    fn ending_by_session(&self, token: &str) -> Result<Ending, AuthError> {
        let token = SessionToken::parse(token, self.keys.refresh_secret());
        let session = token.map_err(|_| AuthError::TokenInvalid)?.session();
        Ok(Ending { session, owner: None, token: None, reason: EndReason::Logout })
    }
}
