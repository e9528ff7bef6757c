//! OAuth's own answers: errors (RFC 6749 section 5.2), introspection (RFC 7662), metadata (RFC 8414).

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{claims::AccessClaims, user::Role},
    keys::claims::Audiences,
};

/// An error in OAuth's words.
#[derive(Debug, Serialize, ToSchema)]
pub struct OAuthProblem {
    pub error: &'static str,
    pub error_description: String,
}

/// What an access token says, where it is good now.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Introspection {
    Active(Box<ActiveToken>),
    /// Not even why is told.
    Inactive(InactiveToken),
}

/// All that is told of a token that is not valid now.
#[derive(Debug, Serialize, ToSchema)]
pub struct InactiveToken {
    active: bool,
}

/// The members of RFC 7662 section 2.2, and our own after them.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActiveToken {
    pub active: bool,
    pub iss: String,
    pub sub: String,
    pub aud: IntendedFor,
    pub client_id: String,
    pub username: String,
    pub token_type: &'static str,
    /// In seconds since the epoch, as `iat`.
    pub exp: i64,
    pub iat: i64,
    pub jti: String,
    pub sid: String,
    pub roles: Vec<String>,
    /// The sign-in, as in the token (RFC 9470 section 6.2).
    pub auth_time: i64,
    #[schema(value_type = Vec<String>)]
    pub amr: Vec<&'static str>,
    pub acr: &'static str,
    /// The key that the session is bound to, if it is (RFC 9449 section 6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<ConfirmedKey>,
}

/// What names a key.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfirmedKey {
    /// Its thumbprint (RFC 7638), by SHA-256.
    pub jkt: String,
}

/// A text, or a list where there are several (RFC 7519 section 4.1.3).
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum IntendedFor {
    One(String),
    Several(Vec<String>),
}

impl From<Audiences<'_>> for IntendedFor {
    fn from(audiences: Audiences<'_>) -> Self {
        match audiences {
            Audiences::One(one) => Self::One(one.to_owned()),
            Audiences::Two(two) => Self::Several(two.map(str::to_owned).into()),
        }
    }
}

impl Introspection {
    /// Of a token that is not valid now.
    #[must_use]
    pub const fn inactive() -> Self {
        Self::Inactive(InactiveToken { active: false })
    }

    /// Of a token that the issuer gave out for the audience.
    #[must_use]
    pub fn active(claims: &AccessClaims, issuer: &str, audience: &str) -> Self {
        Self::Active(Box::new(ActiveToken {
            active: true,
            iss: issuer.to_owned(),
            sub: claims.principal.to_string(),
            aud: Audiences::of(audience, claims.audience.as_ref()).into(),
            client_id: claims.app.as_str().to_owned(),
            username: claims.username.clone(),
            token_type: "Bearer",
            exp: claims.expires_at.secs(),
            iat: claims.issued_at.secs(),
            jti: claims.id.to_string(),
            sid: claims.session.to_string(),
            roles: claims.roles.iter().map(Role::as_str).map(str::to_owned).collect(),
            auth_time: claims.auth.at.secs(),
            amr: claims.auth.amr.words().collect(),
            acr: claims.auth.acr(),
            cnf: claims.bound_to.map(|key| ConfirmedKey { jkt: key.to_string() }),
        }))
    }
}

/// What a client that knows only the issuer needs to find the rest. It lists what works and nothing else.
#[derive(Debug, Serialize, ToSchema)]
pub struct Metadata {
    pub issuer: String,
    pub jwks_uri: String,
    pub token_endpoint: String,
    #[schema(value_type = Vec<String>)]
    pub token_endpoint_auth_methods_supported: [&'static str; 3],
    #[schema(value_type = Vec<String>)]
    pub grant_types_supported: [&'static str; 1],
    /// Required, and empty: there is no authorization endpoint.
    #[schema(value_type = Vec<String>)]
    pub response_types_supported: [&'static str; 0],
    pub revocation_endpoint: String,
    #[schema(value_type = Vec<String>)]
    pub revocation_endpoint_auth_methods_supported: [&'static str; 3],
    pub introspection_endpoint: String,
    #[schema(value_type = Vec<String>)]
    pub introspection_endpoint_auth_methods_supported: [&'static str; 2],
    /// What proofs of a key may be signed with (RFC 9449 section 5.1).
    #[schema(value_type = Vec<String>)]
    pub dpop_signing_alg_values_supported: [&'static str; 3],
}
