//! Signing in by a passkey alone: nobody says who they are until it does.

use std::time::Duration;

use super::{
    attempt::{AttemptToken, BegunAs, LIFE},
    login::require_taken,
    open::UNREGISTERED_APP,
    refusals::SignInRefusal,
    throttle::Attempt,
};
use crate::{
    auth::{
        Auth,
        error::AuthError,
        factors::{passkey::PasskeyRequest, passkey_answer::PasskeyAssertion},
    },
    domain::{
        app::AppName,
        key_proof::KeyThumbprint,
        occasion::Occasion,
        session::{Device, Transport},
        sign_in::{Method, Methods},
        user::Account,
    },
};

/// What a client asks a browser for, and by what it goes on.
pub struct PasskeyAsked {
    pub token: AttemptToken,
    pub expires_in: Duration,
    pub request: PasskeyRequest,
}

impl Auth {
    /// Begins a sign-in that a passkey is to say all of. Nobody is looked up, and nothing is kept.
    pub async fn begin_passkey_sign_in(
        &self,
        app: &AppName,
        transport: Transport,
        device: Option<&str>,
        key: Option<KeyThumbprint>,
    ) -> Result<PasskeyAsked, AuthError> {
        let app = self.app(app).await?.ok_or(UNREGISTERED_APP)?;
        require_taken(&app.policy, Methods::of(&[Method::Passkey]))?;
        let device = Device::new(device, None, None).name;
        let (id, token) = self.seal_nameless_attempt(&app, BegunAs { transport, device, key })?;
        let request = self.passkey_request(&id, &app.name, None).await?;
        Ok(PasskeyAsked { token, expires_in: LIFE, request })
    }

    /// The account whose passkey it is. Wrong ones are counted for the address alone: nobody guesses a signature, and
    /// who knows of an account must not lock its owner out.
    pub(super) async fn prove_passkey(
        &self,
        shown: &PasskeyAssertion,
        attempt: &str,
        occasion: &Occasion,
    ) -> Result<Account, AuthError> {
        let tried = Attempt::of_address(occasion.address);
        let bars = self.throttle(&tried, occasion).await?;
        let last = self.reserve(&tried, &bars, occasion).await?;
        let account = match shown.user() {
            Some(user) => self.stores.accounts.by_id(user).await?,
            None => None,
        };
        if let Some(account) = account
            && self.spend_passkey(account.user.id, shown, attempt).await?
        {
            self.take_back(&bars).await?;
            return Ok(account);
        }
        self.refuse(SignInRefusal::WrongPasskey, &tried, occasion);
        if let Some(locked_out) = last {
            self.note_lock_out(locked_out, &tried, occasion);
        }
        Err(AuthError::WrongPasskey)
    }
}
