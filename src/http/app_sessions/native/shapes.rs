//! A session as its app sees it.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::{
    app_session::{AppSession, AppToken},
    ids::SessionId,
};

/// A new session: the one answer that holds its token.
#[derive(Serialize)]
pub struct CreatedShape<'a> {
    token: &'a str,
    id: String,
    version: u64,
    ttl: u64,
}

impl<'a> CreatedShape<'a> {
    pub fn new(token: &'a AppToken, id: SessionId, ttl: Duration) -> Self {
        Self { token: token.expose(), id: id.to_string(), version: 1, ttl: ttl.as_secs() }
    }
}

/// A part of a listing; without `next_cursor` it is the last.
#[derive(Serialize)]
pub struct PageShape<'a> {
    pub sessions: Vec<SessionShape<'a>>,
    pub next_cursor: Option<String>,
}

/// A session.
#[derive(Serialize)]
pub struct SessionShape<'a> {
    id: String,
    user: &'a str,
    ip: &'a str,
    data: Map<String, Value>,
    version: u64,
    reads: u64,
    ttl: u64,
    sliding: bool,
    created_at: String,
    last_seen_at: String,
    expires_at: String,
}

impl<'a> SessionShape<'a> {
    pub fn of(session: &'a AppSession) -> Self {
        Self {
            id: session.id.to_string(),
            user: session.user.as_str(),
            ip: session.ip.as_str(),
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
