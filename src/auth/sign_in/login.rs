//! Sign in: throttle, compare, open a session, issue the first tokens.

use std::{borrow::Cow, time::Duration};

use super::{
    argon::Verdict,
    hasher::{Party, Turn},
    refusals::Refusal,
    throttle::{Attempt, network},
};
use crate::{
    auth::{Auth, error::AuthError, tokens::issue::TokenSet},
    domain::{
        app::{App, AppName},
        ids::{SessionId, UserId},
        refresh_token::RefreshToken,
        secret::Password,
        session::{Device, EndReason, NewSession, SessionFacts, SessionKind},
        session_token::SessionToken,
        user::{Account, User, UserStatus, Username},
    },
    store::sessions::{Ending, Issue, Living},
};

/// An app of that name is not registered.
pub(in crate::auth) const NO_SUCH_APP: AuthError =
    AuthError::InvalidRequest(Cow::Borrowed("there is no such app"));
/// The same, to whoever would sign in to it.
const UNKNOWN_APP: AuthError =
    AuthError::InvalidRequest(Cow::Borrowed("app: takes the name of a registered app"));

/// What a sign-in says.
#[derive(Debug)]
pub struct Login {
    /// Who.
    pub username: Username,
    /// The proof.
    pub password: Password,
    /// For which app; `None` = `default`.
    pub app: Option<AppName>,
    /// Where from.
    pub device: Device,
    /// Tokens of earlier sign-ins that came along, of whatever kind: they may speak for the owner.
    pub kept: Vec<String>,
}

/// A session that was opened without tokens.
#[derive(Debug)]
pub struct SessionGrant {
    /// Whose it is.
    pub user: UserId,
    /// What its cookie holds.
    pub token: SessionToken,
    /// How long it lives unless it is used.
    pub expires_in: Duration,
}

impl Auth {
    /// Signs in. An unknown user and a wrong password get the same answer after the same work.
    pub async fn login(&self, login: Login) -> Result<TokenSet, AuthError> {
        let token = RefreshToken::first(SessionId::random(), self.keys.refresh_secret());
        let kind = SessionKind::Tokens(token.clone());
        let (user, session) = self.sign_in(login, token.session(), kind).await?;
        let issued_at = session.facts.created_at;
        let tokens_until = self.policy.lifetimes.access_expiry(issued_at, issued_at);
        let life = issued_at.until(session.expires_at);
        let issue = Issue { session, generation: 0, issued_at, life, tokens_until, reissue: None };
        self.issue(&user, &issue, token).await
    }

    /// Signs in to a session that lives by its use: no access token, no refresh token, one cookie.
    pub async fn login_to_session(&self, login: Login) -> Result<SessionGrant, AuthError> {
        let token = SessionToken::new(SessionId::random(), self.keys.refresh_secret());
        let (user, session) = self.sign_in(login, token.session(), SessionKind::Cookie).await?;
        let expires_in = session.facts.created_at.until(session.expires_at);
        Ok(SessionGrant { user: user.id, token, expires_in })
    }

    async fn sign_in(
        &self,
        login: Login,
        id: SessionId,
        kind: SessionKind,
    ) -> Result<(User, Living), AuthError> {
        let app = login.app.clone().unwrap_or_else(AppName::default_app);
        let registered = self.stores.apps.find(&app).await?.ok_or(UNKNOWN_APP)?;
        let account = self.authenticate(&login).await?;
        let party = Party::of(login.username.key(), &network(login.device.ip));
        let (user, created_at) = (account.user.id, self.clock.now());
        let facts = SessionFacts { user, app, device: login.device, created_at };
        let session = NewSession { id, kind, facts };
        self.stores.sessions.open(&session, self.policy.sessions_per_user).await?;
        self.stand_by(&account, &login.password, id, party).await?;
        self.stand_by_app(&registered, id).await?;
        self.readmit(user).await?;
        tracing::info!(user.id = %user, session.id = %id, "signed in");
        let expires_at = self.policy.lifetimes.session_expiry(created_at, created_at);
        Ok((account.user, Living { facts: session.facts, expires_at }))
    }

    /// The account whose name and password these are.
    async fn authenticate(&self, login: &Login) -> Result<Account, AuthError> {
        let account = self.stores.accounts.by_name(&login.username).await?;
        let device = match &account {
            Some(account) => self.device_of(account, &login.kept).await?,
            None => None,
        };
        let attempt = Attempt::new(&login.username, account.as_ref(), login.device.ip, device);
        self.prove(&login.username, account, &login.password, &attempt).await
    }

    /// The account, if the password is its own and it may sign in.
    pub(in crate::auth) async fn prove(
        &self,
        username: &Username,
        account: Option<Account>,
        password: &Password,
        attempt: &Attempt,
    ) -> Result<Account, AuthError> {
        // Asked before the queue, so that a flood of refused attempts takes no places in it, and
        // counted in turn, so that attempts that waited together cannot all pass on one count.
        let bars = self.throttle(attempt).await?;
        let turn = self.lane.turn(attempt.party(username)).await?;
        self.reserve(attempt, &bars).await?;
        let stored = account.as_ref().map(|account| &account.password_hash);
        let (verdict, turn) = turn.verify(password, stored).await?;
        let Some(account) = account.filter(|_| matches!(verdict, Verdict::Right | Verdict::Outdated)) else {
            self.note_failure(attempt, &verdict);
            return Err(AuthError::InvalidCredentials);
        };
        self.note_success(attempt, &bars).await?;
        if account.user.status == UserStatus::Disabled {
            self.refuse(Refusal::AccountDisabled, attempt);
            return Err(AuthError::AccountDisabled);
        }
        if matches!(verdict, Verdict::Outdated) {
            return self.renew_hash(account, password, turn).await;
        }
        Ok(account)
    }

    fn note_failure(&self, attempt: &Attempt, verdict: &Verdict) {
        if let (Some(user), Verdict::Unusable(bad)) = (attempt.user, verdict) {
            tracing::error!(
                user.id = %user,
                error = bad as &dyn std::error::Error,
                "a stored password hash cannot be used; set the password anew"
            );
        }
        let known = attempt.user.map_or(Refusal::UnknownUser, |_| Refusal::WrongPassword);
        self.refuse(known, attempt);
    }

    /// Replaces a hash of weaker parameters, now that the password is at hand.
    async fn renew_hash(
        &self,
        mut account: Account,
        password: &Password,
        turn: Turn,
    ) -> Result<Account, AuthError> {
        let (hash, _turn) = turn.hash(password).await?;
        let replaced =
            self.stores.accounts.set_password(account.user.id, Some(&account.password_hash), &hash).await?;
        if replaced {
            account.password_hash = hash;
        }
        Ok(account)
    }

    /// Looks once more, now that the session can be found: a password change or a disabling that ran
    /// beside this sign-in has ended every session it could see, and this one must not survive it.
    async fn stand_by(
        &self,
        account: &Account,
        password: &Password,
        session: SessionId,
        party: Party,
    ) -> Result<(), AuthError> {
        let reason = match self.stores.accounts.by_id(account.user.id).await? {
            Some(current) if current.user.status == UserStatus::Active => {
                // Another sign-in may have renewed the hash of the same password.
                if current.password_hash == account.password_hash {
                    return Ok(());
                }
                let turn = self.lane.turn(party).await?;
                let (verdict, _turn) = turn.verify(password, Some(&current.password_hash)).await?;
                if matches!(verdict, Verdict::Right | Verdict::Outdated) {
                    return Ok(());
                }
                EndReason::PasswordChanged
            }
            _ => EndReason::AccountDisabled,
        };
        let ending = Ending { session, owner: None, token: None, reason };
        self.stores.sessions.end(&ending, self.clock.now()).await?;
        Err(AuthError::InvalidCredentials)
    }

    /// Looks once more for the app: a removal that ran beside this sign-in has ended every session it
    /// could see. Another one of the same name is not the one that was signed in to.
    async fn stand_by_app(&self, app: &App, session: SessionId) -> Result<(), AuthError> {
        let current = self.stores.apps.find(&app.name).await?;
        if current.is_some_and(|current| current.created_at == app.created_at) {
            return Ok(());
        }
        let ending = Ending { session, owner: None, token: None, reason: EndReason::Admin };
        self.stores.sessions.end(&ending, self.clock.now()).await?;
        Err(UNKNOWN_APP)
    }
}
