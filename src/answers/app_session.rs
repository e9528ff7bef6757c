//! Sessions of other app servers, in this server's own style.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::{
    app_session::{self, AppToken},
    ids::SessionId,
};

/// A session as its app sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppSession {
    pub id: String,
    pub user: String,
    pub ip: String,
    #[schema(value_type = Object)]
    pub data: Map<String, Value>,
    pub version: u64,
    pub reads: u64,
    pub ttl: u64,
    pub sliding: bool,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub last_seen_at: String,
    #[schema(format = DateTime)]
    pub expires_at: String,
}

/// A part of a listing; without `next_cursor` it is the last.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppSessions {
    pub sessions: Vec<AppSession>,
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// A new session: the one answer that holds its token.
#[derive(Serialize, ToSchema)]
pub struct CreatedAppSession {
    pub token: String,
    pub id: String,
    pub version: u64,
    pub ttl: u64,
}

/// How many users of an app were active.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActiveUsers {
    pub users: u64,
}

impl From<&app_session::AppSession> for AppSession {
    fn from(session: &app_session::AppSession) -> Self {
        Self {
            id: session.id.to_string(),
            user: session.user.as_str().to_owned(),
            ip: session.ip.as_str().to_owned(),
            data: session.data.to_json(),
            version: session.version(),
            reads: session.reads,
            ttl: session.ttl.as_secs(),
            sliding: !session.is_fixed,
            created_at: session.created_at.rfc3339(),
            last_seen_at: session.last_seen_at.rfc3339(),
            expires_at: session.expires_at.rfc3339(),
        }
    }
}

impl CreatedAppSession {
    #[must_use]
    pub fn new(token: &AppToken, id: SessionId, ttl: Duration) -> Self {
        Self { token: token.expose().to_owned(), id: id.to_string(), version: 1, ttl: ttl.as_secs() }
    }
}
