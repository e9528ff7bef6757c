//! Sessions of other app servers, as the REST interface of redis-sessions spoke: its paths, its
//! parameters, its answers. The token stands in the path here because clients put it there; nothing
//! logs paths.

mod failure;
mod listing;
pub(in crate::http) mod params;

use axum::{extract::State, response::Response};
use serde_json::Value;

use self::{
    failure::Failure,
    params::{Creation, RestApp, RestQuery, TokenInPath, UserInPath, Within},
};
use crate::{
    answers::{FoundRestSession, KilledRestSessions, RestActivity, RestRefusal, RestSession, RestToken},
    auth::{
        app_sessions::{AppSessionWanted, Selection},
        error::{AuthError, Invalid},
    },
    domain::app_session::AppSession,
    http::{
        Shared,
        wire::{
            body::{Json, OptionalJson},
            problem::Problem,
        },
    },
};

pub async fn ping(State(http): State<Shared>) -> Result<&'static str, Problem> {
    http.auth.health().await.of_stores()?;
    Ok("PONG")
}

pub async fn create(
    State(http): State<Shared>,
    RestApp(app): RestApp,
    UserInPath(user): UserInPath,
    RestQuery(creation): RestQuery<Creation>,
    OptionalJson(body): OptionalJson<Value>,
) -> Result<Json<RestToken>, Failure> {
    let (ip, life) = creation.parse()?;
    let data = params::first_data(body)?;
    let token = http.auth.create_app_session(&app, AppSessionWanted { user, ip, data, life }).await?;
    Ok(Json(RestToken { token: token.expose().to_owned() }))
}

pub async fn get(
    State(http): State<Shared>,
    RestApp(app): RestApp,
    TokenInPath(token): TokenInPath,
) -> Result<Json<FoundRestSession>, Failure> {
    let session = http.auth.app_session(&app, token.session(&app)).await?;
    Ok(found(&http, session.as_ref()))
}

pub async fn set(
    State(http): State<Shared>,
    RestApp(app): RestApp,
    TokenInPath(token): TokenInPath,
    OptionalJson(body): OptionalJson<Value>,
) -> Result<Json<FoundRestSession>, Failure> {
    let change = params::change(body)?;
    match http.auth.set_app_session(&app, token.session(&app), &change, None).await {
        Ok(session) => Ok(found(&http, session.as_ref())),
        // With what is there already it would be too much.
        Err(AuthError::Invalid(Invalid::Data(why))) => Err(RestRefusal::value(why.to_string()).into()),
        Err(error) => Err(error.into()),
    }
}

pub async fn kill(
    State(http): State<Shared>,
    RestApp(app): RestApp,
    TokenInPath(token): TokenInPath,
) -> Result<Json<KilledRestSessions>, Failure> {
    let was_alive = http.auth.end_app_session(&app, token.session(&app)).await?;
    Ok(Json(KilledRestSessions { kill: was_alive.into() }))
}

pub async fn killsoid(
    State(http): State<Shared>,
    RestApp(app): RestApp,
    UserInPath(user): UserInPath,
) -> Result<Json<KilledRestSessions>, Failure> {
    Ok(Json(KilledRestSessions { kill: http.auth.end_app_sessions(&app, Some(&user)).await? }))
}

pub async fn killall(
    State(http): State<Shared>,
    RestApp(app): RestApp,
) -> Result<Json<KilledRestSessions>, Failure> {
    Ok(Json(KilledRestSessions { kill: http.auth.end_app_sessions(&app, None).await? }))
}

pub async fn soid(
    State(http): State<Shared>,
    RestApp(app): RestApp,
    UserInPath(user): UserInPath,
) -> Result<Response, Failure> {
    Ok(listing::stream(http, app, Selection::OfUser(user)).await?)
}

pub async fn soapp(
    State(http): State<Shared>,
    RestApp(app): RestApp,
    RestQuery(within): RestQuery<Within>,
) -> Result<Response, Failure> {
    Ok(listing::stream(http, app, Selection::ActiveWithin(within.parse()?)).await?)
}

pub async fn activity(
    State(http): State<Shared>,
    RestApp(app): RestApp,
    RestQuery(within): RestQuery<Within>,
) -> Result<Json<RestActivity>, Failure> {
    Ok(Json(RestActivity { activity: http.auth.app_activity(&app, within.parse()?).await? }))
}

fn found(http: &Shared, session: Option<&AppSession>) -> Json<FoundRestSession> {
    Json(match session {
        Some(session) => FoundRestSession::Session(RestSession::of(session, http.auth.now())),
        None => FoundRestSession::None {},
    })
}
