//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers): how often a session may
//! come, and where it stands.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};

use crate::auth::error::RateState;

pub const RATE_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub const RATE: HeaderName = HeaderName::from_static("ratelimit");

/// The value of [`RATE_POLICY`]: so many requests in a window.
pub fn policy(limit: u64, window: Duration) -> HeaderValue {
    value(format!(r#""session";q={limit};w={}"#, window.as_secs()))
}

/// The value of [`RATE`].
pub fn rate(state: &RateState) -> HeaderValue {
    value(format!(r#""session";r={};t={}"#, state.remaining, whole_seconds(state.resets_in)))
}

/// Rounded up, and at least one: coming back earlier would be refused again.
pub fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}
