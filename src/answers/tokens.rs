//! What a sign-in, a refresh or a step-up hands out.

use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{sign_in::login::SessionGrant, step_up::StepUpGrant, tokens::issue::TokenSet};

const BEARER: &str = "Bearer";

/// Tokens, in the members of RFC 6749 section 5.1 and our own.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    pub access_token: String,
    pub token_type: &'static str,
    pub expires_in: u64,
    /// Not where a cookie holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    pub refresh_expires_in: u64,
    pub session_id: String,
}

/// A session without tokens: a cookie holds all there is.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenedSession {
    pub session_id: String,
    pub session_expires_in: u64,
}

/// What came of a sign-in.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SignedIn {
    Tokens(Tokens),
    Session(OpenedSession),
}

/// A session that was stepped up, and what its tokens or its cookie say from now on (RFC 9470).
#[derive(Serialize, ToSchema)]
pub struct SteppedUpSession {
    /// Not of a session without tokens. The refresh token stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    pub session_id: String,
    pub session_expires_in: u64,
    /// `2` = two factors.
    pub acr: &'static str,
    /// Words of RFC 8176.
    pub amr: Vec<&'static str>,
    /// In seconds since 1970.
    pub auth_time: i64,
}

impl Tokens {
    /// Without the refresh token, which a cookie holds.
    #[must_use]
    pub fn beside_cookie(issued: TokenSet) -> Self {
        Self {
            access_token: issued.access_token,
            token_type: BEARER,
            expires_in: issued.expires_in.as_secs(),
            refresh_token: None,
            refresh_expires_in: issued.refresh_expires_in.as_secs(),
            session_id: issued.session.to_string(),
        }
    }

    #[must_use]
    pub fn whole(issued: TokenSet) -> Self {
        let refresh_token = Some(issued.refresh_token.expose().to_owned());
        Self { refresh_token, ..Self::beside_cookie(issued) }
    }
}

impl From<&SessionGrant> for OpenedSession {
    fn from(granted: &SessionGrant) -> Self {
        Self {
            session_id: granted.token.session().to_string(),
            session_expires_in: granted.expires_in.as_secs(),
        }
    }
}

impl From<StepUpGrant> for SteppedUpSession {
    fn from(granted: StepUpGrant) -> Self {
        let StepUpGrant { session, auth, life, access } = granted;
        let expires_in = access.as_ref().map(|access| access.expires_in.as_secs());
        Self {
            token_type: access.as_ref().map(|_| BEARER),
            access_token: access.map(|access| access.token),
            expires_in,
            session_id: session.to_string(),
            session_expires_in: life.as_secs(),
            acr: auth.acr(),
            amr: auth.amr.words().collect(),
            auth_time: auth.at.secs(),
        }
    }
}
