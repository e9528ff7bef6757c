//! One's own sessions: see them, end one.

use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    answers::{OwnSession, OwnSessions},
    domain::{cursor::Cursor, ids::SessionId},
    http::{
        Shared,
        wire::{body::Json, caller::SignedIn, occasion::CameBy, problem::Problem},
    },
};

pub async fn list(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<OwnSessions>, Problem> {
    let wanted = format!("limit is 1 to {MOST}, and cursor is what the page before said");
    let Query(query) = query.map_err(|_| Problem::invalid_request(wanted.as_str()))?;
    let limit = query.limit.unwrap_or(USUAL);
    let after = query.cursor.map(|cursor| cursor.parse::<Cursor>()).transpose();
    let after = after.ok().filter(|_| (1..=MOST).contains(&limit));
    let after = after.ok_or_else(|| Problem::invalid_request(wanted.as_str()))?;
    let current = caller.claims().session;
    let page = http.auth.own_sessions(&caller, after.as_ref(), limit).await?;
    let sessions = page.sessions.iter().map(|session| OwnSession::new(session, current)).collect();
    let next_cursor = page.next.map(|next| next.to_string());
    Ok(Json(OwnSessions { sessions, next_cursor }))
}

/// How many sessions a page has when the client does not say, and at most.
const USUAL: u32 = 100;
const MOST: u32 = 1000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

pub async fn end(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    CameBy(occasion): CameBy,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    // A text that is no session id is the id of no session.
    let id = id.ok().and_then(|Path(id)| id.parse::<SessionId>().ok()).ok_or_else(Problem::not_found)?;
    http.auth.end_own_session(&caller, id, &occasion).await?;
    Ok(StatusCode::NO_CONTENT)
}
