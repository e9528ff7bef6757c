//! The span of a request: each line that is logged meanwhile says which request it is of. What a client chose is in it
//! only as far as it is bounded: an id, a method, a route of ours; never a path, a query or a header.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use tracing::{Span, field::Empty};

use super::forwarded;
use crate::{domain::trace_context::TraceParent, http::Http};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Makes a span a part of the trace that its request belongs to.
pub type JoinTrace = fn(&Span, &TraceParent);

/// Of a request that is routed. On whatever level lines are logged, they belong to it.
pub fn of_request(http: &Http, id: &HeaderValue, about: &About<'_>) -> Span {
    let span = tracing::error_span!(
        "request",
        request.id = id.to_str().unwrap_or_default(),
        http.request.method = method(about.method),
        http.route = about.route,
        http.response.status_code = Empty,
        trace.id = Empty
    );
    join(http, &span, about);
    span
}

/// Of a check: filtered out where `log.level` is not `debug` and no traces are exported, and then it costs nothing.
pub fn of_check(http: &Http, about: &About<'_>) -> Span {
    let span = tracing::debug_span!(
        "check",
        request.id = Empty,
        http.request.method = method(about.method),
        http.route = about.route,
        http.response.status_code = Empty,
        trace.id = Empty
    );
    join(http, &span, about);
    span
}

/// Says which request a check is, once that is known.
pub fn name_check(span: &Span, id: &HeaderValue) {
    if !span.is_disabled() {
        span.record("request.id", id.to_str().unwrap_or_default());
    }
}

fn join(http: &Http, span: &Span, about: &About<'_>) {
    if span.is_disabled() {
        return;
    }
    let Some(parent) = parent(http, about) else { return };
    span.record("trace.id", tracing::field::display(&parent));
    (http.join_trace)(span, &parent);
}

/// What a trusted proxy says: who may choose a trace may have it kept.
fn parent(http: &Http, about: &About<'_>) -> Option<TraceParent> {
    let mut lines = about.headers.get_all(&TRACEPARENT).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let is_believed = forwarded::is_trusted(about.peer?.to_canonical(), &http.trusted_proxies);
    TraceParent::parse(line.to_str().ok()?).filter(|_| is_believed)
}

/// What a span says of its request.
pub struct About<'a> {
    pub headers: &'a HeaderMap,
    pub method: &'a Method,
    pub route: &'static str,
    pub peer: Option<IpAddr>,
}

/// A method, if it is one that servers know: a client may send any word.
fn method(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    known.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}
