//! Sessions of other app servers, `/v1/apps/{app}/sessions`. A token travels in the header
//! `Keyward-Session`, never in a path or query: those end up in logs.

mod params;
mod shapes;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::{
    params::{ActivityQuery, CreateBody, EndQuery, ListQuery, Params, Presented, Which, expected_version},
    shapes::{CreatedShape, PageShape, SessionShape},
};
use crate::{
    domain::{
        app::AppName,
        app_session::{AppSession, AppToken},
        app_session_data::DataChange,
        ids::SessionId,
    },
    http::{
        Shared,
        wire::{app_caller::OwnApp, body::Json, problem::Problem},
    },
};

pub async fn create(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    Json(body): Json<CreateBody>,
) -> Result<Response, Problem> {
    let wanted = body.parse()?;
    let ttl = wanted.life.ttl();
    let token = http.auth.create_app_session(&app, wanted).await?;
    let shape = CreatedShape::new(&token, token.session(&app), ttl);
    Ok((StatusCode::CREATED, answer(shape)).into_response())
}

pub async fn get(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    Presented(token): Presented,
) -> Result<Response, Problem> {
    let session = http.auth.app_session(&app, token.session(&app)).await?;
    session.as_ref().map(with_version).ok_or_else(Problem::not_found)
}

pub async fn merge(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    Presented(token): Presented,
    headers: HeaderMap,
    Json(data): Json<Map<String, Value>>,
) -> Result<Response, Problem> {
    let change = DataChange::merge(data).map_err(params::bad_data)?;
    save(&http, &app, &token, &change, &headers).await
}

pub async fn replace(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    Presented(token): Presented,
    headers: HeaderMap,
    Json(data): Json<Map<String, Value>>,
) -> Result<Response, Problem> {
    let change = DataChange::replace(data).map_err(params::bad_data)?;
    save(&http, &app, &token, &change, &headers).await
}

async fn save(
    http: &Shared,
    app: &AppName,
    token: &AppToken,
    change: &DataChange,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let expected = expected_version(headers)?;
    let session = http.auth.set_app_session(app, token.session(app), change, expected).await?;
    session.as_ref().map(with_version).ok_or_else(Problem::not_found)
}

pub async fn end(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    Presented(token): Presented,
) -> Result<Response, Problem> {
    Ok(ended(u64::from(http.auth.end_app_session(&app, token.session(&app)).await?)))
}

pub async fn end_by_id(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    // A text that is no session id is the id of no session.
    let id = path.ok().and_then(|Path((_, id))| id.parse::<SessionId>().ok());
    let id = id.ok_or_else(Problem::not_found)?;
    Ok(ended(u64::from(http.auth.end_app_session(&app, id).await?)))
}

pub async fn end_all(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    Params(query): Params<EndQuery>,
) -> Result<Response, Problem> {
    let user = query.user()?;
    Ok(ended(http.auth.end_app_sessions(&app, user.as_ref()).await?))
}

pub async fn list(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    Params(query): Params<ListQuery>,
) -> Result<Response, Problem> {
    let (limit, cursor) = (query.limit()?, query.cursor()?);
    let after = cursor.as_ref();
    let page = match query.which()? {
        Which::OfUser(user) => http.auth.app_sessions_of_user(&app, &user, after, limit).await?,
        Which::ActiveWithin(span) => http.auth.active_app_sessions(&app, span, after, limit).await?,
    };
    let sessions = page.sessions.iter().map(SessionShape::of).collect();
    Ok(answer(PageShape { sessions, next_cursor: page.next.map(|cursor| cursor.to_string()) }))
}

pub async fn activity(
    State(http): State<Shared>,
    OwnApp(app): OwnApp,
    Params(query): Params<ActivityQuery>,
) -> Result<Response, Problem> {
    let users = http.auth.app_activity(&app, query.within()).await?;
    Ok(answer(json!({ "users": users })))
}

/// How many were alive and are over; asking again does no harm.
fn ended(count: u64) -> Response {
    answer(json!({ "ended": count }))
}

/// The version is the entity tag (RFC 9110 section 8.8.3), for `If-Match`.
fn with_version(session: &AppSession) -> Response {
    let tag = HeaderValue::try_from(format!("\"{}\"", session.version()));
    let mut response = answer(SessionShape::of(session));
    response.headers_mut().extend(tag.ok().map(|tag| (header::ETAG, tag)));
    response
}

fn answer(body: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], axum::Json(body)).into_response()
}
