//! Second factors: their owner sets them up, and takes them away by a recent sign-in; an operator takes them away
//! where they are lost.

mod challenge;
mod eddsa;
pub mod passkey;
pub mod passkey_answer;
mod qr;
mod recovery;
pub mod relying_party;
mod totp;

use std::sync::Arc;

use zeroize::Zeroizing;

use self::totp::TotpSecret;
use super::{
    Auth,
    check::Caller,
    error::{AuthError, Conflict, Missing},
    events::by_caller,
};
use crate::domain::{
    event::{Event, EventKind},
    factor::{Factor, FactorKind, SealedSecret, UserFactors},
    ids::{FactorId, UserId},
    mail::{Mail, MailKind},
    occasion::Occasion,
    recovery_code::RecoveryCode,
    totp_code::TotpCode,
    user::User,
};

/// By whom the code of an enrolment is spent: by no sign-in.
const ENROLLED: &str = "enrolment";

/// What an authenticator app is to be given. It is nowhere else in this form.
pub struct Enrolment {
    /// In base 32.
    pub secret: Zeroizing<String>,
    /// The same with all else that an app wants to know.
    pub uri: Zeroizing<String>,
    /// The same as an image.
    pub qr: String,
}

impl Auth {
    /// What the caller has set up.
    pub async fn own_factors(&self, caller: &Caller) -> Result<UserFactors, AuthError> {
        self.factors_of(caller.user()).await
    }

    /// Begins to set up an authenticator app; it counts once a code of it has come.
    pub async fn begin_totp(&self, caller: &Caller) -> Result<Enrolment, AuthError> {
        let own = self.require_recent_sign_in(caller).await?;
        if own.totp().is_some() {
            return Err(AuthError::Conflict(Conflict::TotpSetUp));
        }
        let (user, secret, id) = (self.me(caller).await?, TotpSecret::random(), FactorId::random());
        let sealed = SealedSecret::new(self.seal_totp(user.id, &id.to_string(), &secret)?);
        let (kind, created_at) = (FactorKind::Totp, self.clock.now());
        let factor = Factor { id, kind, sealed, created_at, confirmed_at: None };
        if !self.stores.factors.begin(user.id, &factor).await? {
            return Err(AuthError::NotFound(Missing::User));
        }
        Ok(self.enrolment(&user, &secret))
    }

    fn enrolment(&self, user: &User, secret: &TotpSecret) -> Enrolment {
        let uri = secret.uri(host(self.keys.issuer()), user.username.shown());
        let qr = qr::image(&uri).unwrap_or_default();
        Enrolment { secret: secret.base32(), uri, qr }
    }

    /// Has the app count that was begun with, and returns the codes that stand in for it.
    pub async fn confirm_totp(
        &self,
        caller: &Caller,
        code: &TotpCode,
        occasion: &Occasion,
    ) -> Result<Vec<RecoveryCode>, AuthError> {
        let own = self.require_recent_sign_in(caller).await?;
        let (user, now) = (caller.user(), self.clock.now());
        let nothing_begun = AuthError::Conflict(Conflict::NothingToConfirm);
        let Some(begun) = own.enrolment(now) else { return Err(nothing_begun) };
        if !self.spend_totp(user, begun, code, ENROLLED).await? {
            return Err(AuthError::WrongCode);
        }
        let codes = RecoveryCode::set();
        let hashes: Vec<_> = codes.iter().map(RecoveryCode::hash).collect();
        let (factors, id, notice) =
            (Arc::clone(&self.stores.factors), begun.id, self.notice_of_factors(user).await?);
        let confirming = async move { factors.confirm(user, id, &hashes, now, notice.as_ref()).await };
        let event = self.factor_changed(EventKind::FactorAdded, user, &by_caller(occasion, caller));
        let event = event.because(begun.kind.as_str());
        if self.change(confirming, |is_done| *is_done, event).await? { Ok(codes) } else { Err(nothing_begun) }
    }

    /// Takes one of the caller's factors away.
    pub async fn remove_factor(
        &self,
        caller: &Caller,
        id: FactorId,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        let (own, user) = (self.require_recent_sign_in(caller).await?, caller.user());
        let not_found = AuthError::NotFound(Missing::Factor);
        let Some(kind) = own.confirmed().find(|factor| factor.id == id).map(|factor| factor.kind) else {
            return Err(not_found);
        };
        let (factors, notice) = (Arc::clone(&self.stores.factors), self.notice_of_factors(user).await?);
        let removing = async move { factors.remove(user, id, notice.as_ref()).await };
        let event = self.factor_changed(EventKind::FactorRemoved, user, &by_caller(occasion, caller));
        let event = event.because(kind.as_str());
        if self.change(removing, |is_gone| *is_gone, event).await? { Ok(()) } else { Err(not_found) }
    }

    /// Gives the caller other recovery codes; those of before are good no more.
    pub async fn renew_recovery_codes(
        &self,
        caller: &Caller,
        occasion: &Occasion,
    ) -> Result<Vec<RecoveryCode>, AuthError> {
        self.require_recent_sign_in(caller).await?;
        let (codes, user) = (RecoveryCode::set(), caller.user());
        let hashes: Vec<_> = codes.iter().map(RecoveryCode::hash).collect();
        let (factors, notice) = (Arc::clone(&self.stores.factors), self.notice_of_factors(user).await?);
        let renewing = async move { factors.renew_codes(user, &hashes, notice.as_ref()).await };
        let event = self.factor_changed(EventKind::FactorAdded, user, &by_caller(occasion, caller));
        let is_renewed = self.change(renewing, |is_done| *is_done, event.because("recovery_codes")).await?;
        if is_renewed { Ok(codes) } else { Err(AuthError::Conflict(Conflict::NoFactor)) }
    }

    /// What a user has set up.
    pub async fn factors_of(&self, user: UserId) -> Result<UserFactors, AuthError> {
        Ok(self.stores.factors.of_user(user).await?)
    }

    /// Takes all factors of a user away, who then signs in by the password alone; returns how many there were. What
    /// an operator does for who has lost them.
    pub async fn remove_factors(&self, user: UserId, occasion: &Occasion) -> Result<u64, AuthError> {
        let (factors, notice) = (Arc::clone(&self.stores.factors), self.notice_of_factors(user).await?);
        let removing = async move { factors.remove_all(user, notice.as_ref()).await };
        let event = self.factor_changed(EventKind::FactorRemoved, user, occasion).because("all");
        Ok(self.change(removing, |count| *count > 0, event).await?)
    }

    async fn notice_of_factors(&self, user: UserId) -> Result<Option<Mail>, AuthError> {
        let user = self.user_by_id(user).await?;
        Ok(user.and_then(|user| self.notice(MailKind::FactorsChanged, &user)))
    }

    fn factor_changed(&self, kind: EventKind, user: UserId, occasion: &Occasion) -> Event {
        self.event(kind, occasion).of_user(user)
    }
}

/// How apps call the server: by its host. A colon would end the name there.
fn host(issuer: &str) -> &str {
    let authority = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    let host = authority.split(['/', ':']).next().unwrap_or_default();
    if host.is_empty() || host.starts_with('[') { "Keyward" } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_called_by_its_host() {
        assert_eq!(host("https://id.example.com/sso"), "id.example.com");
        assert_eq!(host("http://127.0.0.1:8080"), "127.0.0.1");
        assert_eq!(host("http://[::1]:8080"), "Keyward");
    }
}
