//! The second half of a sign-in: the proof that was asked for besides the password, and the session.

use super::{
    attempt::SignInAttempt,
    login::{SessionGrant, grant},
    open::{KnownBy, Opening, UNREGISTERED_APP},
    refusals::SignInRefusal,
    throttle::Attempt,
};
use crate::{
    auth::{
        Auth,
        error::{AuthError, Invalid},
        tokens::issue::TokenSet,
    },
    domain::{
        app::App,
        ids::SessionId,
        occasion::Occasion,
        recovery_code::RecoveryCode,
        refresh_token::RefreshToken,
        session::{Device, EndReason, SessionKind, Transport},
        session_token::SessionToken,
        sign_in::{Method, Methods, NextStep, SignInState},
        totp_code::TotpCode,
        user::{Account, User, UserStatus},
    },
    measures::{GRANTED, table::SIGN_INS},
    store::sessions::Living,
};

/// What is shown besides the password.
#[derive(Debug)]
pub enum SecondProof {
    Totp(TotpCode),
    RecoveryCode(RecoveryCode),
}

/// What a sign-in was asked for.
pub enum HandedOut {
    Tokens(TokenSet),
    Session(SessionGrant),
}

impl SecondProof {
    /// How that is proved.
    #[must_use]
    pub const fn method(&self) -> Method {
        match self {
            Self::Totp(_) => Method::Totp,
            Self::RecoveryCode(_) => Method::RecoveryCode,
        }
    }
}

impl Auth {
    /// What an attempt may be answered with, as things are now.
    pub async fn challenge(&self, attempt: &SignInAttempt, method: Method) -> Result<(), AuthError> {
        let (account, app) = self.begun(attempt).await?;
        self.asked(&account, &app, method).await.map(drop)
    }

    /// Answers an attempt. It is good for one session; a wrong answer leaves it as it is.
    pub async fn answer(
        &self,
        attempt: SignInAttempt,
        proof: SecondProof,
        occasion: &Occasion,
    ) -> Result<HandedOut, AuthError> {
        let outcome = self.answer_and_open(&attempt, &proof, occasion).await;
        SIGN_INS.count(&[outcome.as_ref().map_or_else(AuthError::code, |_| GRANTED)]);
        outcome
    }

    async fn answer_and_open(
        &self,
        attempt: &SignInAttempt,
        proof: &SecondProof,
        occasion: &Occasion,
    ) -> Result<HandedOut, AuthError> {
        let secret = self.keys.refresh_secret();
        if attempt.transport == Transport::Session {
            let token = SessionToken::new(SessionId::random(), secret);
            let kind = SessionKind::Cookie(token.clone());
            let (user, session) = self.prove_second(attempt, proof, token.session(), kind, occasion).await?;
            return Ok(HandedOut::Session(grant(user.id, token, &session)));
        }
        let token = RefreshToken::first(SessionId::random(), secret);
        let kind = SessionKind::Tokens(token.clone());
        let (user, session) = self.prove_second(attempt, proof, token.session(), kind, occasion).await?;
        Ok(HandedOut::Tokens(self.first_tokens(&user, session, token).await?))
    }

    async fn prove_second(
        &self,
        attempt: &SignInAttempt,
        proof: &SecondProof,
        id: SessionId,
        kind: SessionKind,
        occasion: &Occasion,
    ) -> Result<(User, Living), AuthError> {
        let (account, app) = self.begun(attempt).await?;
        let tried = Attempt::new(&account.user.username, Some(&account), occasion.address, None);
        if account.user.status == UserStatus::Disabled {
            self.refuse(SignInRefusal::AccountDisabled, &tried, occasion);
            return Err(AuthError::AccountDisabled);
        }
        let proved = self.asked(&account, &app, proof.method()).await?;
        self.prove_factor(&account, proof, attempt.id(), &tried, occasion).await?;
        self.note_owner(&tried).await?;
        let device = Device::new(attempt.device.as_deref(), occasion.address, occasion.agent.as_deref());
        let known_by = KnownBy::Attempt(attempt);
        let opening = Opening { id, account, app: &app, device, kind, proved, known_by };
        self.open_session(opening, occasion).await
    }

    /// What an attempt was begun with, if that is still so.
    async fn begun(&self, attempt: &SignInAttempt) -> Result<(Account, App), AuthError> {
        let app = self.stores.apps.find(&attempt.app).await?;
        let app = app.filter(|app| app.created_at == attempt.app_created_at).ok_or(UNREGISTERED_APP)?;
        let account = self.stores.accounts.by_id(attempt.user).await?;
        let account = account.ok_or(AuthError::TokenRevoked(EndReason::AccountDisabled))?;
        if !attempt.knows(&account) {
            return Err(AuthError::TokenRevoked(EndReason::PasswordChanged));
        }
        Ok((account, app))
    }

    /// What is proved with that method, if it is asked for now: factors and policies may have changed.
    async fn asked(&self, account: &Account, app: &App, method: Method) -> Result<Methods, AuthError> {
        let set_up = self.stores.factors.of_user(account.user.id).await?.methods();
        let sign_in = SignInState::new(set_up, app.second_factor());
        let proved = sign_in.prove(Method::Password).and_then(|sign_in| sign_in.prove(method));
        match proved.map(SignInState::step) {
            Ok(NextStep::Done(proved)) => Ok(proved),
            Ok(NextStep::Needs(_)) | Err(_) => Err(AuthError::Invalid(Invalid::NotAsked)),
        }
    }

    /// Has a second factor proved; guesses at it are counted. The spender is heard again with the same code.
    pub(in crate::auth) async fn prove_factor(
        &self,
        account: &Account,
        proof: &SecondProof,
        spender: &str,
        tried: &Attempt,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        let bars = self.reserve_guess(account, tried, occasion).await?;
        if !self.is_right(account, proof, spender).await? {
            self.refuse(SignInRefusal::WrongCode, tried, occasion);
            return Err(AuthError::WrongCode);
        }
        self.forgive_guesses(&bars).await
    }

    async fn is_right(
        &self,
        account: &Account,
        proof: &SecondProof,
        spender: &str,
    ) -> Result<bool, AuthError> {
        let user = account.user.id;
        match proof {
            SecondProof::Totp(code) => {
                let own = self.stores.factors.of_user(user).await?;
                let Some(factor) = own.totp() else { return Ok(false) };
                self.spend_totp(user, factor, code, spender).await
            }
            SecondProof::RecoveryCode(code) => self.spend_recovery_code(user, code, spender).await,
        }
    }
}
