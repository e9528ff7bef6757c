//! Revocation by an app that holds a token (RFC 7009). A refresh token takes its session with it, as a
//! sign-out does. An access token goes alone: who wants it replaced refreshes.

use super::{Auth, error::AuthError};
use crate::{
    domain::{
        app::AppName, claims::AccessClaims, clock::Timestamp, refresh_token::RefreshToken, session::EndReason,
    },
    store::sessions::Ending,
};

impl Auth {
    /// Refuses a token of that app from now on, whichever kind it is. What is no token, over already, or
    /// another app's is let be, and the answer does not tell (RFC 7009 section 2.2).
    pub async fn revoke_token(&self, app: &AppName, token: &str) -> Result<(), AuthError> {
        if let Ok(token) = RefreshToken::parse(token, self.keys.refresh_secret()) {
            return self.revoke_refresh_token(app, &token).await;
        }
        let now = self.clock.now();
        match self.keys.verify(token, now) {
            Ok(claims) if claims.app == *app => self.revoke_access_token(&claims, now).await,
            _ => Ok(()),
        }
    }

    async fn revoke_refresh_token(&self, app: &AppName, token: &RefreshToken) -> Result<(), AuthError> {
        if !self.may_use(app, token).await? {
            return Ok(());
        }
        // Also where it was over: so a retry completes what a crash cut short.
        let ending = Ending { session: token.session(), owner: None, token: None, reason: EndReason::Logout };
        self.stores.sessions.end(&ending, self.clock.now()).await?;
        Ok(())
    }

    async fn revoke_access_token(&self, claims: &AccessClaims, now: Timestamp) -> Result<(), AuthError> {
        let reason = EndReason::Logout;
        Ok(self.stores.revocations.refuse_token(claims.id, claims.expires_at, reason, now).await?)
    }
}
