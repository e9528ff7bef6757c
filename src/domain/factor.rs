//! What an account proves itself by besides its password, as it is kept.

use std::{fmt, time::Duration};

use super::{
    clock::Timestamp,
    ids::FactorId,
    recovery_code::RecoveryHash,
    sign_in::{Method, Methods},
};

/// How long an enrolment that was begun may be confirmed.
pub const ENROLMENT: Duration = Duration::from_mins(15);

/// What kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorKind {
    /// An authenticator app (RFC 6238).
    Totp,
    /// A `WebAuthn` credential.
    Passkey,
}

impl FactorKind {
    const ALL: [Self; 2] = [Self::Totp, Self::Passkey];

    /// The word that is kept, and said.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Passkey => "passkey",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    const fn method(self) -> Method {
        match self {
            Self::Totp => Method::Totp,
            Self::Passkey => Method::Passkey,
        }
    }
}

/// What its owner's proof is checked against, as the server sealed it. Not printed either.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret(String);

impl SealedSecret {
    #[must_use]
    pub const fn new(sealed: String) -> Self {
        Self(sealed)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret(…)")
    }
}

/// A factor of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    pub id: FactorId,
    pub kind: FactorKind,
    pub sealed: SealedSecret,
    pub created_at: Timestamp,
    /// Since when it counts; `None` = its owner has not shown yet that it works.
    pub confirmed_at: Option<Timestamp>,
}

/// All that an account has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFactors {
    pub factors: Vec<Factor>,
    /// Of the codes that are left.
    pub recovery_codes: Vec<RecoveryHash>,
}

impl UserFactors {
    /// Those that count.
    pub fn confirmed(&self) -> impl Iterator<Item = &Factor> {
        self.factors.iter().filter(|factor| factor.confirmed_at.is_some())
    }

    /// The authenticator app that counts.
    #[must_use]
    pub fn totp(&self) -> Option<&Factor> {
        self.confirmed().find(|factor| factor.kind == FactorKind::Totp)
    }

    /// The passkeys that count.
    pub fn passkeys(&self) -> impl Iterator<Item = &Factor> {
        self.confirmed().filter(|factor| factor.kind == FactorKind::Passkey)
    }

    /// An authenticator app that may still be confirmed.
    #[must_use]
    pub fn enrolment(&self, now: Timestamp) -> Option<&Factor> {
        let is_open = |factor: &&Factor| factor.confirmed_at.is_none() && now < factor.created_at + ENROLMENT;
        self.factors.iter().filter(|factor| factor.kind == FactorKind::Totp).find(is_open)
    }

    /// What its owner can prove themselves by, the password included.
    #[must_use]
    pub fn methods(&self) -> Methods {
        let codes = (!self.recovery_codes.is_empty()).then_some(Method::RecoveryCode);
        let own = self.confirmed().map(|factor| factor.kind.method());
        own.chain(codes).fold(Methods::of(&[Method::Password]), Methods::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_confirmed_counts_for_nothing_and_is_over_in_time() {
        let begun_at = Timestamp::from_secs(1_000);
        let factor = Factor {
            id: FactorId::random(),
            kind: FactorKind::Totp,
            sealed: SealedSecret::new("secret".to_owned()),
            created_at: begun_at,
            confirmed_at: None,
        };
        assert!(!format!("{factor:?}").contains("secret"));
        let mut own = UserFactors { factors: vec![factor], recovery_codes: Vec::new() };
        assert_eq!(own.methods(), Methods::of(&[Method::Password]));
        assert!(own.totp().is_none());
        assert!(own.enrolment(begun_at).is_some());
        assert!(own.enrolment(begun_at + ENROLMENT).is_none());
        own.factors[0].confirmed_at = Some(begun_at);
        assert!(own.totp().is_some() && own.enrolment(begun_at).is_none());
        assert_eq!(own.methods(), Methods::of(&[Method::Password, Method::Totp]));
    }
}
