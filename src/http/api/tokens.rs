//! Sign in and refresh.

use std::{fmt, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Unexpected, Visitor},
};

use crate::{
    auth::{
        error::AuthError,
        sign_in::login::{Login, LoginOutcome, SessionGrant},
        tokens::issue::TokenSet,
    },
    domain::{app::AppName, ids::UserId, secret::Password, session::Device, user::Username},
    http::{
        Shared,
        wire::{
            app_caller,
            body::{Json, OptionalJson, member},
            caller::{ArrivedAt, ClientAddress},
            origin,
            own_cookies::{self, Browser},
            problem::Problem,
        },
    },
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// It is in the body, and the client's own affair.
    #[default]
    Body,
    /// It is in a cookie that no script can read.
    Cookie,
    /// There is none, and no access token either: a cookie is all there is, and lives by its use.
    Session,
}

impl<'de> Deserialize<'de> for Transport {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Word)
    }
}

/// Says what a transport may be, whatever stood there.
struct Word;

impl Visitor<'_> for Word {
    type Value = Transport;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("body, cookie or session")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Transport, E> {
        match word {
            "body" => Ok(Transport::Body),
            "cookie" => Ok(Transport::Cookie),
            "session" => Ok(Transport::Session),
            _ => Err(E::invalid_value(Unexpected::Other("another word"), &self)),
        }
    }
}

pub async fn login(
    State(http): State<Shared>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Json(body): Json<LoginBody>,
) -> Result<Response, Problem> {
    let app = body.app.as_deref().map_or(Ok(AppName::default_app()), AppName::parse);
    let app = member("app", app)?;
    if body.transport != Transport::Body && headers.contains_key(header::ORIGIN) {
        // Else a stranger's page could sign its visitor in as somebody else.
        origin::require_own_page(&http, &headers, &app).await?;
    }
    app_caller::require_secret(&http, &headers, &app).await?;
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let login = Login {
        username: member("username", Username::known(&body.username))?,
        password: member("password", Password::parse(&body.password))?,
        app: Some(app),
        device: Device::new(body.device.as_deref(), address, user_agent),
        kept: http.cookies.kept(&headers),
    };
    let (user, mut response) = sign_in(&http, login, body.transport).await?;
    if body.transport == Transport::Body {
        return Ok(response);
    }
    replace(&http, &headers, body.transport, &mut response).await;
    if let Some(device) = http.auth.device_token(user, &http.cookies.kept(&headers)) {
        let kept = http.cookies.device.keep(device.expose(), DEVICE_KEPT);
        response.headers_mut().append(header::SET_COOKIE, kept);
    }
    Ok(response)
}

/// Whose sign-in it was, and its answer in the transport that was asked for.
async fn sign_in(http: &Shared, login: Login, transport: Transport) -> Result<(UserId, Response), Problem> {
    if transport == Transport::Session {
        let granted = signed_in(http.auth.login_to_session(login).await?)?;
        return Ok((granted.user, session(http, &granted)));
    }
    let issued = signed_in(http.auth.login(login).await?)?;
    Ok((issued.user, tokens(http, &issued, transport)))
}

fn signed_in<T>(outcome: LoginOutcome<T>) -> Result<T, Problem> {
    match outcome {
        LoginOutcome::SignedIn(opened) => Ok(opened),
        LoginOutcome::Needs(_) => Err(AuthError::SecondFactorRequired.into()),
    }
}

/// Ends what the browser was signed in to before, now that it has something else to keep. Where that
/// fails the sign-in stands all the same: an error would leave the browser with its old session, and
/// open one more at each try.
async fn replace(http: &Shared, headers: &HeaderMap, transport: Transport, response: &mut Response) {
    let Ok(browser) = Browser::of(http, headers).await else {
        tracing::warn!("the session before a sign-in could not be ended: a store is away");
        return;
    };
    for shown in browser.living() {
        if let Err(error) = http.auth.replace(shown).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the session before a sign-in could not be ended");
        }
    }
    // The cookie of the same transport has a new content already.
    let (other, cookie) = match transport {
        Transport::Session => (&browser.refresh, &http.cookies.refresh),
        Transport::Body | Transport::Cookie => (&browser.session, &http.cookies.session),
    };
    if other.is_spent() {
        response.headers_mut().append(header::SET_COOKIE, cookie.clear());
    }
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
        None => match own_cookies::refresh(&http, &headers).await?.token()? {
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
