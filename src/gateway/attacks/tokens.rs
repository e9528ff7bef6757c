//! No token, and tokens that are none.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    Attack,
    evaluate::Expectation::{self, Unauthorized},
};
use crate::gateway::request::Request;

const PATH: &str = "/";

pub(super) fn none() -> Attack {
    Attack::new("no token", Unauthorized, Request::new("GET", PATH))
}

/// What a stranger has.
pub(super) fn anonymous(expired: Option<&str>) -> Vec<Attack> {
    let get = || Request::new("GET", PATH);
    let long = "a".repeat(7900);
    let mut attacks = vec![
        Attack::new("an empty token", Unauthorized, get().line("Authorization: Bearer ")),
        Attack::new("a token of nonsense", Unauthorized, get().bearer("nonsense")),
        Attack::new("another scheme", Unauthorized, get().line("Authorization: Basic YWRtaW46YWRtaW4=")),
        Attack::new("a cookie of nonsense", Unauthorized, get().line("Cookie: keyward-session=nonsense")),
        Attack::new("a token of 7.9 kB", Expectation::Refused, get().bearer(&long)),
    ];
    let expired = expired.map(|token| Attack::new("an expired token", Unauthorized, get().bearer(token)));
    attacks.extend(expired);
    attacks
}

/// What can be made from a good token.
pub(super) fn with(token: &str) -> Vec<Attack> {
    let get = |token: &str| Request::new("GET", PATH).bearer(token);
    let form = format!("access_token={token}");
    let form_type = "Content-Type: application/x-www-form-urlencoded";
    vec![
        Attack::new("a good token", Expectation::Served, get(token)),
        Attack::new("no token, right after a good one", Unauthorized, Request::new("GET", PATH)),
        Attack::new("a token with other claims", Unauthorized, get(&with_other_claims(token))),
        Attack::new("a token that says it needs no signature", Unauthorized, get(&unsigned(token))),
        Attack::new(
            "a token in the query",
            Unauthorized,
            Request::new("GET", format!("{PATH}?access_token={token}")),
        ),
        Attack::new(
            "a token in the body",
            Unauthorized,
            Request::new("POST", PATH).line(form_type).body(form),
        ),
    ]
}

/// The same token with another user in it, who is an admin.
fn with_other_claims(token: &str) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    if let Some(payload) = parts.get_mut(1) {
        let mut claims = decoded(payload);
        claims["sub"] = json!("00000000-0000-7000-8000-000000000000");
        claims["roles"] = json!(["admin"]);
        *payload = URL_SAFE_NO_PAD.encode(claims.to_string());
    }
    parts.join(".")
}

/// RFC 8725 section 2.1.
fn unsigned(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap_or("");
    format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#))
}

fn decoded(part: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_else(|_| json!({}))
}
