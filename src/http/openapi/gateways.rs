//! The check, probes, and what verifiers and clients read to find the rest.

use utoipa::openapi::{
    RefOr, Required,
    path::{Parameter, ParameterBuilder, ParameterIn},
    schema::{Array, Object, ObjectBuilder, Schema, Type},
};

use super::{
    codes::{
        CROSS_SITE, Code, INSUFFICIENT_ROLE, INSUFFICIENT_USER_AUTHENTICATION, INTERNAL, INVALID_REQUEST,
        OVERLOADED, RATE_LIMITED, SESSION_ENDED, STORE_UNAVAILABLE, TOKEN_EXPIRED, TOKEN_INVALID,
        TOKEN_MISSING, TOKEN_OUTDATED, TOKEN_REVOKED,
    },
    described::{Described, JSON, text},
};
use crate::{
    answers::{Metadata, Readiness},
    http::{
        api::health::Probe,
        check,
        endpoints::HttpMethod::{Any, Get},
        oauth::metadata,
    },
};

const IDENTITY: &[&str] = &[
    "X-Auth-User",
    "X-Auth-Username",
    "X-Auth-Session",
    "X-Auth-App",
    "X-Auth-Roles",
    "RateLimit",
    "RateLimit-Policy",
];
/// What a gateway is told, with the statuses that gateways know.
const CHECK: [Code; 15] = [
    TOKEN_MISSING,
    TOKEN_INVALID,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
    TOKEN_OUTDATED,
    SESSION_ENDED,
    INVALID_REQUEST.at(401),
    INSUFFICIENT_USER_AUTHENTICATION,
    INSUFFICIENT_ROLE,
    CROSS_SITE,
    RATE_LIMITED,
    RATE_LIMITED.at(403),
    STORE_UNAVAILABLE,
    OVERLOADED,
    INTERNAL.at(503),
];
const CHECKED: &str = "Answers alike whatever the method; it is shown with GET. No body is read. `X-Auth-Reason` says the \
                       code of a refusal.";

pub fn check() -> Vec<Described> {
    let at = |id, path, summary| {
        Described::of(id, Any, path, summary)
            .told(CHECKED)
            .answers_nothing(
                200,
                "Let in: who that is, in headers; each is there, empty where it does not apply.",
            )
            .with_headers(IDENTITY)
            .may(&CHECK)
    };
    let mut whole = at("check", check::http::PATH, "Whether a request is let in");
    whole.parameters.extend([
        asked("role", "A role that the user must have; may be given several times."),
        asked("acr", "How strong the sign-in must be: `1` or `2`."),
        asked("max_age", "How long ago it may be, in seconds."),
        asked("deny", "`403`: where it would be 429, for gateways that pass on only 401 and 403."),
        asked("preflight", "`allow`: CORS preflights are let in."),
    ]);
    vec![
        whole,
        at("checkBelow", check::http::BELOW, "The same, for gateways that append their client's path"),
    ]
}

fn asked(name: &str, text: &str) -> Parameter {
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
    let parameter = parameter.required(Required::False).description(Some(text));
    parameter.schema(Some(Object::with_type(Type::String))).build()
}

pub fn probes() -> Vec<Described> {
    vec![
        Described::of("alive", Get, "/healthz", "Whether the process lives").answers_nothing(200, "It does."),
        Described::of("ready", Get, "/readyz", "Whether the node is of use")
            .asks::<Probe>()
            .answers::<Readiness>(200, "It is, perhaps without all of its parts.")
            .may(&[OVERLOADED, STORE_UNAVAILABLE, INTERNAL]),
    ]
}

pub fn discovery() -> Vec<Described> {
    let metadata = |id, path| {
        Described::of(id, Get, path, "The server's metadata (RFC 8414)")
            .header("If-None-Match", Required::False, "The `ETag` of the answer that the client has.")
            .answers::<Metadata>(200, "Where everything is.")
            .with_headers(&["ETag"])
            .answers_nothing(304, "What the client has is good.")
            .with_headers(&["ETag"])
    };
    vec![
        metadata("oauthMetadata", metadata::OAUTH),
        metadata("openidConfiguration", metadata::OPENID),
        Described::of("jwks", Get, "/.well-known/jwks.json", "The public keys (RFC 7517)").answers_with(
            200,
            "Every key that may still verify a token.",
            JSON,
            jwks(),
        ),
        Described::of("openapi", Get, "/openapi.json", "This document")
            .header("If-None-Match", Required::False, "The `ETag` of the answer that the client has.")
            .answers_with(200, "OpenAPI 3.1.", JSON, Object::new().into())
            .with_headers(&["ETag"])
            .answers_nothing(304, "What the client has is good.")
            .with_headers(&["ETag"]),
        Described::of("docs", Get, "/docs", "This document as a page")
            .header("If-None-Match", Required::False, "The `ETag` of the answer that the client has.")
            .answers_with(200, "HTML, without scripts.", "text/html", text())
            .with_headers(&["ETag"])
            .answers_nothing(304, "What the client has is good.")
            .with_headers(&["ETag"]),
    ]
}

/// The keys are rendered with the key ring, which has no type for them.
fn jwks() -> RefOr<Schema> {
    let key = ["kty", "kid", "alg", "use"].into_iter().fold(ObjectBuilder::new(), |key, name| {
        key.property(name, Object::with_type(Type::String)).required(name)
    });
    ObjectBuilder::new().property("keys", Array::new(key)).required("keys").into()
}
