//! The second half of a sign-in: the proof that was asked for besides the password, and the session.

use super::{
    attempt::{ProvedPassword, SignInAttempt},
    login::{SessionGrant, grant, require_taken},
    open::{KnownBy, Opening, UNREGISTERED_APP},
    refusals::SignInRefusal,
    throttle::Attempt,
};
use crate::{
    auth::{
        Auth,
        error::{AuthError, Invalid},
        factors::{passkey::PasskeyRequest, passkey_answer::PasskeyAssertion},
        tokens::issue::TokenSet,
    },
    domain::{
        app::{App, AppName},
        ids::{SessionId, UserId},
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

/// What is shown besides the password, or in its place.
#[derive(Debug)]
pub enum SecondProof {
    Totp(TotpCode),
    RecoveryCode(RecoveryCode),
    Passkey(Box<PasskeyAssertion>),
}

/// What a client needs to answer by a method.
pub enum ChallengeOffer {
    /// Nothing: it is typed.
    Typed(Method),
    Passkey(PasskeyRequest),
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
            Self::Passkey(_) => Method::Passkey,
        }
    }

    const fn is_wrong(&self) -> AuthError {
        match self {
            Self::Totp(_) | Self::RecoveryCode(_) => AuthError::WrongCode,
            Self::Passkey(_) => AuthError::WrongPasskey,
        }
    }
}

impl Auth {
    /// What an attempt may be answered with, as things are now.
    pub async fn challenge(
        &self,
        attempt: &SignInAttempt,
        method: Method,
    ) -> Result<ChallengeOffer, AuthError> {
        let app = self.app_begun_at(attempt, method).await?;
        let user = match &attempt.begun_by {
            Some(password) => {
                let account = self.account_proved(password).await?;
                self.asked(&account, &app, &[Method::Password, method]).await?;
                Some(account.user.id)
            }
            None if method == Method::Passkey => None,
            None => return Err(AuthError::Invalid(Invalid::NotAsked)),
        };
        if method != Method::Passkey {
            return Ok(ChallengeOffer::Typed(method));
        }
        Ok(ChallengeOffer::Passkey(self.passkey_request(attempt.id(), &app.name, user).await?))
    }

    /// What somebody needs to prove by that method who they are, in the name of that spender.
    pub(in crate::auth) async fn offer(
        &self,
        user: UserId,
        method: Method,
        spender: &str,
        app: &AppName,
    ) -> Result<ChallengeOffer, AuthError> {
        if !self.factors_of(user).await?.methods().contains(method) {
            return Err(AuthError::Invalid(Invalid::NotSetUp));
        }
        if method != Method::Passkey {
            return Ok(ChallengeOffer::Typed(method));
        }
        Ok(ChallengeOffer::Passkey(self.passkey_request(spender, app, Some(user)).await?))
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
            let (user, session) =
                self.prove_and_go_on(attempt, proof, token.session(), kind, occasion).await?;
            return Ok(HandedOut::Session(grant(user.id, token, &session)));
        }
        let token = RefreshToken::first(SessionId::random(), secret);
        let kind = SessionKind::Tokens(token.clone());
        let (user, session) = self.prove_and_go_on(attempt, proof, token.session(), kind, occasion).await?;
        Ok(HandedOut::Tokens(self.first_tokens(&user, session, token).await?))
    }

    async fn prove_and_go_on(
        &self,
        attempt: &SignInAttempt,
        proof: &SecondProof,
        id: SessionId,
        kind: SessionKind,
        occasion: &Occasion,
    ) -> Result<(User, Living), AuthError> {
        let app = self.app_begun_at(attempt, proof.method()).await?;
        let (account, proved) = match &attempt.begun_by {
            Some(password) => self.prove_second(attempt, password, &app, proof, occasion).await?,
            None => self.prove_alone(attempt, &app, proof, occasion).await?,
        };
        let tried = Attempt::new(&account.user.username, Some(&account), occasion.address, None);
        self.note_owner(&tried).await?;
        let device = Device::new(attempt.device.as_deref(), occasion.address, occasion.agent.as_deref());
        let (bound_to, known_by) = (attempt.key, KnownBy::Attempt(attempt));
        let opening = Opening { id, account, app: &app, device, kind, bound_to, proved, known_by };
        self.open_session(opening, occasion).await
    }

    async fn prove_second(
        &self,
        attempt: &SignInAttempt,
        password: &ProvedPassword,
        app: &App,
        proof: &SecondProof,
        occasion: &Occasion,
    ) -> Result<(Account, Methods), AuthError> {
        let account = self.account_proved(password).await?;
        let tried = Attempt::new(&account.user.username, Some(&account), occasion.address, None);
        self.require_enabled(&account, &tried, occasion)?;
        let proved = self.asked(&account, app, &[Method::Password, proof.method()]).await?;
        self.prove_factor(&account, proof, attempt.id(), &tried, occasion).await?;
        Ok((account, proved))
    }

    /// A passkey says who it is. What would be told of the account is told to its owner alone.
    async fn prove_alone(
        &self,
        attempt: &SignInAttempt,
        app: &App,
        proof: &SecondProof,
        occasion: &Occasion,
    ) -> Result<(Account, Methods), AuthError> {
        let SecondProof::Passkey(shown) = proof else { return Err(AuthError::Invalid(Invalid::NotAsked)) };
        let account = self.prove_passkey(shown, attempt.id(), occasion).await?;
        let tried = Attempt::new(&account.user.username, Some(&account), occasion.address, None);
        self.require_enabled(&account, &tried, occasion)?;
        self.require_opened(&account, app, &tried, occasion).await?;
        let proved = self.asked(&account, app, &[Method::Passkey]).await?;
        Ok((account, proved))
    }

    pub(super) fn require_enabled(
        &self,
        account: &Account,
        tried: &Attempt,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        if account.user.status == UserStatus::Disabled {
            self.refuse(SignInRefusal::AccountDisabled, tried, occasion);
            return Err(AuthError::AccountDisabled);
        }
        Ok(())
    }

    /// The app that an attempt was begun at, if it is still that one and takes that, and what it was begun with.
    async fn app_begun_at(&self, attempt: &SignInAttempt, method: Method) -> Result<App, AuthError> {
        let app = self.app(&attempt.app).await?;
        let app = app.filter(|app| app.created_at == attempt.app_created_at).ok_or(UNREGISTERED_APP)?;
        let password = attempt.begun_by.as_ref().map(|_| Method::Password);
        require_taken(&app.policy, password.into_iter().fold(Methods::of(&[method]), Methods::with))?;
        Ok(app)
    }

    /// The account whose password was proved, if it is still that one.
    async fn account_proved(&self, password: &ProvedPassword) -> Result<Account, AuthError> {
        let account = self.stores.accounts.by_id(password.user).await?;
        let account = account.ok_or(AuthError::TokenRevoked(EndReason::AccountDisabled))?;
        if !password.is_of(&account) {
            return Err(AuthError::TokenRevoked(EndReason::PasswordChanged));
        }
        Ok(account)
    }

    /// What is proved with these methods, if they are what is asked for now: factors and policies may have changed.
    async fn asked(&self, account: &Account, app: &App, methods: &[Method]) -> Result<Methods, AuthError> {
        let set_up = self.stores.factors.of_user(account.user.id).await?.methods();
        let mut sign_in = Ok(SignInState::new(set_up, app.policy.sign_in_rules()));
        for method in methods {
            sign_in = sign_in.and_then(|sign_in| sign_in.prove(*method));
        }
        match sign_in.map(SignInState::step) {
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
            return Err(proof.is_wrong());
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
            SecondProof::Passkey(shown) => self.spend_passkey(user, shown, spender).await,
            SecondProof::RecoveryCode(code) => self.spend_recovery_code(user, code, spender).await,
        }
    }
}
