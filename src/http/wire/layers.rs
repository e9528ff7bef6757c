//! What every answer has, whichever route it comes from: a request id, `nosniff`, a problem for an
//! unknown path, a wrong method or a panic, and its place in the metrics.

use std::any::Any;

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use metrics::Counter;
use tower::ServiceBuilder;
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};
use uuid::Uuid;

use super::{cause::Cause, occasion::RequestId, problem::Problem};
use crate::{domain::random, http::Shared};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A longer id from outside is replaced: it goes into the log and the answer.
const REQUEST_ID_MAX: usize = 128;

/// Answers an unknown path or a wrong method with a problem.
pub fn problems(routes: Router<Shared>) -> Router<Shared> {
    wrong_methods(routes).fallback(|| async { Problem::not_found() })
}

/// The wrong method alone, for routes that are merged with others: only one of them knows unknown paths.
pub fn wrong_methods(routes: Router<Shared>) -> Router<Shared> {
    routes.method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
}

/// Puts the layers on all that a listener answers.
pub fn common(routes: Router<Shared>) -> Router<Shared> {
    routes.layer(
        ServiceBuilder::new()
            .layer(from_fn(identify))
            .layer(from_fn(count))
            // Whoever may be told may not be who asks next; what is for everybody says so itself.
            .layer(SetResponseHeaderLayer::if_not_present(
                header::CACHE_CONTROL,
                HeaderValue::from_static("no-store"),
            ))
            .layer(CatchPanicLayer::custom(after_panic)),
    )
}

/// Every answer carries the request's id.
async fn identify(mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    finish(&mut response, id);
    response
}

/// The id a request came with, if it is presentable, or a new one.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    headers.get(&REQUEST_ID).filter(|id| is_presentable(id)).cloned().unwrap_or_else(new_id)
}

/// The last thing that becomes of an answer: what failed below it is logged, here and nowhere else, and
/// it says which request it is for.
pub fn finish(response: &mut Response, id: HeaderValue) {
    if let Some(cause) = response.extensions().get::<Cause>() {
        cause.log(&id);
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

/// Counts requests by route and status; never by path, which is the client's to choose.
async fn count(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    let route = route.unwrap_or_else(|| "none".to_owned());
    counter(route, response.status()).increment(1);
    response
}

/// How many requests a route has answered in that way.
pub fn counter(route: String, status: StatusCode) -> Counter {
    let status = status.as_str().to_owned();
    metrics::counter!("keyward_http_requests_total", "route" => route, "status" => status)
}

/// A panic is a defect; its message may hold anything, so it is not repeated.
fn after_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::internal().into_response()
}
