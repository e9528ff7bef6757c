//! Refresh: contract 3 on one screen. The rule itself is `domain::rotation`, the atomic step is
//! `SessionStore::rotate`.

use super::issue::TokenSet;
use crate::{
    auth::{
        Auth,
        error::AuthError,
        sessions::{cookie::claims, forgery::note_forgery},
    },
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::{SessionId, UserId},
        refresh_token::{Chain, RefreshToken},
        rotation::Reissue,
        session::EndReason,
        user::UserStatus,
    },
    measures::table::{CONTESTED, REISSUED, REISSUED_LATE, REUSED},
    store::sessions::{Ending, Issue, Rotation},
};

impl Auth {
    /// Trades a refresh token for the current one and a fresh access token. It is judged as of the moment at
    /// which the request arrived, however long it took since.
    pub async fn refresh(&self, presented: &str, arrived_at: Timestamp) -> Result<TokenSet, AuthError> {
        self.rotate(self.genuine(presented)?, arrived_at).await
    }

    /// The same for one app: another app's token is refused, and nothing becomes of it.
    pub async fn refresh_of(
        &self,
        app: &AppName,
        presented: &str,
        arrived_at: Timestamp,
    ) -> Result<TokenSet, AuthError> {
        let presented = self.genuine(presented)?;
        if self.may_use(app, &presented).await? {
            self.rotate(presented, arrived_at).await
        } else {
            Err(AuthError::RefreshInvalid)
        }
    }

    async fn rotate(&self, presented: RefreshToken, arrived_at: Timestamp) -> Result<TokenSet, AuthError> {
        let session = presented.session();
        let chain = Chain::of(presented, self.keys.refresh_secret());
        let issue = match self.stores.sessions.rotate(&chain, &self.policy.reuse, arrived_at).await? {
            Rotation::Granted(issue) => issue,
            Rotation::Reused => {
                tracing::warn!(session.id = %session, "a replaced refresh token came back");
                REUSED.count(&[]);
                return Err(AuthError::RefreshReused);
            }
            Rotation::Contested => {
                contested(session, None);
                return Err(AuthError::SessionEnded(EndReason::Contested));
            }
            Rotation::Ended(reason) => return Err(AuthError::SessionEnded(reason)),
            Rotation::Expired => return Err(AuthError::RefreshExpired),
            Rotation::Withdrawn => return Err(AuthError::RefreshInvalid),
            Rotation::Forged => {
                note_forgery(session);
                return Err(AuthError::RefreshInvalid);
            }
        };
        note_reissue(session, &issue);
        // Were the accounts away here, the client's retry gets the same token.
        let account = self.stores.accounts.by_id(issue.session.facts.user).await?;
        match account {
            Some(account) if account.user.status == UserStatus::Active => {
                let claims = claims(session, &account.user, &issue.session);
                self.require_not_revoked(&claims, self.clock.now()).await?;
                let token = chain.presented.of_generation(issue.generation, self.keys.refresh_secret());
                self.issue(&account.user, &issue, token).await
            }
            _ => self.end_as_disabled(session, self.clock.now()).await,
        }
    }

    /// The app that a refresh token's session was opened for; `None` where the session is over.
    pub async fn app_of_refresh_token(&self, token: &str) -> Result<Option<AppName>, AuthError> {
        self.app_of(&self.genuine(token)?).await
    }

    /// Whether a session's token is the app's; one whose session is over is nobody's to protect. That
    /// an app holds another's token is worth a look.
    pub(in crate::auth) async fn may_use(
        &self,
        app: &AppName,
        token: &RefreshToken,
    ) -> Result<bool, AuthError> {
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
        Ok(session.map(|session| session.facts.app))
    }

    fn genuine(&self, presented: &str) -> Result<RefreshToken, AuthError> {
        RefreshToken::parse(presented, self.keys.refresh_secret()).map_err(|_| AuthError::RefreshInvalid)
    }

    /// Ends a session whose account is disabled or gone; that is the answer, whatever was asked.
    pub(in crate::auth) async fn end_as_disabled<T>(
        &self,
        session: SessionId,
        now: Timestamp,
    ) -> Result<T, AuthError> {
        let reason = EndReason::AccountDisabled;
        self.stores.sessions.end(&Ending { session, owner: None, token: None, reason }, now).await?;
        Err(AuthError::SessionEnded(reason))
    }
}

/// Tells the operator of tokens that were issued again late: to a client whose answer was lost, or to a
/// second one. Three generations in a row are no chance (docs/refresh-tokens.md).
fn note_reissue(session: SessionId, issue: &Issue) {
    if issue.reissue.is_some() {
        REISSUED.count(&[]);
    }
    match issue.reissue {
        None | Some(Reissue::Usual) => {}
        Some(Reissue::Late) => {
            tracing::info!(session.id = %session, user.id = %issue.session.facts.user, "a refresh token was issued again late");
            REISSUED_LATE.count(&[]);
        }
        Some(Reissue::Contested) => contested(session, Some(issue.session.facts.user)),
    }
}

fn contested(session: SessionId, user: Option<UserId>) {
    let (is_ended, user) = (user.is_none(), user.map(tracing::field::display));
    tracing::warn!(session.id = %session, user.id = user, session.ended = is_ended, "two clients seem to hold a refresh token");
    CONTESTED.count(&[]);
}
