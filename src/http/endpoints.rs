//! Every endpoint and who may call it, in one table. The routers of the listeners are built from it, so
//! that nothing is answered that is not in it.

use axum::routing::{MethodFilter, MethodRouter, on};

use super::{
    Shared,
    admin::{
        apps, audit, factors as all_factors, keys as signing_keys, sessions as all_sessions, stats, users,
    },
    api::{
        account, activity, email, factors, health, keys, logout, passkeys, reset, revocations, second_factor,
        sessions, step_up, tokens,
    },
    app_sessions::{native, rest},
    check::{self, ext_authz},
    document,
    oauth::{self, metadata},
};
use crate::domain::admin::AdminRole;

/// A method at a path.
pub struct Endpoint {
    pub method: HttpMethod,
    /// With `{name}` where one part may be anything, and `{*name}` where the rest may.
    pub path: &'static str,
    pub caller: MayCall,
    pub surface: Surface,
    /// `None` = it is answered before anything is routed.
    handler: Option<Handler>,
}

type Handler = fn(MethodFilter) -> MethodRouter<Shared>;

/// A request's method. Where GET may be asked, HEAD may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    Any,
    Delete,
    Get,
    Patch,
    Post,
    Put,
}

/// What a caller has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayCall {
    /// Nothing, or what the body holds, such as a password.
    Anyone,
    /// An access token or a session cookie. A cookie from other pages than its app's does not count, as
    /// far as that can do harm.
    Owner,
    /// A refresh token, in the body or the cookie. To sign out any credential will do.
    Holder,
    /// As an OAuth client: a public app its name, a confidential one its secret too.
    Client,
    /// As a confidential app: its name and secret, by HTTP Basic or as OAuth has it.
    App,
    /// Nothing of its own: a gateway asks about what its client shows.
    Gateway,
    /// An access token or a session cookie of a user with this role or one that goes further; or, as a
    /// confidential app with it, its name and secret by HTTP Basic.
    Admin(AdminRole),
}

/// What belongs together: the listener, the form of errors, and which browsers' pages may read answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// The public listener and `server.check_listen`; statuses that gateways know.
    Check,
    /// `server.ext_authz_listen`, by gRPC.
    ExtAuthz,
    /// The public listener; problems; pages of registered origins, with cookies.
    Api,
    /// The same, and the management listener.
    Probe,
    /// The management listener alone; problems.
    Management,
    /// `server.admin_listen` alone; problems; no page of another origin.
    Admin,
    /// The public listener and the admin listener, each its own; problems. At the first, pages of registered
    /// origins, without cookies.
    Document,
    /// The public listener; problems; pages of registered origins, without cookies. Also where the path
    /// of the issuer is before or behind.
    Metadata,
    /// The public listener; OAuth's own errors; pages of registered origins, without cookies.
    OAuth,
    /// The same, for no page.
    OAuthOfServers,
}

use AdminRole::{Full, Read, Support};
use HttpMethod::{Any, Delete, Get, Patch, Post, Put};
use MayCall::{Admin, Anyone, App, Client, Gateway, Holder, Owner};

/// All of them, each on one line.
pub static ENDPOINTS: [Endpoint; 89] = [
    before_routing(Any, check::http::PATH, Gateway, Surface::Check),
    before_routing(Any, check::http::BELOW, Gateway, Surface::Check),
    of(Surface::ExtAuthz, Post, ext_authz::PATH, Gateway, |method| on(method, ext_authz::check)),
    // Accounts and sign-ins.
    api(Post, "/v1/login", Anyone, |method| on(method, tokens::login)),
    api(Post, "/v1/login/challenge", Anyone, |method| on(method, second_factor::challenge)),
    api(Post, "/v1/login/answer", Anyone, |method| on(method, second_factor::answer)),
    api(Post, "/v1/login/passkey", Anyone, |method| on(method, passkeys::sign_in)),
    api(Post, "/v1/step-up/challenge", Owner, |method| on(method, step_up::challenge)),
    api(Post, "/v1/step-up", Owner, |method| on(method, step_up::step_up)),
    api(Post, "/v1/refresh", Holder, |method| on(method, tokens::refresh)),
    api(Post, "/v1/logout", Holder, |method| on(method, logout::logout)),
    api(Post, "/v1/logout/all", Owner, |method| on(method, logout::logout_all)),
    api(Post, "/v1/signup", Anyone, |method| on(method, account::signup)),
    api(Get, "/v1/me", Owner, |method| on(method, account::me)),
    api(Patch, "/v1/me", Owner, |method| on(method, email::change)),
    api(Delete, "/v1/me", Owner, |method| on(method, account::leave)),
    api(Get, "/v1/me/activity", Owner, |method| on(method, activity::list)),
    api(Post, "/v1/password", Owner, |method| on(method, account::change_password)),
    api(Post, "/v1/password/forgot", Anyone, |method| on(method, reset::forgot)),
    api(Post, "/v1/password/reset/challenge", Anyone, |method| on(method, reset::challenge)),
    api(Post, "/v1/password/reset", Anyone, |method| on(method, reset::reset)),
    api(Post, "/v1/email/confirm", Anyone, |method| on(method, email::confirm)),
    api(Get, "/v1/factors", Owner, |method| on(method, factors::list)),
    api(Delete, "/v1/factors/{id}", Owner, |method| on(method, factors::remove)),
    api(Post, "/v1/factors/totp", Owner, |method| on(method, factors::begin_totp)),
    api(Post, "/v1/factors/totp/confirm", Owner, |method| on(method, factors::confirm_totp)),
    api(Post, "/v1/factors/passkeys", Owner, |method| on(method, passkeys::begin)),
    api(Post, "/v1/factors/passkeys/confirm", Owner, |method| on(method, passkeys::confirm)),
    api(Post, "/v1/factors/recovery-codes", Owner, |method| on(method, factors::renew_recovery_codes)),
    api(Get, "/v1/sessions", Owner, |method| on(method, sessions::list)),
    api(Delete, "/v1/sessions/{id}", Owner, |method| on(method, sessions::end)),
    // For who verifies tokens by themselves.
    api(Get, "/v1/revocations", App, |method| on(method, revocations::follow)),
    api(Get, "/.well-known/jwks.json", Anyone, |method| on(method, keys::jwks)),
    api(Get, "/.well-known/webauthn", Anyone, |method| on(method, passkeys::related_origins)),
    // Sessions of other app servers.
    api(Get, "/v1/apps/{app}/sessions", App, |method| on(method, native::list)),
    api(Post, "/v1/apps/{app}/sessions", App, |method| on(method, native::create)),
    api(Delete, "/v1/apps/{app}/sessions", App, |method| on(method, native::end_all)),
    api(Get, "/v1/apps/{app}/sessions/current", App, |method| on(method, native::get)),
    api(Delete, "/v1/apps/{app}/sessions/current", App, |method| on(method, native::end)),
    api(Patch, "/v1/apps/{app}/sessions/current/data", App, |method| on(method, native::merge)),
    api(Put, "/v1/apps/{app}/sessions/current/data", App, |method| on(method, native::replace)),
    api(Get, "/v1/apps/{app}/sessions/activity", App, |method| on(method, native::activity)),
    api(Delete, "/v1/apps/{app}/sessions/{id}", App, |method| on(method, native::end_by_id)),
    // The same in the style of rest-sessions.
    api(Get, "/rest-sessions/ping", Anyone, |method| on(method, rest::ping)),
    api(Put, "/rest-sessions/{app}/create/{id}", App, |method| on(method, rest::create)),
    api(Get, "/rest-sessions/{app}/get/{token}", App, |method| on(method, rest::get)),
    api(Post, "/rest-sessions/{app}/set/{token}", App, |method| on(method, rest::set)),
    api(Delete, "/rest-sessions/{app}/kill/{token}", App, |method| on(method, rest::kill)),
    api(Delete, "/rest-sessions/{app}/killsoid/{id}", App, |method| on(method, rest::killsoid)),
    api(Delete, "/rest-sessions/{app}/killall", App, |method| on(method, rest::killall)),
    api(Get, "/rest-sessions/{app}/soid/{id}", App, |method| on(method, rest::soid)),
    api(Get, "/rest-sessions/{app}/soapp", App, |method| on(method, rest::soapp)),
    api(Get, "/rest-sessions/{app}/activity", App, |method| on(method, rest::activity)),
    // For who speaks OAuth.
    of(Surface::Metadata, Get, metadata::OAUTH, Anyone, |method| on(method, metadata::metadata)),
    of(Surface::Metadata, Get, metadata::OPENID, Anyone, |method| on(method, metadata::metadata)),
    of(Surface::OAuth, Post, "/oauth/token", Client, |method| on(method, oauth::token)),
    of(Surface::OAuth, Post, "/oauth/revoke", Client, |method| on(method, oauth::revoke)),
    of(Surface::OAuthOfServers, Post, "/oauth/introspect", App, |method| on(method, oauth::introspect)),
    // What all of this is, for each of the two listeners that have an API.
    of(Surface::Document, Get, "/openapi.json", Anyone, |method| on(method, document::json)),
    of(Surface::Document, Get, "/docs", Anyone, |method| on(method, document::page)),
    // For who operates it.
    of(Surface::Probe, Get, "/healthz", Anyone, |method| on(method, health::alive)),
    of(Surface::Probe, Get, "/readyz", Anyone, |method| on(method, health::ready)),
    of(Surface::Management, Get, "/metrics", Anyone, |method| on(method, health::metrics)),
    // The same without a shell.
    admin(Get, "/admin/v1/users", Read, |method| on(method, users::list)),
    admin(Post, "/admin/v1/users", Full, |method| on(method, users::create)),
    admin(Get, "/admin/v1/users/{id}", Read, |method| on(method, users::show)),
    admin(Patch, "/admin/v1/users/{id}", Full, |method| on(method, users::change)),
    admin(Delete, "/admin/v1/users/{id}", Full, |method| on(method, users::remove)),
    admin(Post, "/admin/v1/users/{id}/disable", Full, |method| on(method, users::disable)),
    admin(Post, "/admin/v1/users/{id}/enable", Full, |method| on(method, users::enable)),
    admin(Post, "/admin/v1/users/{id}/unlock", Support, |method| on(method, users::unlock)),
    admin(Post, "/admin/v1/users/{id}/reset-password", Support, |method| on(method, users::send_reset)),
    admin(Get, "/admin/v1/users/{id}/factors", Read, |method| on(method, all_factors::list)),
    admin(Delete, "/admin/v1/users/{id}/factors", Full, |method| on(method, all_factors::remove)),
    admin(Get, "/admin/v1/sessions", Read, |method| on(method, all_sessions::list)),
    admin(Delete, "/admin/v1/sessions", Support, |method| on(method, all_sessions::end_all)),
    admin(Get, "/admin/v1/sessions/{id}", Read, |method| on(method, all_sessions::show)),
    admin(Delete, "/admin/v1/sessions/{id}", Support, |method| on(method, all_sessions::end)),
    admin(Get, "/admin/v1/apps", Read, |method| on(method, apps::list)),
    admin(Post, "/admin/v1/apps", Full, |method| on(method, apps::create)),
    admin(Get, "/admin/v1/apps/{name}", Read, |method| on(method, apps::show)),
    admin(Patch, "/admin/v1/apps/{name}", Full, |method| on(method, apps::change)),
    admin(Delete, "/admin/v1/apps/{name}", Full, |method| on(method, apps::remove)),
    admin(Post, "/admin/v1/apps/{name}/secret", Full, |method| on(method, apps::renew_secret)),
    admin(Get, "/admin/v1/keys", Read, |method| on(method, signing_keys::list)),
    admin(Post, "/admin/v1/keys/rotate", Full, |method| on(method, signing_keys::rotate)),
    admin(Delete, "/admin/v1/keys/{kid}", Full, |method| on(method, signing_keys::retire)),
    admin(Get, "/admin/v1/audit", Read, |method| on(method, audit::list)),
    admin(Get, "/admin/v1/stats", Read, |method| on(method, stats::show)),
];

const fn api(method: HttpMethod, path: &'static str, caller: MayCall, handler: Handler) -> Endpoint {
    of(Surface::Api, method, path, caller, handler)
}

const fn admin(method: HttpMethod, path: &'static str, needed: AdminRole, handler: Handler) -> Endpoint {
    of(Surface::Admin, method, path, Admin(needed), handler)
}

const fn of(
    surface: Surface,
    method: HttpMethod,
    path: &'static str,
    caller: MayCall,
    handler: Handler,
) -> Endpoint {
    Endpoint { method, path, caller, surface, handler: Some(handler) }
}

const fn before_routing(
    method: HttpMethod,
    path: &'static str,
    caller: MayCall,
    surface: Surface,
) -> Endpoint {
    Endpoint { method, path, caller, surface, handler: None }
}

/// The path of an endpoint that is written so.
pub(super) fn known(path: &str) -> Option<&'static str> {
    ENDPOINTS.iter().find(|endpoint| endpoint.path == path).map(|endpoint| endpoint.path)
}

/// What answers at one path, for one method.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) answer: MethodRouter<Shared>,
}

/// The routes of a surface. A path comes once for each of its methods.
pub(super) fn routes(surface: Surface) -> impl Iterator<Item = Route> {
    ENDPOINTS.iter().filter(move |endpoint| endpoint.surface == surface).filter_map(|endpoint| {
        let answer = endpoint.handler?(endpoint.method.filter()?);
        Some(Route { path: endpoint.path, answer })
    })
}

impl HttpMethod {
    const fn filter(self) -> Option<MethodFilter> {
        match self {
            Self::Any => None,
            Self::Delete => Some(MethodFilter::DELETE),
            Self::Get => Some(MethodFilter::GET),
            Self::Patch => Some(MethodFilter::PATCH),
            Self::Post => Some(MethodFilter::POST),
            Self::Put => Some(MethodFilter::PUT),
        }
    }

    /// As it stands in a request.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}
