//! One's own sessions: see them, end one.

use std::net::IpAddr;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{Shared, caller::SignedIn, problem::Problem};
use crate::domain::{ids::SessionId, session::Session};

pub async fn list(State(http): State<Shared>, SignedIn(caller): SignedIn) -> Result<Response, Problem> {
    let current = caller.claims().session;
    let sessions = http.auth.own_sessions(&caller).await?;
    let sessions = sessions.iter().map(|session| SessionShape::of(session, current)).collect();
    Ok(axum::Json(SessionsShape { sessions }).into_response())
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
            app: session.app.as_str(),
            device: session.device.name.as_deref(),
            ip: session.device.ip,
            user_agent: session.device.user_agent.as_deref(),
            created_at: session.created_at.rfc3339(),
            last_seen_at: session.last_seen_at.rfc3339(),
            expires_at: session.expires_at.rfc3339(),
            current: session.id == current,
        }
    }
}
