//! Paths that one program takes for another: what decides is the credential, whatever the path.

use super::{
    Attack,
    evaluate::Expectation::{Known, Refused},
};
use crate::gateway::request::Request;

/// Among them those of Keyward itself, which answers some of them to anybody, and those that our own
/// configurations use.
pub(super) const TRICKS: [&str; 12] = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/check",
    "/v1/login",
    "/.well-known/jwks.json",
    "/_keyward",
    "/a%2Fb/../c",
    "//",
    "//a//healthz",
    "/a;x=1/b",
    "/a%00b",
];

/// Those that lead somewhere else, where the gateway's address has a path.
pub(super) const WAYS_OUT: [&str; 6] = [
    "/%2e%2e/healthz",
    "/a/..%2f..%2fhealthz",
    "/../../healthz",
    "/%2fhealthz",
    "/a\\..\\healthz",
    "http://healthz.example/healthz",
];

pub(super) fn anonymous(path: &str) -> Attack {
    Attack::new(format!("{path} without a token"), Refused, Request::new("GET", path))
}

pub(super) fn with(path: &str, token: &str) -> Attack {
    Attack::new(path, Known, Request::new("GET", path).bearer(token))
}
