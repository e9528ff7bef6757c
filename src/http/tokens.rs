//! Sign in, refresh, sign out.

use std::time::Duration;

use axum::{
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Shared, app_caller,
    body::{Json, OptionalJson},
    caller::{ArrivedAt, ClientAddress, Credential, SignedIn},
    origin,
    problem::Problem,
};
use crate::{
    auth::{
        error::AuthError,
        login::{Login, SessionGrant},
        logout::Tokens,
        tokens::TokenSet,
    },
    domain::{app::AppName, secret::Password, session::Device, user::Username},
};

/// How long a browser keeps that an account has signed in on it. Some keep nothing for longer.
const DEVICE_KEPT: Duration = Duration::from_hours(400 * 24);

#[derive(Deserialize)]
pub struct LoginBody {
    username: String,
    password: String,
    device: Option<String>,
    app: Option<String>,
    #[serde(default)]
    transport: Transport,
}

/// How a client keeps its refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// It is in the body, and the client's own affair.
    #[default]
    Body,
    /// It is in a cookie that no script can read.
    Cookie,
    /// There is none, and no access token either: a cookie is all there is, and lives by its use.
    Session,
}

pub async fn login(
    State(http): State<Shared>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Json(body): Json<LoginBody>,
) -> Result<Response, Problem> {
    let app =
        body.app.as_deref().map_or(Ok(AppName::default_app()), AppName::parse).map_err(AuthError::from)?;
    if body.transport != Transport::Body && headers.contains_key(header::ORIGIN) {
        // Else a stranger's page could sign its visitor in as somebody else.
        origin::require_own_page(&http, &headers, &app).await?;
    }
    app_caller::require_secret(&http, &headers, &app).await?;
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let login = Login {
        username: Username::known(&body.username).map_err(AuthError::from)?,
        password: Password::parse(&body.password).map_err(AuthError::from)?,
        app: Some(app),
        device: Device::new(body.device.as_deref(), address, user_agent),
        kept: http.cookies.kept(&headers),
    };
    let (user, mut response) = if body.transport == Transport::Session {
        let granted = http.auth.login_to_session(login).await?;
        (granted.user, session(&http, &granted))
    } else {
        let issued = http.auth.login(login).await?;
        (issued.user, tokens(&http, &issued, body.transport))
    };
    if body.transport != Transport::Body
        && let Some(device) = http.auth.device_token(user, &http.cookies.kept(&headers))
    {
        response
            .headers_mut()
            .append(header::SET_COOKIE, http.cookies.device.keep(device.expose(), DEVICE_KEPT));
    }
    Ok(response)
}

#[derive(Deserialize)]
pub struct RefreshBody {
    refresh_token: Option<String>,
}

/// By the body's token, else by the cookie's. A refusal never clears the cookie: by the time it
/// arrives, another tab's refresh or sign-in may have put a new one there.
pub async fn refresh(
    State(http): State<Shared>,
    ArrivedAt(arrived_at): ArrivedAt,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<RefreshBody>,
) -> Result<Response, Problem> {
    let has_body = body.is_some();
    let (token, transport) = match body.and_then(|body| body.refresh_token) {
        Some(token) => (token, Transport::Body),
        None => match own_cookie(&http, &headers).await? {
            Some(token) => (token, Transport::Cookie),
            None if has_body => {
                return Err(Problem::invalid_request("there is neither a refresh_token nor a cookie"));
            }
            None => return Err(AuthError::TokenMissing.into()),
        },
    };
    // Before anything becomes of the session: who lacks the secret must not harm it.
    if let Some(app) = http.auth.app_of_refresh_token(&token).await? {
        app_caller::require_secret(&http, &headers, &app).await?;
    }
    let issued = http.auth.refresh(&token, arrived_at).await?;
    Ok(tokens(&http, &issued, transport))
}

#[derive(Deserialize)]
pub struct LogoutBody {
    refresh_token: Option<String>,
}

pub async fn logout(
    State(http): State<Shared>,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<LogoutBody>,
) -> Result<Response, Problem> {
    let cookie = own_cookie(&http, &headers).await?;
    let session = own_session_cookie(&http, &headers).await?;
    let refresh = body.and_then(|body| body.refresh_token);
    let access = match Credential::of(&headers) {
        Credential::Bearer(token) => Some(token),
        Credential::None => None,
        Credential::Malformed => return Err(Problem::malformed_credential()),
    };
    let tokens =
        Tokens { access, refresh: refresh.as_deref().or(cookie.as_deref()), session: session.as_deref() };
    http.auth.logout(tokens).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let cookies = [(cookie, &http.cookies.refresh), (session, &http.cookies.session)];
    for (_, sent) in cookies.into_iter().filter(|(token, _)| token.is_some()) {
        response.headers_mut().append(header::SET_COOKIE, sent.clear());
    }
    Ok(response)
}

/// The refresh token of the cookie, if there is one and the request comes from where it may.
async fn own_cookie(http: &Shared, headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(token) = http.cookies.refresh.read(headers)? else { return Ok(None) };
    // Where the session is over there is nothing left to guard, and the answer will say so.
    if let Some(app) = http.auth.app_of_refresh_token(&token).await? {
        origin::require_own(http, headers, &app).await?;
    }
    Ok(Some(token))
}

/// The session token of the cookie, likewise.
async fn own_session_cookie(http: &Shared, headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(token) = http.cookies.session.read(headers)? else { return Ok(None) };
    if let Some(app) = http.auth.app_of_session_token(&token).await? {
        origin::require_own(http, headers, &app).await?;
    }
    Ok(Some(token))
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
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    refresh_expires_in: u64,
    session_id: String,
}

pub fn tokens(http: &Shared, tokens: &TokenSet, transport: Transport) -> Response {
    let refresh_token = tokens.refresh_token.expose();
    let life = tokens.refresh_expires_in;
    let shape = TokensShape {
        access_token: &tokens.access_token,
        token_type: "Bearer",
        expires_in: tokens.expires_in.as_secs(),
        refresh_token: (transport == Transport::Body).then_some(refresh_token),
        refresh_expires_in: life.as_secs(),
        session_id: tokens.session.to_string(),
    };
    let mut response = axum::Json(shape).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if transport == Transport::Cookie {
        headers.append(header::SET_COOKIE, http.cookies.refresh.keep(refresh_token, life));
    }
    response
}

/// The answer to a sign-in without tokens.
#[derive(Serialize)]
struct SessionShape {
    session_id: String,
    session_expires_in: u64,
}

fn session(http: &Shared, granted: &SessionGrant) -> Response {
    let SessionGrant { token, expires_in, .. } = granted;
    let shape =
        SessionShape { session_id: token.session().to_string(), session_expires_in: expires_in.as_secs() };
    let cookie = http.cookies.session.keep(token.expose(), *expires_in);
    let headers =
        [(header::CACHE_CONTROL, HeaderValue::from_static("no-store")), (header::SET_COOKIE, cookie)];
    (headers, axum::Json(shape)).into_response()
}
