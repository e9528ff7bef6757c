//! Revocation by an app that holds a token (RFC 7009). A refresh token takes its session with it, as a
//! sign-out does. An access token goes alone: who wants it replaced refreshes.

use crate::{
    auth::{Auth, check::user_of, error::AuthError},
    domain::{
        app::AppName,
        claims::AccessClaims,
        clock::Timestamp,
        ids::SessionId,
        occasion::{Actor, Occasion},
        refresh_token::RefreshToken,
        session::EndReason,
    },
    keys::error::TokenError,
    store::{counters::Counter, sessions::Ending},
};

/// Access tokens of one session that are refused by name in the lifetime of one. Every node and every
/// verifier keeps each of them until it is over, so their number must not be a client's to choose. A
/// refresh leaves nothing to keep and is not counted: any number of tabs may refresh at once.
const REVOKED_BY_NAME: u64 = 60;

impl Auth {
    /// Refuses a token of that app from now on, whichever kind it is. What is no token, over already, or
    /// another app's is let be, and the answer does not tell (RFC 7009 section 2.2).
    pub async fn revoke_token(
        &self,
        app: &AppName,
        token: &str,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        if let Ok(token) = RefreshToken::parse(token, self.keys.refresh_secret()) {
            return self.revoke_refresh_token(app, &token, occasion).await;
        }
        let now = self.clock.now();
        match self.keys.verify(token, now) {
            Ok(claims) if claims.app == *app && user_of(&claims).is_ok() => {
                self.revoke_access_token(&claims, now).await
            }
            Err(error @ TokenError::KeysUnread) => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn revoke_refresh_token(
        &self,
        app: &AppName,
        token: &RefreshToken,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        if !self.may_use(app, token).await? {
            return Ok(());
        }
        // Also where it was over: so a retry completes what a crash cut short.
        let ending = Ending { session: token.session(), owner: None, token: None, reason: EndReason::Logout };
        self.end(ending, &occasion.clone().by(Actor::App(app.clone()))).await?;
        Ok(())
    }

    async fn revoke_access_token(&self, claims: &AccessClaims, now: Timestamp) -> Result<(), AuthError> {
        self.count_revoked(claims.session, now).await?;
        let reason = EndReason::Logout;
        Ok(self.stores.revocations.refuse_token(claims.id, claims.expires_at, reason, now).await?)
    }

    /// Counts an access token that is to be refused by name.
    pub(in crate::auth) async fn count_revoked(
        &self,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let window = self.policy.lifetimes.access;
        let count = self.stores.counters.add(&Counter::Revoked(session), window, now).await?;
        if count.value > REVOKED_BY_NAME {
            return Err(AuthError::TooManyAttempts { retry_after: count.resets_in });
        }
        Ok(())
    }
}
