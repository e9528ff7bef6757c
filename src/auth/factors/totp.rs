//! Authenticator apps (RFC 6238): SHA-1, six digits, 30 seconds, which is what all of them know. A code is good one
//! step early or late, and once.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

use crate::{
    auth::{Auth, error::AuthError},
    domain::{clock::Timestamp, factor::Factor, ids::UserId, random, totp_code::TotpCode},
    keys::sealer::{OpenError, Purpose},
    store::once::{OnceKey, Spending},
};

/// 160 bits (RFC 4226 section 4).
const SECRET_BYTES: usize = 20;
const STEP_SECS: u64 = 30;
const STEP: Duration = Duration::from_secs(STEP_SECS);

/// What stands in a URI as it is (RFC 3986 section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What an app is given once, and its codes are checked against.
pub(super) struct TotpSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl TotpSecret {
    pub(super) fn random() -> Self {
        Self(Zeroizing::new(random::bytes()))
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// As people type it where they cannot scan it.
    pub(super) fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(Secret::from(*self.0).to_base32())
    }

    /// As apps read it from a QR code.
    pub(super) fn uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let [issuer, account] = [issuer, account].map(|text| utf8_percent_encode(text, ESCAPED));
        let secret = self.base32();
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits=6&period={STEP_SECS}",
            *secret
        ))
    }

    /// The step that a code is of, if it is one that is good now.
    fn step_of(&self, code: &TotpCode, now: Timestamp) -> Option<u64> {
        let now = u64::try_from(now.secs()).ok()?;
        self.totp().check(code.expose(), now)
    }

    /// The library's own defaults are those of this page; a test holds it to them.
    fn totp(&self) -> Totp {
        Builder::new().with_secret(*self.0).with_step_duration(STEP_SECS).build_noncompliant()
    }
}

impl Auth {
    pub(super) fn seal_totp(
        &self,
        user: UserId,
        factor: &str,
        secret: &TotpSecret,
    ) -> Result<String, AuthError> {
        let whose = format!("{user} {factor}");
        Ok(self.keys.sealer().seal(Purpose::new("totp secret", &whose), secret.0.as_slice())?)
    }

    fn unseal_totp(&self, user: UserId, factor: &Factor) -> Result<TotpSecret, AuthError> {
        let whose = format!("{user} {}", factor.id);
        let opened = self.keys.sealer().open(Purpose::new("totp secret", &whose), factor.sealed.as_str())?;
        TotpSecret::from_bytes(opened.expose()).ok_or(AuthError::Sealed(OpenError::Invalid))
    }

    /// Spends a code: whether it is right, and nobody else has used it. Who says again what they are is heard again,
    /// since an answer may have been lost.
    pub(in crate::auth) async fn spend_totp(
        &self,
        user: UserId,
        factor: &Factor,
        code: &TotpCode,
        spender: &str,
    ) -> Result<bool, AuthError> {
        let now = self.clock.now();
        let Some(step) = self.unseal_totp(user, factor)?.step_of(code, now) else { return Ok(false) };
        let began_at = Timestamp::from_secs(i64::try_from(step * STEP_SECS).unwrap_or(i64::MAX));
        let spending = Spending {
            key: OnceKey::of("totp step", &[factor.id.as_bytes(), &step.to_be_bytes()]),
            // It is shown from then on, and good until a step after its own.
            made_at: began_at,
            until: began_at + STEP * 2,
            outcome: spender.to_owned(),
        };
        Ok(self.stores.once.spend(&spending, now).await?.is_for(spender))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, the last six of its digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = TotpSecret(Zeroizing::new(*b"12345678901234567890"));
        for (secs, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            let code = TotpCode::parse(code).expect("a code");
            let step = Some(u64::try_from(secs / 30).expect("positive"));
            for early_or_late in [-30, 0, 30] {
                let now = Timestamp::from_secs(secs + early_or_late);
                assert_eq!(secret.step_of(&code, now), step, "{secs} at {early_or_late}");
            }
            for too_early_or_late in [-60, 60] {
                let now = Timestamp::from_secs(secs + too_early_or_late);
                assert_eq!(secret.step_of(&code, now), None, "{secs} at {too_early_or_late}");
            }
        }
    }

    #[test]
    fn the_uri_says_all_that_an_app_asks_for() {
        let secret = TotpSecret(Zeroizing::new(*b"12345678901234567890"));
        assert_eq!(
            secret.uri("id.example.com", "Zoë: x&y").as_str(),
            "otpauth://totp/id.example.com:Zo%C3%AB%3A%20x%26y?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=id.example.com&algorithm=SHA1&digits=6&period=30"
        );
    }
}
