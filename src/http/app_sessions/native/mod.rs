//! Sessions of other app servers, `/v1/apps/{app}/sessions`. A token travels in the header
//! `Keyward-Session`, never in a path or query: those end up in logs.

pub(in crate::http) mod params;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, StatusCode, header},
};
use serde_json::{Map, Value};

use self::params::{ActivityQuery, AppSessionsQuery, CreateBody, EndQuery, Presented, expected_version};
use crate::{
    answers::{ActiveUsers, AppSession, AppSessions, CreatedAppSession, Ended},
    domain::{
        app::AppName,
        app_session::{self, AppToken},
        app_session_data::DataChange,
        ids::SessionId,
    },
    http::{
        Shared,
        wire::{app_caller::OwnApp, body::Json, problem::Problem, query::StrictQuery},
    },
};

/// A session, with its version as the entity tag (RFC 9110 section 8.8.3), for `If-Match`.
type Versioned = ([(HeaderName, String); 1], Json<AppSession>);

pub async fn create(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    Json(body): Json<CreateBody>,
) -> Result<(StatusCode, Json<CreatedAppSession>), Problem> {
    let wanted = body.parse()?;
    let ttl = wanted.life.ttl();
    let token = http.auth.create_app_session(&app, wanted).await?;
    Ok((StatusCode::CREATED, Json(CreatedAppSession::new(&token, token.session(&app), ttl))))
}

pub async fn get(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    Presented(token): Presented,
) -> Result<Versioned, Problem> {
    let session = http.auth.app_session(&app, token.session(&app)).await?;
    session.as_ref().map(versioned).ok_or_else(Problem::not_found)
}

pub async fn merge(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    Presented(token): Presented,
    headers: HeaderMap,
    Json(data): Json<Map<String, Value>>,
) -> Result<Versioned, Problem> {
    let change = DataChange::merge(data).map_err(params::bad_data)?;
    save(&http, &app, &token, &change, &headers).await
}

pub async fn replace(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    Presented(token): Presented,
    headers: HeaderMap,
    Json(data): Json<Map<String, Value>>,
) -> Result<Versioned, Problem> {
    let change = DataChange::replace(data).map_err(params::bad_data)?;
    save(&http, &app, &token, &change, &headers).await
}

async fn save(
    http: &Shared,
    app: &AppName,
    token: &AppToken,
    change: &DataChange,
    headers: &HeaderMap,
) -> Result<Versioned, Problem> {
    let expected = expected_version(headers)?;
    let session = http.auth.set_app_session(app, token.session(app), change, expected).await?;
    session.as_ref().map(versioned).ok_or_else(Problem::not_found)
}

pub async fn end(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    Presented(token): Presented,
) -> Result<Json<Ended>, Problem> {
    Ok(ended(u64::from(http.auth.end_app_session(&app, token.session(&app)).await?)))
}

pub async fn end_by_id(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<Ended>, Problem> {
    // A text that is no session id is the id of no session.
    let id = path.ok().and_then(|Path((_, id))| id.parse::<SessionId>().ok());
    let id = id.ok_or_else(Problem::not_found)?;
    Ok(ended(u64::from(http.auth.end_app_session(&app, id).await?)))
}

pub async fn end_all(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    StrictQuery(query): StrictQuery<EndQuery>,
) -> Result<Json<Ended>, Problem> {
    let user = query.user()?;
    Ok(ended(http.auth.end_app_sessions(&app, user.as_ref()).await?))
}

pub async fn list(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    StrictQuery(query): StrictQuery<AppSessionsQuery>,
) -> Result<Json<AppSessions>, Problem> {
    let (limit, cursor) = (query.limit()?, query.cursor()?);
    let page = http.auth.app_sessions(&app, &query.which()?, cursor.as_ref(), limit).await?;
    let sessions = page.sessions.iter().map(AppSession::from).collect();
    Ok(Json(AppSessions { sessions, next_cursor: page.next.map(|cursor| cursor.to_string()) }))
}

pub async fn activity(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    StrictQuery(query): StrictQuery<ActivityQuery>,
) -> Result<Json<ActiveUsers>, Problem> {
    let users = http.auth.app_activity(&app, query.within()).await?;
    Ok(Json(ActiveUsers { users }))
}

const fn ended(ended: u64) -> Json<Ended> {
    Json(Ended { ended })
}

fn versioned(session: &app_session::AppSession) -> Versioned {
    ([(header::ETAG, format!("\"{}\"", session.version()))], Json(session.into()))
}
