//! The check, for gateways: 200, 401, 403, 429 or 503 and nothing else, whatever the method, path or
//! body. On 200 every identity header is set, so that a gateway overwrites what a client sent.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::{
    Shared, caller,
    problem::{Challenge, Problem},
    rate::{RATE, RATE_POLICY, rate},
};
use crate::{auth::check::Passed, domain::identity::Identity};

/// What is told of the caller, in the order of [`Identity`]'s fields.
static IDENTITY: [HeaderName; 5] = [
    HeaderName::from_static("x-auth-user"),
    HeaderName::from_static("x-auth-username"),
    HeaderName::from_static("x-auth-session"),
    HeaderName::from_static("x-auth-app"),
    HeaderName::from_static("x-auth-roles"),
];
/// How many headers there is room for at once: all that an answer gets.
const HEADERS: usize = 12;

/// What the gateway asks for in the query; anything else there is the client's and ignored.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted<'a> {
    roles: Vec<Cow<'a, str>>,
    deny_with_403: bool,
    allow_preflight: bool,
}

/// Answers a check; `policy` is the limit of every session, ready to be told. The body stays behind: it
/// is not read, however long it is said to be.
pub async fn check(http: &Shared, policy: &HeaderValue, asked: &Parts) -> Response {
    let wanted = Wanted::parse(asked.uri.query().unwrap_or(""));
    if wanted.allow_preflight && is_preflight(&asked.method, &asked.headers) {
        return let_in(&Identity::default());
    }
    match decide(http, asked, &wanted).await {
        Ok(passed) => let_through(policy, &passed),
        Err(problem) => refuse(problem, wanted.deny_with_403),
    }
}

async fn decide(http: &Shared, asked: &Parts, wanted: &Wanted<'_>) -> Result<Passed, Problem> {
    let reported = reported_method(&asked.headers);
    let safe = caller::is_safe(&asked.method) && reported.is_none_or(|method| caller::is_safe(&method));
    let caller = caller::identify(http, &asked.headers, safe).await?;
    Ok(http.auth.admit(caller, &wanted.roles).await?)
}

/// The client's method, where the gateway asks with one of its own.
fn reported_method(headers: &HeaderMap) -> Option<Method> {
    Method::from_bytes(headers.get("x-forwarded-method")?.as_bytes()).ok()
}

impl<'a> Wanted<'a> {
    fn parse(query: &'a str) -> Self {
        let mut wanted = Self::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match (name, value) {
                ("role", role) => {
                    wanted.roles.push(percent_encoding::percent_decode_str(role).decode_utf8_lossy());
                }
                ("deny", "403") => wanted.deny_with_403 = true,
                ("preflight", "allow") => wanted.allow_preflight = true,
                _ => {}
            }
        }
        wanted
    }
}

/// A CORS preflight, asked directly or by a gateway that reports the client's method.
fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    (method == Method::OPTIONS || reported_method(headers) == Some(Method::OPTIONS))
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn let_through(policy: &HeaderValue, passed: &Passed) -> Response {
    let mut response = let_in(passed.caller.identity());
    let headers = response.headers_mut();
    headers.insert(RATE_POLICY, policy.clone());
    headers.insert(RATE, rate(&passed.rate));
    response
}

fn let_in(identity: &Identity) -> Response {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    let Identity { user, username, session, app, roles } = identity;
    for (name, value) in IDENTITY.iter().zip([user, username, session, app, roles]) {
        let value = HeaderValue::from_maybe_shared(value.clone());
        headers.insert(name, value.unwrap_or(HeaderValue::from_static("")));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = headers;
    response
}

/// Gateways know 401, 403, 429 and 503; a defect here must not look like anything a client can mend.
pub fn refuse(problem: Problem, deny_with_403: bool) -> Response {
    let status = match problem.status() {
        StatusCode::TOO_MANY_REQUESTS if deny_with_403 => StatusCode::FORBIDDEN,
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) => status,
        // A credential that cannot be read is none that passes.
        StatusCode::BAD_REQUEST => StatusCode::UNAUTHORIZED,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let reason = HeaderValue::from_static(problem.code());
    let mut response = problem.with_status(status).into_response();
    let headers = response.headers_mut();
    headers.insert("x-auth-reason", reason);
    if status == StatusCode::UNAUTHORIZED {
        headers.entry(header::WWW_AUTHENTICATE).or_insert(Challenge::Invalid.header());
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.entry(header::RETRY_AFTER).or_insert(HeaderValue::from_static("1"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_is_a_status_that_gateways_know() {
        let answer = refuse(Problem::internal(), false);
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn only_the_gateways_parameters_are_read() {
        let wanted = Wanted::parse("x=1&role=admin&access_token=e30&role=a%3Ab&deny=403&preflight=allow&&=");
        let roles = vec!["admin".into(), "a:b".into()];
        assert_eq!(wanted, Wanted { roles, deny_with_403: true, allow_preflight: true });
        assert_eq!(Wanted::parse("deny=404&preflight=1&roles=admin"), Wanted::default());
    }
}
