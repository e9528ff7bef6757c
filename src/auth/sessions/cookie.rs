//! Sessions that live by their use: the cookie of a server-rendered page is all there is, and each
//! sight of it lets the session go on.

use crate::{
    auth::{
        Auth,
        check::{Caller, verified::Verified},
        error::AuthError,
        sessions::forgery::note_forgery,
    },
    domain::{
        app::AppName,
        auth_context::AuthContext,
        claims::{AccessClaims, Principal},
        clock::Timestamp,
        ids::{SessionId, TokenId},
        occasion::Occasion,
        session::EndReason,
        session_token::SessionToken,
        user::{User, UserStatus},
    },
    store::{
        revocations::Refusal,
        sessions::{Ending, Living, Renewal},
    },
};

impl Auth {
    /// Who a session token is of, if its session is alive; it goes on from now. The store is asked
    /// each time, so nothing here can outlive an end.
    pub async fn identify_session(&self, token: &str) -> Result<Caller, AuthError> {
        let token = SessionToken::parse(token, self.keys.refresh_secret());
        let token = token.map_err(|_| AuthError::TokenInvalid)?;
        let (session, now) = (token.session(), self.clock.now());
        let living = match self.ask_back_end(self.stores.sessions.renew(&token, now)).await? {
            Renewal::Alive(living) => living,
            Renewal::Ended(reason) => return Err(AuthError::SessionEnded(reason)),
            Renewal::Expired => return Err(AuthError::SessionEnded(EndReason::Expired)),
            Renewal::Forged => {
                note_forgery(session);
                return Err(AuthError::TokenInvalid);
            }
        };
        match self.stores.accounts.by_id(living.facts.user).await? {
            Some(account) if account.user.status == UserStatus::Active => {
                let claims = claims(session, &account.user, &living);
                self.require_not_revoked(&claims, now, None).await?;
                Ok(Caller::new(Verified::new(claims, account.user.id, now)))
            }
            _ => self.end_as_disabled(session, &Occasion::of_server()).await,
        }
    }

    /// Ends a session that a `blacklist:` key refuses, whoever wrote that: its cookie and its refresh token
    /// are good no more than its access tokens.
    pub(in crate::auth) async fn require_not_revoked(
        &self,
        claims: &AccessClaims,
        now: Timestamp,
        occasion: Option<&Occasion>,
    ) -> Result<(), AuthError> {
        let Some(Refusal::Revoked(reason)) = self.revoked(claims, now).await? else { return Ok(()) };
        let ending = Ending { session: claims.session, owner: None, token: None, reason };
        self.end(ending, occasion.unwrap_or(&Occasion::of_server())).await?;
        Err(AuthError::SessionEnded(reason))
    }

    /// The app that a session token's session was opened for; `None` where the session is over.
    pub async fn app_of_session_token(&self, token: &str) -> Result<Option<AppName>, AuthError> {
        let token = SessionToken::parse(token, self.keys.refresh_secret());
        let session = token.map_err(|_| AuthError::TokenInvalid)?.session();
        let session = self.stores.sessions.find(session, self.clock.now()).await?;
        Ok(session.map(|session| session.facts.app))
    }
}

/// What an access token of the session would say.
pub(in crate::auth) fn claims(session: SessionId, user: &User, living: &Living) -> AccessClaims {
    AccessClaims {
        id: TokenId::random(),
        principal: Principal::User(user.id),
        username: user.username.shown().to_owned(),
        session,
        generation: 0,
        app: living.facts.app.clone(),
        audience: None,
        roles: user.roles.clone(),
        roles_at: user.roles_at,
        auth: AuthContext::new(living.facts.proved.at, living.facts.proved.methods),
        bound_to: living.facts.bound_to,
        issued_at: living.facts.created_at,
        expires_at: living.expires_at,
    }
}
