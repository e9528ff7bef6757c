//! One's own sessions: see them, end one.

use std::net::IpAddr;

use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{cursor::Cursor, ids::SessionId, session::Session},
    http::{
        Shared,
        wire::{caller::SignedIn, problem::Problem},
    },
};

pub async fn list(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let wanted = format!("limit is 1 to {MOST}, and cursor is what the page before said");
    let Query(query) = query.map_err(|_| Problem::invalid_request(wanted.as_str()))?;
    let limit = query.limit.unwrap_or(USUAL);
    let after = query.cursor.map(|cursor| cursor.parse::<Cursor>()).transpose();
    let after = after.ok().filter(|_| (1..=MOST).contains(&limit));
    let after = after.ok_or_else(|| Problem::invalid_request(wanted.as_str()))?;
    let current = caller.claims().session;
    let page = http.auth.own_sessions(&caller, after.as_ref(), limit).await?;
    let sessions = page.sessions.iter().map(|session| SessionShape::of(session, current)).collect();
    let next_cursor = page.next.map(|next| next.to_string());
    Ok(axum::Json(SessionsShape { sessions, next_cursor }).into_response())
}

/// How many sessions a page has when the client does not say, and at most.
const USUAL: u32 = 100;
const MOST: u32 = 1000;

#[derive(Deserialize)]
pub struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
}

pub async fn end(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    // A text that is no session id is the id of no session.
    let id = id.ok().and_then(|Path(id)| id.parse::<SessionId>().ok()).ok_or_else(Problem::not_found)?;
    http.auth.end_own_session(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
struct SessionsShape<'a> {
    sessions: Vec<SessionShape<'a>>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct SessionShape<'a> {
    id: String,
    app: &'a str,
    device: Option<&'a str>,
    ip: Option<IpAddr>,
    user_agent: Option<&'a str>,
    created_at: String,
    last_seen_at: String,
    expires_at: String,
    current: bool,
}

impl<'a> SessionShape<'a> {
    fn of(session: &'a Session, current: SessionId) -> Self {
        Self {
            id: session.id.to_string(),
            app: session.facts.app.as_str(),
            device: session.facts.device.name.as_deref(),
            ip: session.facts.device.ip,
            user_agent: session.facts.device.user_agent.as_deref(),
            created_at: session.facts.created_at.rfc3339(),
            last_seen_at: session.last_seen_at.rfc3339(),
            expires_at: session.expires_at.rfc3339(),
            current: session.id == current,
        }
    }
}
