//! The API in the words of `OpenAPI` 3.1: a document for the public listener and one for the admin listener. Paths,
//! methods and who may call are from the table of endpoints; types are those that are read and answered. What is said
//! besides stands in one file a concern.

mod account;
mod admin;
mod app_sessions;
mod codes;
mod described;
mod factors;
mod gateways;
mod oauth;
mod operation;
mod page;
mod security;
mod sign_in;

use std::collections::BTreeMap;

use axum::http::{HeaderValue, header};
use serde_json::Value;
use utoipa::openapi::{
    Components, ComponentsBuilder, HeaderBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder,
    ServerBuilder,
    path::{HttpMethod as Method, PathItem, PathsBuilder},
    schema::{Object, Type},
    tag::TagBuilder,
};

use self::described::{Described, Schemas, named};
use super::{
    document::BothForms,
    endpoints::{ENDPOINTS, Endpoint, HttpMethod, Surface},
    wire::{cookies::Cookies, prepared::Prepared},
};
use crate::answers::{MfaRequired, OAuthProblem, Problem, Readiness};

/// What belongs together, under one heading.
type Chapter = (&'static str, fn() -> Vec<Described>);

const PUBLIC: [Chapter; 10] = [
    ("Signing in and out", sign_in::sessions),
    ("Account", account::account),
    ("Second factors", factors::factors),
    ("Check", gateways::check),
    ("OAuth", oauth::oauth),
    ("Verifiers", app_sessions::verifiers),
    ("Discovery", gateways::discovery),
    ("Sessions of app servers", app_sessions::native),
    ("Sessions of app servers, as rest-sessions", app_sessions::rest),
    ("Probes", gateways::probes),
];
const ADMIN: [Chapter; 6] = [
    ("Users", admin::users),
    ("Sessions", admin::sessions),
    ("Apps", admin::apps),
    ("Keys", admin::keys),
    ("Events and numbers", admin::events),
    ("Discovery", gateways::discovery),
];

/// Which document: one for each listener that has an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiPart {
    Public,
    Admin,
}

/// The document. `url` is where clients find what it describes.
#[must_use]
pub fn document(part: ApiPart, url: &str, cookies: &Cookies) -> OpenApi {
    let mut schemas = Schemas::new();
    named::<Problem>(&mut schemas);
    let chapters = part.chapters();
    let mut paths: BTreeMap<String, PathItem> = BTreeMap::new();
    for (tag, described) in
        chapters.iter().flat_map(|(tag, all)| all().into_iter().map(move |one| (tag, one)))
    {
        let Some(endpoint) = part.endpoint(&described) else { continue };
        let operation = operation::of(part, endpoint, &described, tag);
        let item = PathItem::new(method(endpoint.method), operation);
        paths.entry(operation::path(endpoint)).or_default().merge_operations(item);
        schemas.extend(described.schemas);
    }
    let paths = paths.into_iter().fold(PathsBuilder::new(), |all, (path, item)| all.path(path, item));
    OpenApiBuilder::new()
        .info(part.info())
        .servers(Some([ServerBuilder::new().url(url).build()]))
        .paths(paths)
        .components(Some(components(part, schemas, cookies)))
        .tags(Some(chapters.iter().map(|(name, _)| TagBuilder::new().name(*name).build())))
        .build()
}

/// The document and its page, ready to be sent.
pub fn prepared(part: ApiPart, url: &str, cookies: &Cookies) -> BothForms {
    // It is made of texts, which always serialise.
    let json = serde_json::to_vec(&document(part, url, cookies)).unwrap_or_default();
    let whole: Value = serde_json::from_slice(&json).unwrap_or_default();
    let page = Prepared::of("text/html; charset=utf-8", page::html(&whole).into_bytes());
    let policy =
        HeaderValue::try_from(page::policy()).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let page = page.with(header::CONTENT_SECURITY_POLICY, policy);
    let page = page.with(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    BothForms { json: Prepared::json(json), page }
}

fn components(part: ApiPart, mut schemas: Schemas, cookies: &Cookies) -> Components {
    if part == ApiPart::Public {
        named::<MfaRequired>(&mut schemas);
        named::<OAuthProblem>(&mut schemas);
        named::<Readiness>(&mut schemas);
    }
    let mut components = ComponentsBuilder::new().schemas_from_iter(schemas);
    for (name, text) in operation::HEADERS {
        let header = HeaderBuilder::new().schema(Some(Object::with_type(Type::String)));
        components = components.header(name, header.description(Some(text)).build());
    }
    for (name, scheme) in security::schemes(cookies) {
        components = components.security_scheme(name, scheme);
    }
    components.build()
}

/// A check answers alike whatever the method.
const fn method(method: HttpMethod) -> Method {
    match method {
        HttpMethod::Any | HttpMethod::Get => Method::Get,
        HttpMethod::Delete => Method::Delete,
        HttpMethod::Patch => Method::Patch,
        HttpMethod::Post => Method::Post,
        HttpMethod::Put => Method::Put,
    }
}

impl ApiPart {
    const fn chapters(self) -> &'static [Chapter] {
        match self {
            Self::Public => &PUBLIC,
            Self::Admin => &ADMIN,
        }
    }

    /// Whether it is answered on the listener of this document.
    #[must_use]
    pub const fn has(self, surface: Surface) -> bool {
        match surface {
            Surface::Admin => matches!(self, Self::Admin),
            Surface::Document => true,
            Surface::Api
            | Surface::Check
            | Surface::Metadata
            | Surface::OAuth
            | Surface::OAuthOfServers
            | Surface::Probe => matches!(self, Self::Public),
            // Protocols of their own: gRPC, and Prometheus' text.
            Surface::ExtAuthz | Surface::Management => false,
        }
    }

    fn endpoint(self, described: &Described) -> Option<&'static Endpoint> {
        ENDPOINTS
            .iter()
            .filter(|endpoint| self.has(endpoint.surface))
            .find(|endpoint| (endpoint.method, endpoint.path) == (described.method, described.path))
    }

    fn info(self) -> utoipa::openapi::Info {
        let (title, text) = match self {
            Self::Public => ("Keyward", "Sign-in, refresh, sign-out and the check for gateways."),
            Self::Admin => ("Keyward: the admin API", "Users, sessions, apps, keys and events."),
        };
        let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0"));
        let info = InfoBuilder::new().title(title).version(env!("CARGO_PKG_VERSION"));
        info.description(Some(text)).license(Some(license.build())).build()
    }
}
