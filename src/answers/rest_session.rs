//! Sessions of other app servers, in the style of redis-sessions 4: its members, in its order.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::{app_session::AppSession, clock::Timestamp};

#[derive(Debug, Serialize, ToSchema)]
pub struct RestSession {
    pub id: String,
    pub r: u64,
    pub w: u64,
    pub ttl: i64,
    pub idle: i64,
    pub ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_resave: Option<bool>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub d: Map<String, Value>,
}

/// What is there at a token. No session is an empty object, as before redis-sessions 4, where it is
/// `null`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum FoundRestSession {
    Session(RestSession),
    None {},
}

/// A new session: the one answer that holds its token.
#[derive(Serialize, ToSchema)]
pub struct RestToken {
    pub token: String,
}

/// How many sessions were alive and are over.
#[derive(Debug, Serialize, ToSchema)]
pub struct KilledRestSessions {
    pub kill: u64,
}

/// How many users of an app were active.
#[derive(Debug, Serialize, ToSchema)]
pub struct RestActivity {
    pub activity: u64,
}

/// A parameter that is missing or wrong, in the words of redis-sessions 4.
#[derive(Debug, Serialize, ToSchema)]
pub struct RestRefusal {
    pub name: &'static str,
    pub message: String,
}

impl RestRefusal {
    /// It did not come, or is empty.
    #[must_use]
    pub fn missing(item: &str) -> Self {
        Self { name: "missingParameter", message: format!("No {item} supplied") }
    }

    /// It does not have the form of one.
    #[must_use]
    pub fn format(item: &str) -> Self {
        Self { name: "invalidFormat", message: format!("Invalid {item} format") }
    }

    /// Its value cannot be taken, for this reason.
    pub fn value(message: impl Into<String>) -> Self {
        Self { name: "invalidValue", message: message.into() }
    }
}

impl RestSession {
    /// Whole seconds of the clock are compared, as the library does. The `ttl` of a session with
    /// `no_resave` is what is left of it.
    #[must_use]
    pub fn of(session: &AppSession, now: Timestamp) -> Self {
        let ttl = if session.is_fixed {
            session.expires_at.secs() - now.secs()
        } else {
            i64::try_from(session.ttl.as_secs()).unwrap_or(i64::MAX)
        };
        Self {
            id: session.user.as_str().to_owned(),
            r: session.reads,
            w: session.writes,
            ttl: ttl.max(0),
            idle: (now.secs() - session.last_seen_at.secs()).max(0),
            ip: session.ip.as_str().to_owned(),
            no_resave: session.is_fixed.then_some(true),
            d: session.data.to_json(),
        }
    }
}
