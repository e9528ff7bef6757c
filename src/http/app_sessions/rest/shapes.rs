//! A session as redis-sessions 4 shows it.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::{app_session::AppSession, clock::Timestamp};

/// The fields, in the library's order.
#[derive(Serialize)]
pub struct SessionShape<'a> {
    id: &'a str,
    r: u64,
    w: u64,
    ttl: i64,
    idle: i64,
    ip: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_resave: Option<bool>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    d: Map<String, Value>,
}

impl<'a> SessionShape<'a> {
    /// Whole seconds of the clock are compared, as the library does. The `ttl` of a session with
    /// `no_resave` is what is left of it.
    pub fn of(session: &'a AppSession, now: Timestamp) -> Self {
        let ttl = if session.is_fixed {
            session.expires_at.secs() - now.secs()
        } else {
            i64::try_from(session.ttl.as_secs()).unwrap_or(i64::MAX)
        };
        Self {
            id: session.user.as_str(),
            r: session.reads,
            w: session.writes,
            ttl: ttl.max(0),
            idle: (now.secs() - session.last_seen_at.secs()).max(0),
            ip: session.ip.as_str(),
            no_resave: session.is_fixed.then_some(true),
            d: session.data.to_json(),
        }
    }
}
