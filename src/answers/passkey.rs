//! Passkeys: what a page hands to `navigator.credentials`, in the JSON of `WebAuthn` Level 3 (section 5.1), whose
//! members are in camel case.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{
    factors::{
        passkey::{KnownCredential, PasskeyCreation, PasskeyRequest},
        relying_party::TIMEOUT,
    },
    sign_in::passkey::PasskeyAsked,
};

const PUBLIC_KEY: &str = "public-key";
const REQUIRED: &str = "required";

/// What makes a passkey.
#[derive(Serialize, ToSchema)]
pub struct PasskeyEnrolment {
    /// For `PublicKeyCredential.parseCreationOptionsFromJSON()`.
    pub public_key: CreationOptions,
}

/// What signs in by a passkey, with no name said.
#[derive(Serialize, ToSchema)]
pub struct PasskeySignIn {
    pub mfa_token: String,
    /// In seconds.
    pub expires_in: u64,
    /// For `PublicKeyCredential.parseRequestOptionsFromJSON()`.
    pub public_key: RequestOptions,
}

/// `PublicKeyCredentialCreationOptionsJSON`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreationOptions {
    pub rp: PasskeyDomain,
    pub user: PasskeyUser,
    pub challenge: String,
    pub pub_key_cred_params: Vec<PasskeyAlgorithm>,
    /// In milliseconds.
    pub timeout: u128,
    pub exclude_credentials: Vec<CredentialDescriptor>,
    pub authenticator_selection: AuthenticatorSelection,
    /// `none`.
    pub attestation: &'static str,
}

/// `PublicKeyCredentialRequestOptionsJSON`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestOptions {
    pub challenge: String,
    /// In milliseconds.
    pub timeout: u128,
    pub rp_id: String,
    /// One of these; none: any that is discoverable.
    pub allow_credentials: Vec<CredentialDescriptor>,
    /// `required`.
    pub user_verification: &'static str,
}

/// The domain that the passkey is of.
#[derive(Serialize, ToSchema)]
pub struct PasskeyDomain {
    pub id: String,
    pub name: String,
}

/// Whose it is, as authenticators know them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyUser {
    pub id: String,
    pub name: String,
    pub display_name: String,
}

/// One that the server takes.
#[derive(Serialize, ToSchema)]
pub struct PasskeyAlgorithm {
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// As COSE numbers it (RFC 9053).
    pub alg: i64,
}

/// A credential that there is.
#[derive(Debug, Serialize, ToSchema)]
pub struct CredentialDescriptor {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transports: Vec<String>,
}

/// `required`, all of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticatorSelection {
    pub resident_key: &'static str,
    pub require_resident_key: bool,
    pub user_verification: &'static str,
}

/// The origins whose pages may use the passkeys of one domain.
#[derive(Serialize, ToSchema)]
pub struct RelatedOrigins {
    pub origins: Vec<String>,
}

impl From<PasskeyCreation> for PasskeyEnrolment {
    fn from(asked: PasskeyCreation) -> Self {
        let PasskeyCreation { challenge, domain, user, name, algorithms, exclude } = asked;
        let algorithms = algorithms.into_iter().map(|alg| PasskeyAlgorithm { kind: PUBLIC_KEY, alg });
        let id = URL_SAFE_NO_PAD.encode(user.uuid());
        Self {
            public_key: CreationOptions {
                rp: PasskeyDomain { id: domain.clone(), name: domain },
                user: PasskeyUser { id, name: name.clone(), display_name: name },
                challenge,
                pub_key_cred_params: algorithms.collect(),
                timeout: TIMEOUT.as_millis(),
                exclude_credentials: exclude.into_iter().map(CredentialDescriptor::from).collect(),
                authenticator_selection: AuthenticatorSelection {
                    resident_key: REQUIRED,
                    require_resident_key: true,
                    user_verification: REQUIRED,
                },
                attestation: "none",
            },
        }
    }
}

impl From<PasskeyRequest> for RequestOptions {
    fn from(asked: PasskeyRequest) -> Self {
        let PasskeyRequest { challenge, domain, allow } = asked;
        Self {
            challenge,
            timeout: TIMEOUT.as_millis(),
            rp_id: domain,
            allow_credentials: allow.into_iter().map(CredentialDescriptor::from).collect(),
            user_verification: REQUIRED,
        }
    }
}

impl From<PasskeyAsked> for PasskeySignIn {
    fn from(asked: PasskeyAsked) -> Self {
        Self {
            mfa_token: asked.token.expose().to_owned(),
            expires_in: asked.expires_in.as_secs(),
            public_key: asked.request.into(),
        }
    }
}

impl From<KnownCredential> for CredentialDescriptor {
    fn from(known: KnownCredential) -> Self {
        Self { kind: PUBLIC_KEY, id: URL_SAFE_NO_PAD.encode(known.id), transports: known.transports }
    }
}
