//! Events: as operators see them, and as users see those about themselves.

use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{app::AppName, event, ids::UserId, occasion::Actor};

/// What happened.
#[derive(Debug, Serialize, ToSchema)]
pub struct Event {
    pub id: String,
    #[schema(format = DateTime)]
    pub time: String,
    pub kind: &'static str,
    /// Whom it is about.
    #[schema(required)]
    pub user: Option<String>,
    /// `null` also where the account is gone.
    #[schema(required)]
    pub username: Option<String>,
    #[schema(required)]
    pub session: Option<String>,
    #[schema(required)]
    pub app: Option<String>,
    #[schema(required, value_type = Option<String>)]
    pub address: Option<IpAddr>,
    #[schema(required)]
    pub agent: Option<String>,
    /// `client`, `user:<id>`, `app:<name>`, `shell:<operating system user>` or `server`.
    pub by: String,
    #[schema(required)]
    pub reason: Option<String>,
    #[schema(required)]
    pub detail: Option<String>,
    #[schema(required)]
    pub request_id: Option<String>,
    /// How many of the same kind it stands for.
    pub count: u32,
}

/// A part of the events, newest first; without `next_cursor` it is the last.
#[derive(Debug, Serialize, ToSchema)]
pub struct Events {
    pub events: Vec<Event>,
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// What happened to who asks.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnEvent {
    pub id: String,
    #[schema(format = DateTime)]
    pub time: String,
    pub kind: &'static str,
    #[schema(required)]
    pub session: Option<String>,
    #[schema(required)]
    pub app: Option<String>,
    #[schema(required, value_type = Option<String>)]
    pub address: Option<IpAddr>,
    #[schema(required)]
    pub agent: Option<String>,
    pub by: Who,
    #[schema(required)]
    pub reason: Option<String>,
    #[schema(required)]
    pub detail: Option<String>,
    pub count: u32,
}

/// A part of one's own events, newest first; without `next_cursor` it is the last.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnEvents {
    pub events: Vec<OwnEvent>,
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// Who did something, as far as it is a user's to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    You,
    /// Whoever runs this server.
    Operator,
    App,
    Server,
    /// Somebody who has not shown who they are.
    Client,
}

impl Event {
    #[must_use]
    pub fn new(event: &event::Event, username: Option<String>) -> Self {
        Self {
            id: event.id.to_string(),
            time: event.at.rfc3339(),
            kind: event.kind.as_str(),
            user: event.user.map(|user| user.to_string()),
            username,
            session: event.session.map(|session| session.to_string()),
            app: event.app.as_ref().map(AppName::as_str).map(str::to_owned),
            address: event.address,
            agent: event.agent.clone(),
            by: event.by.to_string(),
            reason: event.reason.clone(),
            detail: event.detail.clone(),
            request_id: event.request.clone(),
            count: event.count,
        }
    }
}

impl OwnEvent {
    #[must_use]
    pub fn new(event: &event::Event, owner: UserId) -> Self {
        let by = match &event.by {
            Actor::User(user) if *user == owner => Who::You,
            Actor::User(_) | Actor::Shell(_) => Who::Operator,
            Actor::App(_) => Who::App,
            Actor::Server => Who::Server,
            Actor::Client => Who::Client,
        };
        // From where an operator works is not the user's to know.
        let is_theirs = by != Who::Operator;
        Self {
            id: event.id.to_string(),
            time: event.at.rfc3339(),
            kind: event.kind.as_str(),
            session: event.session.map(|session| session.to_string()),
            app: event.app.as_ref().map(AppName::as_str).map(str::to_owned),
            address: event.address.filter(|_| is_theirs),
            agent: event.agent.clone().filter(|_| is_theirs),
            by,
            reason: event.reason.clone(),
            detail: event.detail.clone(),
            count: event.count,
        }
    }
}
