//! Sessions of other app servers, as the REST interface of redis-sessions spoke: its paths, its
//! parameters, its answers. The token stands in the path here because clients put it there; nothing
//! logs paths.

mod listing;
mod params;
mod refusal;
mod shapes;

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};

use self::{
    listing::Listing,
    params::{App, Creation, Id, Params, Token, Within},
    refusal::{Failure, Refusal},
    shapes::SessionShape,
};
use crate::{
    auth::{app_sessions::AppSessionWanted, error::AuthError},
    domain::app_session::AppSession,
    http::{
        Shared,
        wire::{body::OptionalJson, problem::Problem},
    },
};

pub async fn ping(State(http): State<Shared>) -> Result<&'static str, Problem> {
    http.auth.health().await.of_stores()?;
    Ok("PONG")
}

pub async fn create(
    State(http): State<Shared>,
    App(app): App,
    Id(user): Id,
    Params(creation): Params<Creation>,
    OptionalJson(body): OptionalJson<Value>,
) -> Result<Response, Failure> {
    let (ip, life) = creation.parse()?;
    let data = params::first_data(body)?;
    let token = http.auth.create_app_session(&app, AppSessionWanted { user, ip, data, life }).await?;
    Ok(answer(json!({ "token": token.expose() })))
}

pub async fn get(
    State(http): State<Shared>,
    App(app): App,
    Token(token): Token,
) -> Result<Response, Failure> {
    let session = http.auth.app_session(&app, token.session(&app)).await?;
    Ok(session_or_none(&http, session.as_ref()))
}

pub async fn set(
    State(http): State<Shared>,
    App(app): App,
    Token(token): Token,
    OptionalJson(body): OptionalJson<Value>,
) -> Result<Response, Failure> {
    let change = params::change(body)?;
    match http.auth.set_app_session(&app, token.session(&app), &change, None).await {
        Ok(session) => Ok(session_or_none(&http, session.as_ref())),
        // With what is there already it would be too much.
        Err(AuthError::InvalidRequest(why)) => Err(Refusal::value(why).into()),
        Err(error) => Err(error.into()),
    }
}

pub async fn kill(
    State(http): State<Shared>,
    App(app): App,
    Token(token): Token,
) -> Result<Response, Failure> {
    let was_alive = http.auth.end_app_session(&app, token.session(&app)).await?;
    Ok(answer(json!({ "kill": u8::from(was_alive) })))
}

pub async fn killsoid(State(http): State<Shared>, App(app): App, Id(user): Id) -> Result<Response, Failure> {
    let ended = http.auth.end_app_sessions(&app, Some(&user)).await?;
    Ok(answer(json!({ "kill": ended })))
}

pub async fn killall(State(http): State<Shared>, App(app): App) -> Result<Response, Failure> {
    let ended = http.auth.end_app_sessions(&app, None).await?;
    Ok(answer(json!({ "kill": ended })))
}

pub async fn soid(State(http): State<Shared>, App(app): App, Id(user): Id) -> Result<Response, Failure> {
    Ok(listing::stream(http, app, Listing::OfUser(user)).await?)
}

pub async fn soapp(
    State(http): State<Shared>,
    App(app): App,
    Params(within): Params<Within>,
) -> Result<Response, Failure> {
    Ok(listing::stream(http, app, Listing::ActiveWithin(within.parse()?)).await?)
}

pub async fn activity(
    State(http): State<Shared>,
    App(app): App,
    Params(within): Params<Within>,
) -> Result<Response, Failure> {
    let users = http.auth.app_activity(&app, within.parse()?).await?;
    Ok(answer(json!({ "activity": users })))
}

/// No session is an empty object, as before redis-sessions 4, where it is `null`.
fn session_or_none(http: &Shared, session: Option<&AppSession>) -> Response {
    match session {
        Some(session) => answer(SessionShape::of(session, http.auth.now())),
        None => answer(json!({})),
    }
}

fn answer(body: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], axum::Json(body)).into_response()
}
