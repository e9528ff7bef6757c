//! How it is spoken: every route and every layer on this page. A handler extracts, calls one verb
//! of `auth/`, and shapes the answer.

mod api;
mod app_sessions;
mod check;
mod oauth;
pub mod wire;

use std::sync::{Arc, atomic::AtomicBool};

use axum::{
    Router,
    http::HeaderMap,
    middleware::from_fn_with_state,
    routing::{delete, get, patch, post, put},
};
use ipnet::IpNet;

pub use self::check::front::Routes;
pub use self::wire::{cookies::Cookies, seats::Room};
use self::{
    api::{account, health, keys, logout, revocations, sessions, tokens},
    app_sessions::{native, rest},
    check::ext_authz,
    wire::{layers, origin},
};
use crate::auth::Auth;

/// What handlers share.
pub struct Http {
    /// The verbs.
    pub auth: Arc<Auth>,
    /// Proxies whose word on the client's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How cookies are called and guarded.
    pub cookies: Cookies,
    /// The origin of the server itself.
    pub own_origin: String,
    /// Renders the metrics in Prometheus text format.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// Whether the server is about to stop.
    pub draining: Arc<AtomicBool>,
}

type Shared = Arc<Http>;

/// The public listener: the check at `/v1/check` and below it, and what follows.
pub fn public(http: &Shared) -> Routes {
    let api = Router::new()
        .route("/v1/login", post(tokens::login))
        .route("/v1/refresh", post(tokens::refresh))
        .route("/v1/logout", post(logout::logout))
        .route("/v1/logout/all", post(logout::logout_all))
        .route("/v1/signup", post(account::signup))
        .route("/v1/me", get(account::me))
        .route("/v1/password", post(account::change_password))
        .route("/v1/revocations", get(revocations::follow))
        .route("/v1/sessions", get(sessions::list))
        .route("/v1/sessions/{id}", delete(sessions::end))
        .route("/.well-known/jwks.json", get(keys::jwks))
        .merge(health::probes())
        .merge(native_sessions())
        .merge(rest_sessions());
    // Browsers are told who may read an answer, whatever it is; the check has rules of its own.
    let api = layers::problems(api).layer(from_fn_with_state(Arc::clone(http), origin::cors));
    let standards = standards(http).layer(from_fn_with_state(Arc::clone(http), origin::cors_without_cookies));
    let confidential = post(oauth::introspect).fallback(oauth::wrong_method);
    let api = api.merge(standards).route("/oauth/introspect", confidential);
    Routes::with_check(http, layers::common(api).with_state(Arc::clone(http)))
}

/// What OAuth's standards name and browsers may ask for too; no cookie counts here.
fn standards(http: &Shared) -> Router<Shared> {
    let issuer = http.auth.keys().issuer();
    let metadata = oauth::Metadata::of(issuer);
    let answer = get(async move |headers: HeaderMap| metadata.answer(&headers));
    let places = oauth::Metadata::places(issuer).into_iter();
    let well_known = places.fold(Router::new(), |routes, place| routes.route(&place, answer.clone()));
    layers::wrong_methods(well_known)
        .route("/oauth/token", post(oauth::token).fallback(oauth::wrong_method))
        .route("/oauth/revoke", post(oauth::revoke).fallback(oauth::wrong_method))
}

/// Sessions of other app servers, in this server's own style.
fn native_sessions() -> Router<Shared> {
    let all = get(native::list).post(native::create).delete(native::end_all);
    let data = patch(native::merge).put(native::replace);
    Router::new()
        .route("/v1/apps/{app}/sessions", all)
        .route("/v1/apps/{app}/sessions/current", get(native::get).delete(native::end))
        .route("/v1/apps/{app}/sessions/current/data", data)
        .route("/v1/apps/{app}/sessions/activity", get(native::activity))
        .route("/v1/apps/{app}/sessions/{id}", delete(native::end_by_id))
}

/// The same in the style of rest-sessions.
fn rest_sessions() -> Router<Shared> {
    Router::new()
        .route("/rest-sessions/ping", get(rest::ping))
        .route("/rest-sessions/{app}/create/{id}", put(rest::create))
        .route("/rest-sessions/{app}/get/{token}", get(rest::get))
        .route("/rest-sessions/{app}/set/{token}", post(rest::set))
        .route("/rest-sessions/{app}/kill/{token}", delete(rest::kill))
        .route("/rest-sessions/{app}/killsoid/{id}", delete(rest::killsoid))
        .route("/rest-sessions/{app}/killall", delete(rest::killall))
        .route("/rest-sessions/{app}/soid/{id}", get(rest::soid))
        .route("/rest-sessions/{app}/soapp", get(rest::soapp))
        .route("/rest-sessions/{app}/activity", get(rest::activity))
}

/// The management listener: probes and metrics.
pub fn management(http: &Shared) -> Routes {
    let routes = health::probes().route("/metrics", get(health::metrics));
    Routes::without_check(http, layers::common(layers::problems(routes)).with_state(Arc::clone(http)))
}

/// The check listener. Whatever the path, the answer is the check's: a gateway that is told the
/// wrong prefix refuses everything instead of letting it in.
#[must_use]
pub fn check_only(http: &Shared) -> Routes {
    Routes::check_only(http)
}

/// The listener for gateways that ask by gRPC, in the manner of Envoy's `ext_authz`.
#[must_use]
pub fn ext_authz(http: &Shared) -> Routes {
    Routes::without_check(http, ext_authz::routes().with_state(Arc::clone(http)))
}
