//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers): how often a session may
//! come, and where it stands.

use std::time::Duration;

use arc_swap::ArcSwap;
use axum::http::{HeaderName, HeaderValue};

use crate::auth::error::RateState;

pub const RATE_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub const RATE: HeaderName = HeaderName::from_static("ratelimit");

/// The value of [`RATE_POLICY`]: so many requests in a window.
pub fn policy(limit: u64, window: Duration) -> HeaderValue {
    value(format!(r#""session";q={limit};w={}"#, window.as_secs()))
}

/// The value of [`RATE_POLICY`] for many sessions in a row, made anew where the limit is another.
pub struct ReadyPolicy(ArcSwap<Told>);

struct Told {
    limit: u64,
    window: Duration,
    policy: HeaderValue,
}

impl Told {
    fn of(limit: u64, window: Duration) -> Self {
        Self { limit, window, policy: policy(limit, window) }
    }
}

impl ReadyPolicy {
    pub fn new() -> Self {
        Self(ArcSwap::from_pointee(Told::of(0, Duration::ZERO)))
    }

    /// The limit that this state was counted by.
    pub fn of(&self, state: &RateState) -> HeaderValue {
        let told = self.0.load();
        if (told.limit, told.window) == (state.limit, state.window) {
            return told.policy.clone();
        }
        let told = Told::of(state.limit, state.window);
        let policy = told.policy.clone();
        self.0.store(told.into());
        policy
    }
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
