//! Issuing: what a sign-in or a refresh hands out.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    auth::{Auth, error::AuthError},
    domain::{
        app_policy::AppPolicy,
        auth_context::AuthContext,
        claims::{AccessClaims, Principal},
        clock::Timestamp,
        ids::{SessionId, TokenId, UserId},
        refresh_token::RefreshToken,
        user::User,
    },
    store::sessions::{Issue, Living},
};

/// How far ahead the date of a change of roles may be to be waited for: some changes in one moment.
const ROLES_AHEAD_MAX: Duration = Duration::from_secs(5);

/// An access token.
pub struct AccessToken {
    pub token: String,
    /// How long it lives.
    pub expires_in: Duration,
}

/// What an access token is issued for.
pub(in crate::auth) struct AccessIssue<'a> {
    pub session: SessionId,
    /// That of the refresh token which its holder has.
    pub generation: u32,
    pub living: &'a Living,
    pub issued_at: Timestamp,
    /// Until when it may live at most: for as long the session's end will refuse it.
    pub tokens_until: Timestamp,
}

/// An access token and the refresh token it came with.
pub struct TokenSet {
    pub access_token: String,
    /// How long it lives.
    pub expires_in: Duration,
    pub refresh_token: RefreshToken,
    /// How long it lives unless it is used.
    pub refresh_expires_in: Duration,
    pub user: UserId,
    /// The session of both.
    pub session: SessionId,
}

impl Auth {
    /// What a sign-in or a refresh hands out: an access token of the refresh token's generation, and that one.
    pub(in crate::auth) async fn issue(
        &self,
        user: &User,
        issue: &Issue,
        refresh_token: RefreshToken,
    ) -> Result<TokenSet, AuthError> {
        let Issue { session: living, issued_at, tokens_until, .. } = issue;
        let (session, generation) = (refresh_token.session(), refresh_token.generation());
        let (issued_at, tokens_until) = (*issued_at, *tokens_until);
        let access = AccessIssue { session, generation, living, issued_at, tokens_until };
        let AccessToken { token, expires_in } = self.issue_access(user, &access).await?;
        Ok(TokenSet {
            access_token: token,
            expires_in,
            refresh_expires_in: issue.life,
            user: user.id,
            session,
            refresh_token,
        })
    }

    /// Signs an access token. Roles and name are the user's of now.
    ///
    /// Just after a change of roles that takes a moment: the token must not look older than the change.
    pub(in crate::auth) async fn issue_access(
        &self,
        user: &User,
        issue: &AccessIssue<'_>,
    ) -> Result<AccessToken, AuthError> {
        let AccessIssue { session, generation, living, issued_at, tokens_until } = issue;
        let AppPolicy { access_ttl, audience, .. } = self.policy_of(&living.facts.app).await?;
        let issued_at = self.date_of_issue(user, *issued_at).await;
        let ends = [Some(*tokens_until), Some(living.expires_at), access_ttl.map(|ttl| issued_at + ttl)];
        let claims = AccessClaims {
            id: TokenId::random(),
            principal: Principal::User(user.id),
            username: user.username.shown().to_owned(),
            session: *session,
            generation: *generation,
            app: living.facts.app.clone(),
            roles: user.roles.clone(),
            roles_at: user.roles_at,
            auth: AuthContext::new(living.facts.proved.at, living.facts.proved.methods),
            bound_to: living.facts.bound_to,
            issued_at,
            // Never later than its session, which a short refresh lifetime may end sooner; and never later
            // than the session's record says, which is for how long its end refuses tokens.
            expires_at: Timestamp::from_secs(ends.into_iter().flatten().min().unwrap_or(issued_at).secs()),
            audience,
        };
        Ok(AccessToken { token: self.keys.sign(&claims)?, expires_in: issued_at.until(claims.expires_at) })
    }

    /// The `iat`: the moment of the grant, or from when on the user's roles count where that is later. It
    /// is waited for, since some verifiers take no token of the future; but not for a clock that was far
    /// ahead when the roles were changed.
    async fn date_of_issue(&self, user: &User, granted_at: Timestamp) -> Timestamp {
        let ahead = granted_at.until(user.roles_at);
        if ahead.is_zero() || ahead > ROLES_AHEAD_MAX {
            return Timestamp::from_secs(granted_at.secs());
        }
        sleep(self.clock.now().until(user.roles_at)).await;
        user.roles_at
    }
}
