//! The check, for gateways that speak HTTP: 200, 401, 403, 429 or 503 and nothing else, whatever the
//! method, path or body. On 200 every identity header is set.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::{
    Shared, caller,
    rate::{RATE, RATE_POLICY, rate},
    verdict::{Asked, IDENTITY, Verdict, Wanted},
};
use crate::{auth::error::RateState, domain::identity::Identity};

/// Where the gateway's parameters are read.
const PATH: &str = "/v1/check";
/// How many headers there is room for at once: all that an answer gets.
const HEADERS: usize = 12;

/// Answers a check; `policy` is the limit of every session, ready to be told. The body stays behind: it
/// is not read, however long it is said to be.
pub async fn check(http: &Shared, policy: &HeaderValue, parts: &Parts) -> Response {
    // What a gateway appends to the path ends in the client's query; none of that is for us.
    let query = parts.uri.query().filter(|_| parts.uri.path() == PATH);
    let wanted = wanted(query.unwrap_or(""));
    let reported = reported_method(&parts.headers);
    let asked = Asked {
        headers: &parts.headers,
        is_safe: caller::is_safe(&parts.method) && reported.as_ref().is_none_or(caller::is_safe),
        is_options: parts.method == Method::OPTIONS || reported == Some(Method::OPTIONS),
    };
    match Verdict::on(http, &asked, &wanted).await {
        Verdict::LetIn { identity, rate } => let_in(identity, policy, rate.as_ref()),
        Verdict::Refused(refusal) => refusal.into_response(),
    }
}

/// The client's method, where the gateway asks with one of its own.
fn reported_method(headers: &HeaderMap) -> Option<Method> {
    Method::from_bytes(headers.get("x-forwarded-method")?.as_bytes()).ok()
}

/// The gateway's parameters in the query; anything else there is the client's and ignored.
fn wanted(query: &str) -> Wanted<'_> {
    let mut wanted = Wanted::default();
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

fn let_in(identity: Identity, policy: &HeaderValue, state: Option<&RateState>) -> Response {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    let Identity { user, username, session, app, roles } = identity;
    for (name, value) in IDENTITY.iter().zip([user, username, session, app, roles]) {
        let value = HeaderValue::from_maybe_shared(value);
        headers.insert(name, value.unwrap_or(HeaderValue::from_static("")));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(state) = state {
        headers.insert(RATE_POLICY, policy.clone());
        headers.insert(RATE, rate(state));
    }
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_gateways_parameters_are_read() {
        let given = wanted("x=1&role=admin&access_token=e30&role=a%3Ab&deny=403&preflight=allow&&=");
        let roles = vec!["admin".into(), "a:b".into()];
        assert_eq!(given, Wanted { roles, deny_with_403: true, allow_preflight: true });
        assert_eq!(wanted("deny=404&preflight=1&roles=admin"), Wanted::default());
    }
}
