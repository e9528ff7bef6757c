//! Sign in and refresh.

use std::{fmt, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, Unexpected, Visitor},
};
use utoipa::ToSchema;

use crate::{
    answers::{SignedIn, Tokens},
    auth::{
        error::AuthError,
        sign_in::login::{Login, LoginOutcome},
        tokens::issue::TokenSet,
    },
    domain::{
        app::AppName, causes::Causes, ids::UserId, occasion::Occasion, secret::Password, session::Device,
        user::Username,
    },
    http::{
        Shared,
        wire::{
            app_caller,
            body::{Json, OptionalJson, member},
            caller::ArrivedAt,
            occasion::CameBy,
            origin,
            own_cookies::{self, Browser},
            problem::Problem,
        },
    },
    measures::{GRANTED, table::REFRESHES},
};

/// How long a browser keeps that an account has signed in on it. Some keep nothing for longer.
const DEVICE_KEPT: Duration = Duration::from_hours(400 * 24);

#[derive(Deserialize, ToSchema)]
pub struct LoginBody {
    #[schema(min_length = 1, max_length = 128)]
    username: String,
    #[schema(max_length = 256, format = Password)]
    password: String,
    /// What the owner's list of sessions calls it.
    device: Option<String>,
    /// A registered app; without it `default`.
    app: Option<String>,
    #[serde(default)]
    #[schema(inline)]
    transport: Transport,
}

/// How a client keeps its refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ToSchema)]
#[schema(rename_all = "lowercase")]
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
    CameBy(occasion): CameBy,
    sent: HeaderMap,
    Json(body): Json<LoginBody>,
) -> Result<(HeaderMap, Json<SignedIn>), Problem> {
    let app = body.app.as_deref().map_or(Ok(AppName::default_app()), AppName::parse);
    let app = member("app", app)?;
    if body.transport != Transport::Body && sent.contains_key(header::ORIGIN) {
        // Else a stranger's page could sign its visitor in as somebody else.
        origin::require_own_page(&http, &sent, &app).await?;
    }
    app_caller::require_secret(&http, &sent, &app).await?;
    let login = Login {
        username: member("username", Username::known(&body.username))?,
        password: member("password", Password::parse(&body.password))?,
        app: Some(app),
        device: Device::new(body.device.as_deref(), occasion.address, occasion.agent.as_deref()),
        kept: http.cookies.kept(&sent),
    };
    let (user, mut headers, answer) = sign_in(&http, login, body.transport, &occasion).await?;
    if body.transport != Transport::Body {
        if let Some(cleared) = replace(&http, &sent, body.transport, &occasion).await {
            headers.append(header::SET_COOKIE, cleared);
        }
        if let Some(device) = http.auth.device_token(user, &http.cookies.kept(&sent)) {
            let kept = http.cookies.device.keep(device.expose(), DEVICE_KEPT);
            headers.append(header::SET_COOKIE, kept);
        }
    }
    Ok((headers, Json(answer)))
}

/// Who signed in, what a cookie keeps, and what is said.
async fn sign_in(
    http: &Shared,
    login: Login,
    transport: Transport,
    occasion: &Occasion,
) -> Result<(UserId, HeaderMap, SignedIn), Problem> {
    if transport == Transport::Session {
        let granted = signed_in(http.auth.login_to_session(login, occasion).await?)?;
        let cookie = http.cookies.session.keep(granted.token.expose(), granted.expires_in);
        let headers = HeaderMap::from_iter([(header::SET_COOKIE, cookie)]);
        Ok((granted.user, headers, SignedIn::Session((&granted).into())))
    } else {
        let issued = signed_in(http.auth.login(login, occasion).await?)?;
        let user = issued.user;
        let (headers, Json(tokens)) = tokens(http, issued, transport);
        Ok((user, headers, SignedIn::Tokens(tokens)))
    }
}

fn signed_in<T>(outcome: LoginOutcome<T>) -> Result<T, Problem> {
    match outcome {
        LoginOutcome::SignedIn(opened) => Ok(opened),
        LoginOutcome::Needs(_) => Err(AuthError::SecondFactorRequired.into()),
    }
}

/// Ends what the browser was signed in to before, now that it has something else to keep; returns what
/// has it forget that. Where the end fails the sign-in stands all the same: an error would leave the
/// browser with its old session, and open one more at each try.
async fn replace(
    http: &Shared,
    sent: &HeaderMap,
    transport: Transport,
    occasion: &Occasion,
) -> Option<HeaderValue> {
    let browser = match Browser::of(http, sent).await {
        Ok(browser) => browser,
        Err(problem) => {
            let error = problem.cause().map(|cause| tracing::field::display(cause.error()));
            tracing::warn!(error, "the session before a sign-in could not be ended");
            return None;
        }
    };
    for shown in browser.living() {
        if let Err(error) = http.auth.replace(shown, occasion).await {
            tracing::warn!(error = %Causes(&error), "the session before a sign-in could not be ended");
        }
    }
    // The cookie of the same transport has a new content already.
    let (other, cookie) = match transport {
        Transport::Session => (&browser.refresh, &http.cookies.refresh),
        Transport::Body | Transport::Cookie => (&browser.session, &http.cookies.session),
    };
    other.is_spent().then(|| cookie.clear())
}

#[derive(Deserialize, ToSchema)]
pub struct RefreshBody {
    refresh_token: Option<String>,
}

/// By the body's token, else by the cookie's. A refusal never clears the cookie: by the time it
/// arrives, another tab's refresh or sign-in may have put a new one there.
pub async fn refresh(
    State(http): State<Shared>,
    arrived_at: ArrivedAt,
    CameBy(occasion): CameBy,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<RefreshBody>,
) -> Result<(HeaderMap, Json<Tokens>), Problem> {
    let outcome = refreshed(&http, &arrived_at, &occasion, &headers, body).await;
    REFRESHES.count(&[outcome.as_ref().map_or_else(Problem::code, |_| GRANTED)]);
    outcome
}

async fn refreshed(
    http: &Shared,
    arrived_at: &ArrivedAt,
    occasion: &Occasion,
    headers: &HeaderMap,
    body: Option<RefreshBody>,
) -> Result<(HeaderMap, Json<Tokens>), Problem> {
    let has_body = body.is_some();
    let (token, app, transport) = match body.and_then(|body| body.refresh_token) {
        Some(token) => {
            let app = http.auth.app_of_refresh_token(&token).await?;
            (token, app, Transport::Body)
        }
        None => match own_cookies::refresh(http, headers).await?.token()? {
            Some((token, app)) => (token, app, Transport::Cookie),
            None if has_body => {
                return Err(Problem::invalid_request("there is neither a refresh_token nor a cookie"));
            }
            None => return Err(AuthError::TokenMissing.into()),
        },
    };
    // Before anything becomes of the session: who lacks the secret must not harm it.
    if let Some(app) = app {
        app_caller::require_secret(http, headers, &app).await?;
    }
    let arrived_at = arrived_at.by_clock(&http.auth);
    Ok(tokens(http, http.auth.refresh(&token, arrived_at, occasion).await?, transport))
}

/// The tokens, and the cookie that holds one of them.
pub fn tokens(http: &Shared, issued: TokenSet, transport: Transport) -> (HeaderMap, Json<Tokens>) {
    if transport != Transport::Cookie {
        return (HeaderMap::new(), Json(Tokens::whole(issued)));
    }
    let cookie = http.cookies.refresh.keep(issued.refresh_token.expose(), issued.refresh_expires_in);
    (HeaderMap::from_iter([(header::SET_COOKIE, cookie)]), Json(Tokens::beside_cookie(issued)))
}
