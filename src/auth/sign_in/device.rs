//! Devices on which an account has signed in before: what speaks for its owner where strangers have
//! failed at it too often.

use crate::{
    auth::{Auth, error::AuthError},
    domain::{
        device_token::{DeviceId, DeviceToken},
        ids::{SessionId, UserId},
        refresh_token::RefreshToken,
        session_token::SessionToken,
        user::Account,
    },
};

impl Auth {
    /// What a browser is to keep after a sign-in; `None` where `kept`, what it sent, holds one.
    #[must_use]
    pub fn device_token(&self, user: UserId, kept: &[String]) -> Option<DeviceToken> {
        let secret = self.keys.refresh_secret();
        let mut kept = kept.iter().filter_map(|text| DeviceToken::parse(text, secret).ok());
        let is_known = kept.any(|token| token.user() == user);
        (!is_known).then(|| DeviceToken::new(user, secret))
    }

    /// The device that one of these tokens shows to be the account's: a device token of its own, or what
    /// a living session of it has.
    pub(in crate::auth) async fn device_of(
        &self,
        account: &Account,
        kept: &[String],
    ) -> Result<Option<DeviceId>, AuthError> {
        let (user, secret) = (account.user.id, self.keys.refresh_secret());
        let devices = kept.iter().filter_map(|text| DeviceToken::parse(text, secret).ok());
        if let Some(token) = devices.into_iter().find(|token| token.user() == user) {
            return Ok(Some(token.device()));
        }
        for session in kept.iter().filter_map(|text| self.session_in(text)) {
            let found = self.stores.sessions.find(session, self.clock.now()).await?;
            if found.is_some_and(|session| session.facts.user == user) {
                return Ok(Some(session.into()));
            }
        }
        Ok(None)
    }

    fn session_in(&self, text: &str) -> Option<SessionId> {
        let secret = self.keys.refresh_secret();
        let refresh = RefreshToken::parse(text, secret).map(|token| token.session());
        refresh.or_else(|_| SessionToken::parse(text, secret).map(|token| token.session())).ok()
    }
}
