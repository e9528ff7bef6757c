//! What every answer has, whichever route it comes from: a request id, `nosniff`, a problem for an
//! unknown path, a wrong method or a panic, and its place in the metrics.

use std::{any::Any, net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use tower::ServiceBuilder;
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::{
    cause::Cause,
    occasion::RequestId,
    problem::Problem,
    span::{self, About},
};
use crate::{
    domain::random,
    http::Shared,
    measures::{
        OTHER, STATUSES,
        table::{HTTP_DURATION, HTTP_REQUESTS},
    },
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A longer id from outside is replaced: it goes into the log and the answer.
const REQUEST_ID_MAX: usize = 128;

/// The path of the table of endpoints that is written so.
pub type KnownRoute = fn(&str) -> Option<&'static str>;

/// Answers an unknown path or a wrong method with a problem.
pub fn problems(routes: Router<Shared>) -> Router<Shared> {
    wrong_methods(routes).fallback(|| async { Problem::not_found() })
}

/// The wrong method alone, for routes that are merged with others: only one of them knows unknown paths.
pub fn wrong_methods(routes: Router<Shared>) -> Router<Shared> {
    routes.method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
}

/// Puts the layers on all that a listener answers.
pub fn common(http: &Shared, known: KnownRoute, routes: Router<Shared>) -> Router<Shared> {
    routes.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state((Arc::clone(http), known), identify))
            // Whoever may be told may not be who asks next; what is for everybody says so itself.
            .layer(SetResponseHeaderLayer::if_not_present(
                header::CACHE_CONTROL,
                HeaderValue::from_static("no-store"),
            ))
            .layer(CatchPanicLayer::custom(after_panic)),
    )
}

/// Every answer carries the request's id, and so does every line that is logged on the way; it is counted and timed.
async fn identify(
    State((http, known)): State<(Shared, KnownRoute)>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let (id, route) = (request_id(request.headers()), route(&request, known));
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let about = About { headers: request.headers(), method: request.method(), route, peer };
    let span = span::of_request(&http, &id, &about);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).instrument(span.clone()).await;
    finish(&mut response, id, &span);
    HTTP_REQUESTS.count(&[route, status(response.status())]);
    HTTP_DURATION.histogram(&[route]).record(began.elapsed());
    response
}

/// The id a request came with, if it is presentable, or a new one.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    headers.get(&REQUEST_ID).filter(|id| is_presentable(id)).cloned().unwrap_or_else(new_id)
}

/// The last thing that becomes of an answer: what failed below it is logged, here and nowhere else, and
/// it says which request it is for.
pub fn finish(response: &mut Response, id: HeaderValue, span: &Span) {
    if !span.is_disabled() {
        span.record("http.response.status_code", response.status().as_u16());
    }
    if let Some(cause) = response.extensions().get::<Cause>() {
        span.in_scope(|| cause.log(&id));
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

fn is_presentable(id: &HeaderValue) -> bool {
    !id.is_empty() && id.len() <= REQUEST_ID_MAX && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

fn new_id() -> HeaderValue {
    let mut text = Uuid::encode_buffer();
    let text =
        uuid::Builder::from_random_bytes(random::bytes()).into_uuid().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none"))
}

/// Where a request is counted: by route and never by path, which is the client's to choose.
fn route(request: &Request, known: KnownRoute) -> &'static str {
    let Some(path) = request.extensions().get::<MatchedPath>() else { return "none" };
    // The metadata is also where the path of the issuer has it.
    known(path.as_str()).unwrap_or("metadata")
}

/// A status as a label. Those of the server are few.
fn status(status: StatusCode) -> &'static str {
    STATUSES.iter().find(|known| **known == status.as_str()).map_or(OTHER, |known| known)
}

/// A panic is a defect; its message may hold anything, so it is not repeated.
fn after_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::internal().into_response()
}
