//! Sign out: of one session, or of all of a user's.

use super::{Auth, check::Caller, error::AuthError};
use crate::{
    domain::{refresh_token::RefreshToken, session::EndReason},
    keys::error::TokenError,
    store::sessions::Ending,
};

impl Auth {
    /// Ends the session of the tokens, whichever of the two came; an access token may have expired.
    /// Where both came, one that is not genuine does not keep the other from its effect.
    pub async fn logout(&self, access: Option<&str>, refresh: Option<&str>) -> Result<(), AuthError> {
        let access = access.map(|token| self.ending_by_access(token));
        let refresh = refresh.map(|token| self.ending_by_refresh(token));
        let mut refusal = AuthError::TokenMissing;
        let mut endings = Vec::new();
        for ending in [refresh, access].into_iter().flatten() {
            match ending {
                Ok(ending) => endings.push(ending),
                Err(error) => refusal = error,
            }
        }
        if endings.is_empty() {
            return Err(refusal);
        }
        for ending in endings {
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
}
