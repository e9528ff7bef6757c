//! Refresh: contract 3 on one screen. The rule itself is `domain::rotation`, the atomic step is
//! `SessionStore::rotate`.

use super::issue::TokenSet;
use crate::{
    auth::{
        Auth,
        error::AuthError,
        key_proof::unproved,
        sessions::{cookie::claims, forgery::note_forgery},
    },
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::SessionId,
        key_proof::{KeyProof, KeyProofFault},
        occasion::{Actor, Occasion},
        refresh_token::{Chain, RefreshToken},
        session::EndReason,
        user::UserStatus,
    },
    store::sessions::{Ending, Rotation},
};

impl Auth {
    /// Trades a refresh token for the current one and a fresh access token. It is judged as of the moment at
    /// which the request arrived, however long it took since.
    pub async fn refresh(
        &self,
        presented: &str,
        proof: Option<&KeyProof>,
        arrived_at: Timestamp,
        occasion: &Occasion,
    ) -> Result<TokenSet, AuthError> {
        self.rotate(self.genuine(presented)?, proof, arrived_at, occasion).await
    }

    /// The same for one app: another app's token is refused, and nothing becomes of it.
    pub async fn refresh_of(
        &self,
        app: &AppName,
        presented: &str,
        proof: Option<&KeyProof>,
        arrived_at: Timestamp,
        occasion: &Occasion,
    ) -> Result<TokenSet, AuthError> {
        let presented = self.genuine(presented)?;
        if self.may_use(app, &presented).await? {
            self.rotate(presented, proof, arrived_at, occasion).await
        } else {
            Err(AuthError::RefreshInvalid)
        }
    }

    async fn rotate(
        &self,
        presented: RefreshToken,
        proof: Option<&KeyProof>,
        arrived_at: Timestamp,
        occasion: &Occasion,
    ) -> Result<TokenSet, AuthError> {
        let session = presented.session();
        let key = self.prove_key(&presented, proof).await?;
        let chain = Chain::of(presented, self.keys.refresh_secret()).proved_by(key);
        // To its end: else a thief could end a session and leave before it is told of.
        let (rotation, chain) = self.rotate_to_the_end(chain, arrived_at, occasion).await;
        let issue = match rotation? {
            Rotation::Granted(issue) => issue,
            refused => return Err(self.refusal(refused, session, occasion).await),
        };
        // Were the accounts away here, the client's retry gets the same token.
        let account = self.stores.accounts.by_id(issue.session.facts.user).await?;
        match account {
            Some(account) if account.user.status == UserStatus::Active => {
                let claims = claims(session, &account.user, &issue.session);
                self.require_not_revoked(&claims, self.clock.now(), Some(occasion)).await?;
                let token = chain.presented.of_generation(issue.generation, self.keys.refresh_secret());
                self.issue(&account.user, &issue, token).await
            }
            _ => self.end_as_disabled(session, occasion).await,
        }
    }

    /// Why nothing was granted.
    async fn refusal(&self, rotation: Rotation, session: SessionId, occasion: &Occasion) -> AuthError {
        match rotation {
            Rotation::Reused => AuthError::RefreshReused,
            Rotation::Contested => AuthError::SessionEnded(EndReason::Contested),
            Rotation::Ended(reason) => AuthError::SessionEnded(reason),
            Rotation::Expired => {
                self.tell_of_expiry(session, occasion).await;
                AuthError::RefreshExpired
            }
            Rotation::Forged => {
                note_forgery(session);
                AuthError::RefreshInvalid
            }
            Rotation::Unproved => unproved(session, KeyProofFault::Missing),
            Rotation::Withdrawn | Rotation::Granted(_) => AuthError::RefreshInvalid,
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
        occasion: &Occasion,
    ) -> Result<T, AuthError> {
        let reason = EndReason::AccountDisabled;
        let occasion = occasion.clone().by(Actor::Server);
        self.end(Ending { session, owner: None, token: None, reason }, &occasion).await?;
        Err(AuthError::SessionEnded(reason))
    }
}
