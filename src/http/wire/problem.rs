//! Errors as they are spoken: `application/problem+json` (RFC 9457), built from codes, never from the
//! text of a failure. The failure itself goes along as the cause, for the log.

use std::time::Duration;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    cause::Cause,
    challenge::Challenge,
    rate::{RATE, RATE_POLICY, policy, whole_seconds},
};
use crate::{
    answers::{self, MfaRequired, Readiness},
    auth::{
        error::{AuthError, RateState},
        sign_in::attempt::SecondFactorAsked,
    },
    domain::session::EndReason,
};

/// When a client may come back after a 503.
const RETRY_SOON: Duration = Duration::from_secs(1);
const INTERNAL: &str = "something went wrong here";

/// In the extensions of an answer that no page of another origin is to read.
#[derive(Debug, Clone, Copy)]
pub struct Hidden;

#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Box<str>,
    reason: Option<&'static str>,
    version: Option<u64>,
    challenge: Option<Challenge>,
    retry_after: Option<Duration>,
    rate: Option<Box<RateState>>,
    hidden: Option<Hidden>,
    readiness: Option<Readiness>,
    second_factor: Option<Box<MfaRequired>>,
    cause: Option<Cause>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into().into_boxed_str();
        Self {
            status,
            code,
            detail,
            reason: None,
            version: None,
            challenge: None,
            retry_after: None,
            rate: None,
            hidden: None,
            readiness: None,
            second_factor: None,
            cause: None,
        }
    }

    /// 400: not understood.
    pub fn invalid_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
    }

    /// 401: more or less than one bearer token.
    #[must_use]
    pub fn malformed_credential() -> Self {
        let detail = "exactly one Authorization header with one bearer token is expected";
        let problem = Self::new(StatusCode::UNAUTHORIZED, "token_invalid", detail);
        Self { challenge: Some(Challenge::Malformed), ..problem }
    }

    /// 403: a cookie came along from elsewhere.
    #[must_use]
    pub fn cross_site() -> Self {
        let detail = "a request that uses a cookie must come from this server or an origin of the app";
        Self::new(StatusCode::FORBIDDEN, "cross_site", detail)
    }

    /// 403: for another host than the listener is.
    #[must_use]
    pub fn foreign_host() -> Self {
        let detail = "Host names none of this listener: admin.hosts takes more names";
        Self::new(StatusCode::FORBIDDEN, "cross_site", detail)
    }

    /// 401: not a confidential app with its secret.
    #[must_use]
    pub fn app_credentials() -> Self {
        let detail = "HTTP Basic with the name and the secret of a confidential app is expected";
        let problem = Self::new(StatusCode::UNAUTHORIZED, "invalid_credentials", detail);
        Self { challenge: Some(Challenge::App), ..problem }
    }

    /// 404: no such path, or nothing there.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
    }

    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this method is not for this path")
    }

    #[must_use]
    pub fn payload_too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "a body has at most 64 KiB")
    }

    #[must_use]
    pub fn unsupported_media_type() -> Self {
        let detail = "the body must be application/json";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// 503: to a probe, of a node that is about to stop.
    #[must_use]
    pub fn draining() -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "the server is about to stop");
        Self { retry_after: Some(RETRY_SOON), ..problem }
    }

    /// 500: a defect here.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", INTERNAL)
    }

    /// The code, for a gateway that hands on headers only.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong, in a sentence.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// When to come back, in whole seconds, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        self.retry_after.map(whole_seconds)
    }

    /// What failed below, where that is the problem.
    #[must_use]
    pub const fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// The same, told to no page of another origin.
    #[must_use]
    pub fn hidden(self) -> Self {
        Self { hidden: Some(Hidden), ..self }
    }

    /// 403: the password was right, and by this the client goes on.
    #[must_use]
    pub fn mfa_required(asked: &SecondFactorAsked) -> Self {
        let second_factor = Some(Box::new(MfaRequired::from(asked)));
        Self { second_factor, ..AuthError::SecondFactorRequired.into() }
    }

    /// The same, with what a probe wants to know.
    #[must_use]
    pub fn with_readiness(self, readiness: Readiness) -> Self {
        Self { readiness: Some(readiness), ..self }
    }

    /// The same with another status, for gateways that know only some.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let problem = Self {
            reason: error.reason().map(EndReason::as_str).or(error.is_of_proof().then_some("proof")),
            challenge: Challenge::of(&error),
            retry_after: retry_after(&error),
            ..Self::new(status(&error), error.code(), detail(&error))
        };
        match error {
            AuthError::RateLimited(rate) => Self { rate: Some(Box::new(rate)), ..problem },
            AuthError::VersionMismatch { version } => Self { version: Some(version), ..problem },
            failure @ (AuthError::Store(_)
            | AuthError::Key(_)
            | AuthError::Sealed(_)
            | AuthError::Hasher(_)) => Self { cause: Some(Cause::new(failure)), ..problem },
            _ => problem,
        }
    }
}

/// What a client is told: of a failure below nothing but that there is one.
fn detail(error: &AuthError) -> String {
    match error {
        AuthError::Store(store) if store.is_away() => "a store is away; try again soon".to_owned(),
        AuthError::Store(_) | AuthError::Key(_) | AuthError::Sealed(_) | AuthError::Hasher(_) => {
            INTERNAL.to_owned()
        }
        AuthError::NotFound(_) => "there is no such thing".to_owned(),
        refusal => refusal.to_string(),
    }
}

fn status(error: &AuthError) -> StatusCode {
    match error {
        AuthError::Invalid(_) => StatusCode::BAD_REQUEST,
        AuthError::InvalidCredentials
        | AuthError::TokenMissing
        | AuthError::TokenInvalid
        | AuthError::TokenExpired
        | AuthError::TokenRevoked(_)
        | AuthError::TokenOutdated
        | AuthError::RefreshInvalid
        | AuthError::RefreshExpired
        | AuthError::RefreshReused
        | AuthError::Unproved(_)
        | AuthError::SignInTooOld { .. }
        | AuthError::SignInTooWeak
        | AuthError::SignInUnknown
        | AuthError::SessionEnded(_) => StatusCode::UNAUTHORIZED,
        AuthError::AccountDisabled
        | AuthError::EmailUnconfirmed
        | AuthError::SecondFactorRequired
        | AuthError::BothFactorsNeeded
        | AuthError::MethodNotAccepted
        | AuthError::SignupClosed
        | AuthError::InsufficientRole => StatusCode::FORBIDDEN,
        AuthError::NotFound(_) => StatusCode::NOT_FOUND,
        AuthError::UsernameTaken | AuthError::EmailTaken | AuthError::Conflict(_) => StatusCode::CONFLICT,
        AuthError::LinkSpent => StatusCode::GONE,
        AuthError::VersionMismatch { .. } => StatusCode::PRECONDITION_FAILED,
        AuthError::WeakPassword(_)
        | AuthError::WrongPassword
        | AuthError::WrongCode
        | AuthError::WrongPasskey => StatusCode::UNPROCESSABLE_ENTITY,
        AuthError::RateLimited(_) | AuthError::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
        AuthError::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        AuthError::Store(store) if store.is_away() => StatusCode::SERVICE_UNAVAILABLE,
        AuthError::Store(_) | AuthError::Key(_) | AuthError::Sealed(_) | AuthError::Hasher(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

const fn retry_after(error: &AuthError) -> Option<Duration> {
    match error {
        AuthError::RateLimited(rate) => Some(rate.resets_in),
        AuthError::TooManyAttempts { retry_after } => Some(*retry_after),
        AuthError::Overloaded => Some(RETRY_SOON),
        AuthError::Store(store) if store.is_away() => Some(RETRY_SOON),
        _ => None,
    }
}

impl Problem {
    /// What is sent: the headers, and a body of JSON.
    #[must_use]
    pub fn spoken(self) -> (HeaderMap, Vec<u8>) {
        let body = answers::Problem {
            kind: format!("urn:keyward:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: self.detail.into(),
            code: self.code,
            reason: self.reason,
            version: self.version,
            readiness: self.readiness,
            second_factor: self.second_factor.map(|asked| *asked),
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge.header());
        }
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if let Some(rate) = self.rate {
            headers.insert(RATE_POLICY, policy(rate.limit, rate.window));
            headers.insert(RATE, super::rate::rate(&rate));
        }
        (headers, body)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, hidden, cause) = (self.status, self.hidden, self.cause.clone());
        let (headers, body) = self.spoken();
        let mut response = (status, headers, body).into_response();
        if let Some(hidden) = hidden {
            response.extensions_mut().insert(hidden);
        }
        if let Some(cause) = cause {
            response.extensions_mut().insert(cause);
        }
        response
    }
}
