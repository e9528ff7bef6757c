//! Second factors: what a sign-in asks for, what is set up, and what is shown once.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use super::passkey::RequestOptions;
use crate::{
    auth::{
        factors::Enrolment,
        sign_in::{answer::ChallengeOffer, attempt::SecondFactorAsked},
    },
    domain::{factor, recovery_code::RecoveryCode, sign_in::Method},
};

/// What a sign-in wants besides the password, and by what it is gone on with.
#[derive(Serialize, ToSchema)]
pub struct MfaRequired {
    pub mfa_token: String,
    /// In seconds.
    pub expires_in: u64,
    /// One of these; none, where the account has set up nothing that would do.
    pub methods: Vec<&'static str>,
}

/// What a client needs to answer by a method: of those that people type, nothing.
#[derive(Debug, Serialize, ToSchema)]
pub struct MfaChallenge {
    pub method: &'static str,
    /// Of a passkey: for `PublicKeyCredential.parseRequestOptionsFromJSON()`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<RequestOptions>,
}

/// A factor that counts.
#[derive(Debug, Serialize, ToSchema)]
pub struct Factor {
    pub id: String,
    pub kind: &'static str,
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// All that an account has set up.
#[derive(Debug, Serialize, ToSchema)]
pub struct Factors {
    pub factors: Vec<Factor>,
    /// How many are left.
    pub recovery_codes: usize,
}

/// What an authenticator app is to be given; shown once.
#[derive(Serialize, ToSchema)]
pub struct TotpEnrolment {
    /// In base 32, for who types it.
    pub secret: String,
    /// `otpauth://`, for an app on the same device.
    pub uri: String,
    /// A `data:` URI of an SVG.
    pub qr: String,
}

/// Codes that stand in for a factor; shown once.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodes {
    pub recovery_codes: Vec<String>,
}

/// How many factors were taken away.
#[derive(Debug, Serialize, ToSchema)]
pub struct RemovedFactors {
    pub removed: u64,
}

impl fmt::Debug for MfaRequired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MfaRequired({:?})", self.methods)
    }
}

impl From<&SecondFactorAsked> for MfaRequired {
    fn from(asked: &SecondFactorAsked) -> Self {
        Self {
            mfa_token: asked.token.expose().to_owned(),
            expires_in: asked.expires_in.as_secs(),
            methods: asked.methods.iter().map(Method::as_str).collect(),
        }
    }
}

impl From<ChallengeOffer> for MfaChallenge {
    fn from(offer: ChallengeOffer) -> Self {
        match offer {
            ChallengeOffer::Typed(method) => Self { method: method.as_str(), public_key: None },
            ChallengeOffer::Passkey(request) => {
                Self { method: Method::Passkey.as_str(), public_key: Some(request.into()) }
            }
        }
    }
}

impl From<&factor::Factor> for Factor {
    fn from(factor: &factor::Factor) -> Self {
        Self {
            id: factor.id.to_string(),
            kind: factor.kind.as_str(),
            created_at: factor.created_at.rfc3339(),
        }
    }
}

impl From<&factor::UserFactors> for Factors {
    fn from(own: &factor::UserFactors) -> Self {
        Self {
            factors: own.confirmed().map(Factor::from).collect(),
            recovery_codes: own.recovery_codes.len(),
        }
    }
}

impl From<Enrolment> for TotpEnrolment {
    fn from(begun: Enrolment) -> Self {
        Self { secret: begun.secret.to_string(), uri: begun.uri.to_string(), qr: begun.qr }
    }
}

impl From<&[RecoveryCode]> for RecoveryCodes {
    fn from(codes: &[RecoveryCode]) -> Self {
        Self { recovery_codes: codes.iter().map(|code| code.expose().to_string()).collect() }
    }
}
