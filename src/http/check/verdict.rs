//! What the check decides, whatever protocol asks: in, with who it is, or out, with why. There is no
//! third verdict and no default, so that nothing is let in by leaving something out.

use std::{borrow::Cow, time::Instant};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    auth::{check::Passed, error::RateState},
    domain::{auth_context::WantedSignIn, identity::Identity},
    http::{
        Shared,
        wire::{
            caller::{self, Pages},
            cause::Cause,
            challenge::Challenge,
            problem::Problem,
        },
    },
};

/// Says who is let in, in the order of [`Identity`]'s fields; a gateway overwrites with all of them what
/// a client sent.
pub static IDENTITY: [HeaderName; 5] = [
    HeaderName::from_static("x-auth-user"),
    HeaderName::from_static("x-auth-username"),
    HeaderName::from_static("x-auth-session"),
    HeaderName::from_static("x-auth-app"),
    HeaderName::from_static("x-auth-roles"),
];

/// What the gateway asks for; what opens a door never comes from the client.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Each must be there.
    pub roles: Vec<Cow<'a, str>>,
    /// How they must have signed in.
    pub sign_in: WantedSignIn,
    /// Say 403 where it would be 429.
    pub deny_with_403: bool,
    /// Let a CORS preflight in.
    pub allow_preflight: bool,
}

/// The client's request, as far as the check looks at it.
#[derive(Debug)]
pub struct Asked<'a> {
    pub headers: &'a HeaderMap,
    /// What its method may do.
    pub effect: Effect,
}

/// What a method may do, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// OPTIONS: nothing, and it may be a preflight.
    Options,
    ChangesNothing,
    ChangesState,
}

impl Effect {
    pub fn of(method: &Method) -> Self {
        match method {
            &Method::OPTIONS => Self::Options,
            method if caller::is_safe(method) => Self::ChangesNothing,
            _ => Self::ChangesState,
        }
    }

    /// Of what should be a method; one that cannot be read may do anything.
    pub fn read(method: &[u8]) -> Self {
        Method::from_bytes(method).map_or(Self::ChangesState, |method| Self::of(&method))
    }
}

/// What the gateway is told.
#[derive(Debug)]
pub enum Verdict {
    LetIn {
        /// Who that is; nobody, where it is a preflight.
        identity: Identity,
        /// Where the session stands; a preflight has none.
        rate: Option<RateState>,
    },
    Refused(CheckRefusal),
}

/// What the client is told of a refusal.
#[derive(Debug)]
pub struct CheckRefusal {
    /// One of those that gateways know.
    pub status: StatusCode,
    /// Of the problem (contract 2.3).
    pub code: &'static str,
    pub headers: HeaderMap,
    /// The problem as JSON.
    pub body: Vec<u8>,
    /// What failed below, for the log.
    pub cause: Option<Cause>,
}

impl Verdict {
    pub async fn on(http: &Shared, asked: &Asked<'_>, wanted: &Wanted<'_>) -> Self {
        let began = Instant::now();
        let verdict = Self::decided(http, asked, wanted).await;
        http.checks.note(&verdict, began);
        verdict
    }

    async fn decided(http: &Shared, asked: &Asked<'_>, wanted: &Wanted<'_>) -> Self {
        if wanted.allow_preflight && asked.is_preflight() {
            return Self::LetIn { identity: Identity::default(), rate: None };
        }
        match decide(http, asked, wanted).await {
            Ok(passed) => Self::LetIn { identity: passed.caller.identity().clone(), rate: Some(passed.rate) },
            Err(problem) => Self::Refused(CheckRefusal::of(problem, wanted.deny_with_403)),
        }
    }
}

impl CheckRefusal {
    /// Gateways know 401, 403, 429 and 503; a defect here must not look like anything a client can
    /// mend.
    pub fn of(problem: Problem, deny_with_403: bool) -> Self {
        let status = match problem.status() {
            StatusCode::TOO_MANY_REQUESTS if deny_with_403 => StatusCode::FORBIDDEN,
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) => {
                status
            }
            // A credential that cannot be read is none that passes.
            StatusCode::BAD_REQUEST => StatusCode::UNAUTHORIZED,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let code = problem.code();
        let cause = problem.cause().cloned();
        let (mut headers, body) = problem.with_status(status).spoken();
        headers.insert("x-auth-reason", HeaderValue::from_static(code));
        if status == StatusCode::UNAUTHORIZED {
            headers.entry(header::WWW_AUTHENTICATE).or_insert(Challenge::Invalid.header());
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.entry(header::RETRY_AFTER).or_insert(HeaderValue::from_static("1"));
        }
        Self { status, code, headers, body, cause }
    }
}

impl IntoResponse for CheckRefusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.headers, self.body).into_response();
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

async fn decide(http: &Shared, asked: &Asked<'_>, wanted: &Wanted<'_>) -> Result<Passed, Problem> {
    let pages = if asked.effect == Effect::ChangesState { Pages::Own } else { Pages::All };
    let caller = caller::identify(http, asked.headers, pages).await?;
    let passed = http.auth.admit(caller, &wanted.roles).await?;
    http.auth.require_sign_in(&passed.caller, &wanted.sign_in)?;
    Ok(passed)
}

impl Asked<'_> {
    fn is_preflight(&self) -> bool {
        self.effect == Effect::Options
            && self.headers.contains_key(header::ORIGIN)
            && self.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_is_a_status_that_gateways_know() {
        let refusal = CheckRefusal::of(Problem::internal(), false);
        assert_eq!(refusal.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(refusal.headers.contains_key(header::RETRY_AFTER));
    }
}
