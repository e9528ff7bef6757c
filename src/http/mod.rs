//! How it is spoken: `endpoints` is the table of all that is answered, and on this page is what each
//! listener makes of it, layer by layer. A handler extracts, calls one verb of `auth/`, and answers with a
//! type of `answers/`.

mod admin;
pub mod api;
mod app_sessions;
mod check;
mod document;
pub mod endpoints;
mod oauth;
pub mod openapi;
pub mod server;
pub mod wire;

use std::sync::{Arc, atomic::AtomicBool};

use axum::{Extension, Router, middleware::from_fn_with_state};

use self::{
    admin::host,
    check::ext_authz,
    document::Documents,
    endpoints::Surface,
    oauth::metadata,
    openapi::ApiPart,
    wire::{layers, origin},
};
pub use self::{
    admin::host::AdminHosts,
    check::{front::ListenerService, meter::CheckMeter},
    server::seats::Room,
    wire::{cookies::Cookies, proxies::TrustedProxies, span::JoinTrace},
};
use crate::auth::Auth;

pub struct Http {
    pub auth: Arc<Auth>,
    /// Proxies whose word on the client's address is believed.
    pub trusted_proxies: TrustedProxies,
    /// How cookies are called and guarded.
    pub cookies: Cookies,
    /// The origin of the server itself.
    pub own_origin: String,
    /// What the admin listener may be called.
    pub admin_hosts: AdminHosts,
    /// Renders the metrics in Prometheus text format.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// What checks are counted by.
    pub checks: CheckMeter,
    /// How spans are joined to traces.
    pub join_trace: JoinTrace,
    /// Whether the server is about to stop.
    pub draining: Arc<AtomicBool>,
}

type Shared = Arc<Http>;

/// The public listener: the check at `/v1/check` and below it, and what follows.
pub fn public(http: &Shared) -> ListenerService {
    let api = routed(Surface::Api).merge(routed(Surface::Probe));
    // Browsers are told who may read an answer, whatever it is; the check has rules of its own.
    let api = layers::problems(api).layer(from_fn_with_state(Arc::clone(http), origin::cors));
    let oauth = oauth_errors(Surface::OAuth).merge(metadata(http)).merge(documents(http, ApiPart::Public));
    let oauth = oauth.layer(from_fn_with_state(Arc::clone(http), origin::cors_without_cookies));
    let all = api.merge(oauth).merge(oauth_errors(Surface::OAuthOfServers));
    ListenerService::with_check(
        http,
        layers::common(http, endpoints::known, all).with_state(Arc::clone(http)),
    )
}

/// The management listener: probes and metrics.
#[must_use]
pub fn management(http: &Shared) -> ListenerService {
    let routes = routed(Surface::Probe).merge(routed(Surface::Management));
    ListenerService::without_check(
        http,
        layers::common(http, endpoints::known, layers::problems(routes)).with_state(Arc::clone(http)),
    )
}

/// The admin listener: the admin API and its document, for no page of another origin, and nothing else.
#[must_use]
pub fn admin(http: &Shared) -> ListenerService {
    let routes = layers::problems(routed(Surface::Admin)).merge(documents(http, ApiPart::Admin));
    let routes = routes.layer(from_fn_with_state(Arc::clone(http), host::guard));
    ListenerService::without_check(
        http,
        layers::common(http, endpoints::known, routes).with_state(Arc::clone(http)),
    )
}

/// The check listener. Whatever the path, the answer is the check's: a gateway that is told the
/// wrong prefix refuses everything instead of letting it in.
#[must_use]
pub fn check_only(http: &Shared) -> ListenerService {
    ListenerService::check_only(http)
}

/// The listener for gateways that ask by gRPC, in the manner of Envoy's `ext_authz`.
#[must_use]
pub fn ext_authz(http: &Shared) -> ListenerService {
    let routes = ext_authz::nothing_else(routed(Surface::ExtAuthz));
    ListenerService::without_check(http, routes.with_state(Arc::clone(http)))
}

fn routed(surface: Surface) -> Router<Shared> {
    endpoints::routes(surface).fold(Router::new(), |router, route| router.route(route.path, route.answer))
}

fn oauth_errors(surface: Surface) -> Router<Shared> {
    routed(surface).method_not_allowed_fallback(oauth::wrong_method)
}

/// The metadata, at each place where a client looks for it.
fn metadata(http: &Shared) -> Router<Shared> {
    let issuer = http.auth.keys().issuer();
    let with_path = metadata::places_with_path(issuer);
    let routes = with_path.iter().zip(endpoints::routes(Surface::Metadata));
    let routes =
        routes.fold(routed(Surface::Metadata), |router, (place, route)| router.route(place, route.answer));
    layers::wrong_methods(routes).layer(Extension(metadata::prepared(issuer)))
}

/// What describes the API of a listener. It is made when somebody asks for the first time.
fn documents(http: &Shared, part: ApiPart) -> Router<Shared> {
    let cookies = http.cookies.clone();
    let url = match part {
        ApiPart::Public => http.auth.keys().issuer().to_owned(),
        // It may be reached by any name that it answers to.
        ApiPart::Admin => "/".to_owned(),
    };
    let documents = Documents::of(move || openapi::prepared(part, &url, &cookies));
    layers::wrong_methods(routed(Surface::Document)).layer(Extension(documents))
}
