//! Refresh: contract 3 on one screen. The rule itself is `domain::rotation`, the atomic step is
//! `SessionStore::rotate`.

use super::{Auth, error::AuthError, tokens::TokenSet};
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::SessionId,
        refresh_token::{Chain, RefreshToken},
        session::EndReason,
        user::UserStatus,
    },
    store::sessions::{Ending, Rotation},
};

impl Auth {
    /// Trades a refresh token for the next one and a fresh access token.
    pub async fn refresh(&self, presented: &str) -> Result<TokenSet, AuthError> {
        self.rotate(self.genuine(presented)?).await
    }

    /// The same for one app: another app's token is refused, and nothing becomes of it.
    pub async fn refresh_of(&self, app: &AppName, presented: &str) -> Result<TokenSet, AuthError> {
        let presented = self.genuine(presented)?;
        if self.may_use(app, &presented).await? {
            self.rotate(presented).await
        } else {
            Err(AuthError::RefreshInvalid)
        }
    }

    async fn rotate(&self, presented: RefreshToken) -> Result<TokenSet, AuthError> {
        let chain = Chain::of(presented, self.keys.refresh_secret());
        let now = self.clock.now();
        let granted = match self.stores.sessions.rotate(&chain, &self.policy.reuse, now).await? {
            Rotation::Granted(granted) => granted,
            Rotation::Reused => {
                tracing::warn!(session.id = %chain.presented.session(), "a replaced refresh token came back");
                return Err(AuthError::RefreshReused);
            }
            Rotation::Ended(reason) => return Err(AuthError::SessionEnded(reason)),
            Rotation::Expired => return Err(AuthError::RefreshExpired),
            Rotation::Withdrawn => return Err(AuthError::RefreshInvalid),
        };
        // Were the accounts away here, the client's retry gets the same successor.
        let account = self.stores.accounts.by_id(granted.user).await?;
        match account {
            Some(account) if account.user.status == UserStatus::Active => {
                self.issue(&account.user, &granted, chain.successor, now)
            }
            _ => self.end_as_disabled(chain.presented.session(), now).await,
        }
    }

    /// The app that a refresh token's session was opened for; `None` where the session is over.
    pub async fn app_of_refresh_token(&self, token: &str) -> Result<Option<AppName>, AuthError> {
        self.app_of(&self.genuine(token)?).await
    }

    /// Whether a session's token is the app's; one whose session is over is nobody's to protect. That
    /// an app holds another's token is worth a look.
    pub(super) async fn may_use(&self, app: &AppName, token: &RefreshToken) -> Result<bool, AuthError> {
        let is_own = self.app_of(token).await?.is_none_or(|owner| owner == *app);
        if !is_own {
            let (session, app) = (token.session(), app.as_str());
            tracing::warn!(session.id = %session, app.name = app, "an app showed another's refresh token");
        }
        Ok(is_own)
    }

    /// A session keeps its app for life, so what is read here holds in the step that follows.
    async fn app_of(&self, token: &RefreshToken) -> Result<Option<AppName>, AuthError> {
        let session = self.stores.sessions.find(token.session(), self.clock.now()).await?;
        Ok(session.map(|session| session.app))
    }

    fn genuine(&self, presented: &str) -> Result<RefreshToken, AuthError> {
        RefreshToken::parse(presented, self.keys.refresh_secret()).map_err(|_| AuthError::RefreshInvalid)
    }

    /// Ends a session whose account is disabled or gone; that is the answer, whatever was asked.
    pub(super) async fn end_as_disabled<T>(
        &self,
        session: SessionId,
        now: Timestamp,
    ) -> Result<T, AuthError> {
        let reason = EndReason::AccountDisabled;
        self.stores.sessions.end(&Ending { session, owner: None, token: None, reason }, now).await?;
        Err(AuthError::SessionEnded(reason))
    }
}
