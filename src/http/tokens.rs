//! Sign in, refresh, sign out.

use axum::{
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Shared,
    body::{Json, OptionalJson},
    caller::{ClientAddress, Credential, SignedIn},
    problem::Problem,
};
use crate::{
    auth::{error::AuthError, login::Login, tokens::TokenSet},
    domain::{app::AppName, secret::Password, session::Device, user::Username},
};

#[derive(Deserialize)]
pub struct LoginBody {
    username: String,
    password: String,
    device: Option<String>,
    app: Option<String>,
    #[serde(default)]
    transport: Transport,
}

/// How a client keeps its credential.
#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// It is in the body, and the client's own affair.
    #[default]
    Body,
}

pub async fn login(
    State(http): State<Shared>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Json(body): Json<LoginBody>,
) -> Result<Response, Problem> {
    let Transport::Body = body.transport;
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let login = Login {
        username: Username::parse(&body.username).map_err(AuthError::from)?,
        password: Password::parse(&body.password).map_err(AuthError::from)?,
        app: body.app.as_deref().map(AppName::parse).transpose().map_err(AuthError::from)?,
        device: Device::new(body.device.as_deref(), address, user_agent),
    };
    Ok(tokens(&http.auth.login(login).await?))
}

#[derive(Deserialize)]
pub struct RefreshBody {
    refresh_token: String,
}

pub async fn refresh(
    State(http): State<Shared>,
    OptionalJson(body): OptionalJson<RefreshBody>,
) -> Result<Response, Problem> {
    let body = body.ok_or(AuthError::TokenMissing)?;
    Ok(tokens(&http.auth.refresh(&body.refresh_token).await?))
}

#[derive(Deserialize)]
pub struct LogoutBody {
    refresh_token: Option<String>,
}

pub async fn logout(
    State(http): State<Shared>,
    credential: Credential,
    OptionalJson(body): OptionalJson<LogoutBody>,
) -> Result<StatusCode, Problem> {
    let refresh = body.and_then(|body| body.refresh_token);
    let access = match credential {
        Credential::Bearer(token) => Some(token),
        Credential::None => None,
        Credential::Malformed => return Err(Problem::malformed_credential()),
    };
    http.auth.logout(access.as_deref(), refresh.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub struct LogoutAllQuery {
    keep: Option<Keep>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    Current,
}

pub async fn logout_all(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    query: Result<Query<LogoutAllQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|_| Problem::invalid_request("keep takes only the value current"))?;
    let ended = http.auth.logout_all(&caller, query.keep.is_some()).await?;
    Ok(axum::Json(json!({ "ended": ended })).into_response())
}

/// The tokens of a sign-in or refresh, in the members of RFC 6749 section 5.1 and our own.
#[derive(Serialize)]
struct TokensShape<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    refresh_token: &'a str,
    refresh_expires_in: u64,
    session_id: String,
}

fn tokens(tokens: &TokenSet) -> Response {
    let shape = TokensShape {
        access_token: &tokens.access_token,
        token_type: "Bearer",
        expires_in: tokens.expires_in.as_secs(),
        refresh_token: tokens.refresh_token.expose(),
        refresh_expires_in: tokens.refresh_expires_in.as_secs(),
        session_id: tokens.session.to_string(),
    };
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], axum::Json(shape)).into_response()
}
