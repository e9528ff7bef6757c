//! Paths that one program takes for another: what decides is the credential, whatever the path.

use super::{
    Attack,
    judge::Wanted::{Known, Refused},
};
use crate::gateway::request::Request;

/// Among them those of Keyward itself, which answers some of them to anybody, and those that our own
/// configurations use.
const TRICKS: [&str; 18] = [
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
    "/%2e%2e/healthz",
    "/a/..%2f..%2fhealthz",
    "/../../healthz",
    "/%2fhealthz",
    "/a%00b",
    "/a\\..\\healthz",
    "http://healthz.example/healthz",
];

pub(super) fn anonymous() -> Vec<Attack> {
    let attack = |path| Attack::new(format!("{path} without a token"), Refused, Request::new("GET", path));
    TRICKS.into_iter().map(attack).collect()
}

pub(super) fn with(token: &str) -> Vec<Attack> {
    let get = |path| Request::new("GET", path).bearer(token);
    TRICKS.into_iter().map(|path| Attack::new(path, Known, get(path))).collect()
}
