//! Signing in by name and password: prove, ask the policy whether that is enough, open a session.

use std::time::Duration;

use super::{
    attempt::{BegunAs, SecondFactorAsked},
    hasher::Party,
    open::{KnownBy, Opening, UNREGISTERED_APP},
    throttle::{Attempt, network},
};
use crate::{
    auth::{Auth, error::AuthError, tokens::issue::TokenSet},
    domain::{
        app::{App, AppName},
        app_policy::AppPolicy,
        identifier::Identifiers,
        ids::{SessionId, UserId},
        key_proof::KeyThumbprint,
        occasion::Occasion,
        refresh_token::RefreshToken,
        secret::Password,
        session::{Device, SessionKind, Transport},
        session_token::SessionToken,
        sign_in::{Method, Methods, NextStep, SecondFactor, SignInState},
        user::{Account, User, Username},
    },
    measures::{GRANTED, table::SIGN_INS},
    store::sessions::{Issue, Living},
};

/// What a sign-in says.
#[derive(Debug)]
pub struct Login {
    pub username: Username,
    pub password: Password,
    /// `None` = `default`.
    pub app: Option<AppName>,
    pub device: Device,
    /// How the client keeps what it is given.
    pub transport: Transport,
    /// The key that the session is to be bound to.
    pub key: Option<KeyThumbprint>,
    /// Tokens of earlier sign-ins that came along, of whatever kind: they may speak for the owner.
    pub kept: Vec<String>,
}

/// What became of a sign-in that proved what it said.
#[derive(Debug)]
pub enum LoginOutcome<T> {
    SignedIn(T),
    /// More is to be proved; nothing is open yet.
    Needs(SecondFactorAsked),
}

/// A session that was opened without tokens.
#[derive(Debug)]
pub struct SessionGrant {
    pub user: UserId,
    /// What its cookie holds.
    pub token: SessionToken,
    /// How long it lives unless it is used.
    pub expires_in: Duration,
}

impl Auth {
    pub async fn login(
        &self,
        login: Login,
        occasion: &Occasion,
    ) -> Result<LoginOutcome<TokenSet>, AuthError> {
        let token = RefreshToken::first(SessionId::random(), self.keys.refresh_secret());
        let kind = SessionKind::Tokens(token.clone());
        let (user, session) = match self.sign_in(login, token.session(), kind, occasion).await? {
            LoginOutcome::SignedIn(signed_in) => signed_in,
            LoginOutcome::Needs(asked) => return Ok(LoginOutcome::Needs(asked)),
        };
        Ok(LoginOutcome::SignedIn(self.first_tokens(&user, session, token).await?))
    }

    /// The tokens of a session that was opened just now.
    pub(super) async fn first_tokens(
        &self,
        user: &User,
        session: Living,
        token: RefreshToken,
    ) -> Result<TokenSet, AuthError> {
        let issued_at = session.facts.created_at;
        let tokens_until = self.policy().lifetimes.access_expiry(issued_at, issued_at);
        let life = issued_at.until(session.expires_at);
        let issue = Issue { session, generation: 0, issued_at, life, tokens_until, reissue: None };
        self.issue(user, &issue, token).await
    }

    /// Signs in to a session that lives by its use: no access token, no refresh token, one cookie.
    pub async fn login_to_session(
        &self,
        login: Login,
        occasion: &Occasion,
    ) -> Result<LoginOutcome<SessionGrant>, AuthError> {
        let token = SessionToken::new(SessionId::random(), self.keys.refresh_secret());
        let kind = SessionKind::Cookie(token.clone());
        Ok(match self.sign_in(login, token.session(), kind, occasion).await? {
            LoginOutcome::SignedIn((user, session)) => {
                LoginOutcome::SignedIn(grant(user.id, token, &session))
            }
            LoginOutcome::Needs(asked) => LoginOutcome::Needs(asked),
        })
    }

    async fn sign_in(
        &self,
        login: Login,
        id: SessionId,
        kind: SessionKind,
        occasion: &Occasion,
    ) -> Result<LoginOutcome<(User, Living)>, AuthError> {
        let outcome = self.prove_and_open(login, id, kind, occasion).await;
        SIGN_INS.count(&[match &outcome {
            Ok(LoginOutcome::SignedIn(_)) => GRANTED,
            Ok(LoginOutcome::Needs(_)) => AuthError::SecondFactorRequired.code(),
            Err(error) => error.code(),
        }]);
        outcome
    }

    async fn prove_and_open(
        &self,
        login: Login,
        id: SessionId,
        kind: SessionKind,
        occasion: &Occasion,
    ) -> Result<LoginOutcome<(User, Living)>, AuthError> {
        let name = login.app.clone().unwrap_or_else(AppName::default_app);
        let app = self.stores.apps.find(&name).await?.ok_or(UNREGISTERED_APP)?;
        require_taken(&app.policy, Methods::of(&[Method::Password]))?;
        let (account, proved) = match self.authenticate(&login, &app, occasion).await? {
            LoginOutcome::SignedIn(proved) => proved,
            LoginOutcome::Needs(asked) => return Ok(LoginOutcome::Needs(asked)),
        };
        let party = Party::of(login.username.key(), &network(login.device.ip));
        let known_by = KnownBy::Password { password: &login.password, party };
        let (device, bound_to) = (login.device, login.key);
        let opening = Opening { id, account, app: &app, device, kind, bound_to, proved, known_by };
        Ok(LoginOutcome::SignedIn(self.open_session(opening, occasion).await?))
    }

    /// The account whose name and password these are, or what the app asks for besides.
    async fn authenticate(
        &self,
        login: &Login,
        app: &App,
        occasion: &Occasion,
    ) -> Result<LoginOutcome<(Account, Methods)>, AuthError> {
        // Who is named otherwise than the app takes is nobody: nothing is told of those who are called so.
        let by = app.policy.identifiers.unwrap_or(Identifiers::ALL);
        let account = self.account_called(login.username.shown(), by).await?;
        let device = match &account {
            Some(account) => self.device_of(account, &login.kept).await?,
            None => None,
        };
        // By name and by address it is one account, which is guessed at as often.
        let name = account.as_ref().map_or(&login.username, |account| &account.user.username).clone();
        let attempt = Attempt::new(&name, account.as_ref(), login.device.ip, device);
        let proof = self.prove_password(&name, account, &login.password, &attempt, occasion).await?;
        let sign_in = SignInState::new(self.set_up(proof.account(), app).await?, app.policy.sign_in_rules());
        match sign_in.prove(Method::Password).map_err(|_| AuthError::InvalidCredentials)?.step() {
            NextStep::Done(proved) => {
                let account = self.settle(proof, &login.password, occasion).await?;
                self.require_opened(&account, app, &attempt, occasion).await?;
                Ok(LoginOutcome::SignedIn((account, proved)))
            }
            NextStep::Needs(methods) => {
                let account = self.suspend(proof, &login.password, occasion).await?;
                self.require_opened(&account, app, &attempt, occasion).await?;
                let begun =
                    BegunAs { transport: login.transport, device: login.device.name.clone(), key: login.key };
                Ok(LoginOutcome::Needs(self.seal_attempt(begun, &account, app, methods)?))
            }
        }
    }

    /// What an account can prove, as far as the app wants to know.
    async fn set_up(&self, account: &Account, app: &App) -> Result<Methods, AuthError> {
        if app.policy.mfa == Some(SecondFactor::Off) {
            return Ok(Methods::of(&[Method::Password]));
        }
        Ok(self.stores.factors.of_user(account.user.id).await?.methods())
    }
}

/// Whether an app takes these: what it does not take is refused before anything is looked up or spent.
pub(in crate::auth) fn require_taken(policy: &AppPolicy, shown: Methods) -> Result<(), AuthError> {
    if shown.are_among(policy.sign_in_rules().methods) { Ok(()) } else { Err(AuthError::MethodNotAccepted) }
}

/// What the cookie of a session holds that was opened just now.
pub(super) fn grant(user: UserId, token: SessionToken, session: &Living) -> SessionGrant {
    SessionGrant { user, token, expires_in: session.facts.created_at.until(session.expires_at) }
}
