//! Sessions: as their owner sees them, and as an operator does.

use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{ids::SessionId, session};

/// A session that is alive.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    pub id: String,
    pub app: String,
    #[schema(required)]
    pub device: Option<String>,
    #[schema(required, value_type = Option<String>)]
    pub ip: Option<IpAddr>,
    #[schema(required)]
    pub user_agent: Option<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub last_seen_at: String,
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// Whether each of its refreshes must prove a key.
    pub bound: bool,
}

/// A session as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnSession {
    #[serde(flatten)]
    pub session: Session,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// A part of the owner's sessions; without `next_cursor` it is the last.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnSessions {
    pub sessions: Vec<OwnSession>,
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// A session as an operator sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionRecord {
    #[serde(flatten)]
    pub session: Session,
    pub user: String,
    /// `null` where the account was deleted this moment.
    #[schema(required)]
    pub username: Option<String>,
    /// How often it was refreshed.
    pub generation: u32,
}

/// A part of the sessions; without `next_cursor` it is the last.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions {
    pub sessions: Vec<SessionRecord>,
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// How many sessions were alive and are over; asking again does no harm.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ended {
    pub ended: u64,
}

impl From<&session::Session> for Session {
    fn from(session: &session::Session) -> Self {
        Self {
            id: session.id.to_string(),
            app: session.facts.app.as_str().to_owned(),
            device: session.facts.device.name.clone(),
            ip: session.facts.device.ip,
            user_agent: session.facts.device.user_agent.clone(),
            created_at: session.facts.created_at.rfc3339(),
            last_seen_at: session.last_seen_at.rfc3339(),
            expires_at: session.expires_at.rfc3339(),
            bound: session.facts.bound_to.is_some(),
        }
    }
}

impl OwnSession {
    #[must_use]
    pub fn new(session: &session::Session, current: SessionId) -> Self {
        Self { session: session.into(), current: session.id == current }
    }
}

impl SessionRecord {
    #[must_use]
    pub fn new(session: &session::Session, username: Option<String>) -> Self {
        Self {
            session: session.into(),
            user: session.facts.user.to_string(),
            username,
            generation: session.generation,
        }
    }
}

impl Ended {
    #[must_use]
    pub fn of(count: usize) -> Self {
        Self { ended: u64::try_from(count).unwrap_or(u64::MAX) }
    }
}
