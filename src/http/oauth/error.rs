//! Errors as OAuth speaks them (RFC 6749 section 5.2): JSON with `error` and `error_description`, never
//! a problem. An outage is never `invalid_grant`: a client that reads that throws its session away.

use std::borrow::Cow;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    answers::OAuthProblem,
    auth::error::AuthError,
    domain::key_proof::KeyProofFault,
    http::wire::{body::Json, cause::Cause, challenge::Challenge, problem::Problem},
};

#[derive(Debug)]
pub struct OAuthError {
    status: StatusCode,
    error: &'static str,
    /// ASCII without quotes and backslashes, as the standard asks.
    description: Cow<'static, str>,
    challenge: Option<Challenge>,
    retry_after: Option<u64>,
    cause: Option<Cause>,
}

impl OAuthError {
    fn new(status: StatusCode, error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        Self { status, error, description, challenge: None, retry_after: None, cause: None }
    }

    /// 400: a parameter is missing, repeated or malformed.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// 401: not a client, or not with this secret. Who tried with the header is challenged for it.
    pub fn invalid_client(in_header: bool) -> Self {
        let description = "the client is unknown, or did not show its secret as it should";
        let error = Self::new(StatusCode::UNAUTHORIZED, "invalid_client", description);
        Self { challenge: in_header.then_some(Challenge::App), ..error }
    }

    /// 400: one answer for a refresh token that is unknown, over, replaced or another client's.
    pub fn invalid_grant() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_grant", "the refresh token is not valid")
    }

    /// 400: the session's key is not proved, or by nothing that is a proof (RFC 9449 section 5).
    pub fn invalid_proof(fault: KeyProofFault) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_dpop_proof", fault.to_string())
    }

    /// 400: not a grant of ours.
    pub fn unsupported_grant_type() -> Self {
        let description = "the only grant type is refresh_token";
        Self::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", description)
    }

    /// 400: more was asked for than was ever granted.
    pub fn invalid_scope() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", "no scope was granted")
    }

    pub fn wrong_method() -> Self {
        Self::from(Problem::method_not_allowed())
    }
}

impl From<Problem> for OAuthError {
    fn from(problem: Problem) -> Self {
        let status = problem.status();
        let error = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request",
        };
        let description = problem.detail().to_owned();
        let (retry_after, cause) = (problem.retry_after(), problem.cause().cloned());
        Self { retry_after, cause, ..Self::new(status, error, description) }
    }
}

impl From<AuthError> for OAuthError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::RefreshInvalid
            | AuthError::RefreshExpired
            | AuthError::RefreshReused
            | AuthError::SessionEnded(_) => Self::invalid_grant(),
            AuthError::Unproved(fault) => Self::invalid_proof(fault),
            other => Problem::from(other).into(),
        }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = OAuthProblem { error: self.error, error_description: self.description.into_owned() };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(cause);
        }
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge.header());
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
