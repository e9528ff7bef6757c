//! Where a browser's request comes from: which origins may read answers (CORS, the Fetch standard),
//! and which may change state with a cookie.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::problem::{Hidden, Problem};
use crate::{
    auth::error::AuthError,
    domain::app::{App, AppName},
    http::Shared,
};

/// How long a browser may remember the answer to a preflight, in seconds.
const PREFLIGHT_MAX_AGE: &str = "600";
const METHODS: &str = "GET, POST, PATCH, DELETE";
const REQUEST_HEADERS: &str = "Authorization, Content-Type, DPoP, X-Request-Id";
/// By `Date` a page whose clock is wrong makes proofs that are of now.
const RESPONSE_HEADERS: &str =
    "WWW-Authenticate, Retry-After, Date, RateLimit, RateLimit-Policy, X-Request-Id";

/// Answers preflights of registered origins, and lets those origins read every answer, with
/// credentials; never `*`, never `null`. What a cookie opens is for the pages of its own app: others
/// do not even read that they were refused, which would say that somebody is signed in.
pub async fn cors(State(http): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = answer(&http, request, next).await;
    let headers = response.headers_mut();
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    response
}

/// The same without credentials, where no cookie counts.
pub async fn cors_without_cookies(State(http): State<Shared>, request: Request, next: Next) -> Response {
    answer(&http, request, next).await
}

async fn answer(http: &Shared, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed = match &origin {
        Some(origin) => is_registered(http, origin).await,
        None => Ok(false),
    };
    let mut response = match allowed {
        Ok(allowed) if is_preflight(request.method(), request.headers()) => preflight(allowed),
        _ => next.run(request).await,
    };
    let hidden = response.extensions().get::<Hidden>().is_some();
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let (Some(origin), Ok(true), false) = (origin, allowed, hidden) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static(RESPONSE_HEADERS);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    response
}

/// Refuses what would use a cookie of the app from elsewhere.
///
/// # Errors
/// 403 `cross_site`, which no other page reads; or the store's.
pub async fn require_own(http: &Shared, headers: &HeaderMap, app: &AppName) -> Result<(), Problem> {
    if is_own(http, headers, app).await? { Ok(()) } else { Err(Problem::cross_site().hidden()) }
}

/// Refuses to make a cookie of the app for a page from elsewhere. There is none yet to be told of.
///
/// # Errors
/// 403 `cross_site`; or the store's.
pub async fn require_own_page(http: &Shared, headers: &HeaderMap, app: &AppName) -> Result<(), Problem> {
    if is_own(http, headers, app).await? { Ok(()) } else { Err(Problem::cross_site()) }
}

/// The origin must be the server's own or one of the app's; where a browser sends none, it must vouch
/// for the same origin.
async fn is_own(http: &Shared, headers: &HeaderMap, app: &AppName) -> Result<bool, AuthError> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin"));
    };
    if *origin == http.own_origin.as_str() {
        return Ok(true);
    }
    Ok(http.auth.app(app).await?.is_some_and(|app| has(&app, origin)))
}

fn has(app: &App, origin: &HeaderValue) -> bool {
    app.origins.iter().any(|allowed| *origin == allowed.as_str())
}

async fn is_registered(http: &Shared, origin: &HeaderValue) -> Result<bool, AuthError> {
    Ok(http.auth.apps().await?.iter().any(|app| has(app, origin)))
}

fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Says yes to a registered origin; says nothing to another, which is a no.
fn preflight(allowed: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if allowed {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_MAX_AGE));
    }
    response
}
