//! The check, for gateways that speak HTTP: 200, 401, 403, 429 or 503 and nothing else, whatever the
//! method, path or body. On 200 every identity header is set.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::verdict::{Asked, Effect, IDENTITY, Verdict, Wanted};
use crate::{
    auth::error::RateState,
    domain::identity::Identity,
    http::{
        Shared,
        wire::rate::{RATE, RATE_POLICY, ReadyPolicy, rate},
    },
};

/// Where the gateway's parameters are read.
pub const PATH: &str = "/v1/check";
/// Where gateways append their client's path.
pub const BELOW: &str = "/v1/check/{*path}";
const REPORTED_METHOD: &str = "x-forwarded-method";
/// How many headers there is room for at once: all that an answer gets.
const HEADERS: usize = 12;

/// Whose word the query at exactly `/v1/check` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// The gateway's: here no gateway works that hands on its client's path as it is.
    Gateway,
    /// Perhaps its client's. It may ask for more than a credential, since only the client suffers by
    /// that; but nothing is let in by it.
    Anybody,
}

/// Answers a check; `policy` tells the limit that it was counted by. The body stays behind: it
/// is not read, however long it is said to be.
pub async fn check(http: &Shared, policy: &ReadyPolicy, asker: Asker, parts: &Parts) -> Response {
    // What a gateway appends to the path ends in the client's query; none of that is for us.
    let query = parts.uri.query().filter(|_| parts.uri.path() == PATH);
    let mut wanted = wanted(query.unwrap_or(""));
    wanted.allow_preflight &= asker == Asker::Gateway;
    let client = Asked { headers: &parts.headers, effect: effect(&parts.method, &parts.headers) };
    match Verdict::on(http, &client, &wanted).await {
        Verdict::LetIn { identity, rate } => let_in(identity, policy, rate.as_ref()),
        Verdict::Refused(refusal) => refusal.into_response(),
    }
}

/// What the client's method may do. A gateway that asks with a GET of its own reports it; beside any
/// other method a report can only add to what that one may do.
fn effect(own: &Method, headers: &HeaderMap) -> Effect {
    let mut reports = headers.get_all(REPORTED_METHOD).iter();
    match (reports.next(), reports.next()) {
        (None, _) => Effect::of(own),
        (Some(report), None) if own == Method::GET => Effect::read(report.as_bytes()),
        (Some(report), None) => Effect::of(own).max(Effect::read(report.as_bytes())),
        // Which of them is the gateway's must not be a guess.
        (Some(_), Some(_)) => Effect::ChangesState,
    }
}

/// The gateway's parameters in the query; others are ignored. One that stands there without a value
/// asks for what nobody has, and opens nothing.
fn wanted(query: &str) -> Wanted<'_> {
    let mut wanted = Wanted::default();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (&*decoded(name), value) {
            ("role", role) => wanted.roles.push(decoded(role)),
            (name @ ("acr" | "max_age"), value) => wanted.sign_in.add(name, &decoded(value)),
            ("deny", "403") => wanted.deny_with_403 = true,
            ("preflight", "allow") => wanted.allow_preflight = true,
            _ => {}
        }
    }
    wanted
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

fn let_in(identity: Identity, policy: &ReadyPolicy, state: Option<&RateState>) -> Response {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    let Identity { user, username, session, app, roles } = identity;
    for (name, value) in IDENTITY.iter().zip([user, username, session, app, roles]) {
        let value = HeaderValue::from_maybe_shared(value);
        headers.insert(name, value.unwrap_or(HeaderValue::from_static("")));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(state) = state {
        headers.insert(RATE_POLICY, policy.of(state));
        headers.insert(RATE, rate(state));
    }
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;
    use crate::domain::auth_context::WantedSignIn;

    #[test]
    fn only_the_gateways_parameters_are_read() {
        let given = wanted("x=1&role=admin&access_token=e30&role=a%3Ab&deny=403&preflight=allow&&=&acr=1");
        let roles = vec!["admin".into(), "a:b".into()];
        assert_eq!(given, Wanted { roles, deny_with_403: true, allow_preflight: true, ..Wanted::default() });
        assert_eq!(wanted("deny=404&preflight=1&roles=admin"), Wanted::default());
    }

    #[test]
    fn what_has_no_value_asks_for_what_nobody_has() {
        assert_eq!(wanted("role&rol%65=").roles, ["", ""]);
        let asked = |parameter, value| {
            let mut asked = WantedSignIn::default();
            asked.add(parameter, value);
            asked
        };
        for (query, parameter) in [("acr", "acr"), ("max_age", "max_age"), ("%61cr=", "acr")] {
            assert_eq!(wanted(query).sign_in, asked(parameter, ""), "{query}");
        }
        assert_eq!(wanted("acr=%32&acr=1").sign_in, asked("acr", "2"));
        assert_eq!(wanted("max_age=300").sign_in, asked("max_age", "300"));
        assert_eq!(wanted("deny&preflight"), Wanted::default());
    }

    #[test]
    fn a_report_never_makes_a_method_harmless() {
        let effect = |own, reports: &[&'static str]| {
            let name = HeaderName::from_static(REPORTED_METHOD);
            let values = reports.iter().map(|report| (name.clone(), HeaderValue::from_static(report)));
            effect(&own, &values.collect())
        };
        assert_eq!(effect(Method::GET, &["OPTIONS"]), Effect::Options);
        assert_eq!(effect(Method::GET, &["DELETE"]), Effect::ChangesState);
        assert_eq!(effect(Method::OPTIONS, &["GET"]), Effect::ChangesNothing);
        for report in ["OPTIONS", "GET", "POST", "", "get"] {
            assert_eq!(effect(Method::POST, &[report]), Effect::ChangesState, "{report}");
            assert_eq!(effect(Method::GET, &[report, report]), Effect::ChangesState, "{report}");
        }
    }
}
