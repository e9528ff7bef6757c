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
use utoipa::{
    ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};

use crate::{
    answers::{SignedIn, Tokens},
    auth::{
        error::AuthError,
        sign_in::login::{Login, LoginOutcome, SessionGrant},
        tokens::issue::TokenSet,
    },
    domain::{
        app::AppName,
        causes::Causes,
        ids::UserId,
        occasion::Occasion,
        secret::Password,
        session::{Device, Transport},
        user::Username,
    },
    http::{
        Shared,
        wire::{
            app_caller,
            body::{Json, OptionalJson, member},
            caller::ArrivedAt,
            key_proof,
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
    /// A user name, or a verified e-mail address.
    #[schema(min_length = 1, max_length = 254)]
    username: String,
    #[schema(max_length = 256, format = Password)]
    password: String,
    /// What the owner's list of sessions calls it.
    device: Option<String>,
    /// A registered app; without it `default`.
    app: Option<String>,
    #[serde(default)]
    #[schema(schema_with = transports)]
    transport: Transport,
}

impl<'de> Deserialize<'de> for Transport {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Word)
    }
}

/// The same in the document of the API.
pub(super) fn transports() -> Object {
    let words = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Transport::ALL.map(Transport::as_str)));
    let text = "`body`: the refresh token is the client's own affair; `cookie`: it is in a cookie that no script can \
                read; `session`: a cookie is all there is, and lives by its use.";
    words.default(Some(Transport::default().as_str().into())).description(Some(text)).build()
}

/// Says what a transport may be, whatever stood there.
struct Word;

impl Visitor<'_> for Word {
    type Value = Transport;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("body, cookie or session")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Transport, E> {
        Transport::parse(word).ok_or_else(|| E::invalid_value(Unexpected::Other("another word"), &self))
    }
}

pub async fn login(
    State(http): State<Shared>,
    CameBy(occasion): CameBy,
    sent: HeaderMap,
    Json(body): Json<LoginBody>,
) -> Result<(HeaderMap, Json<SignedIn>), Problem> {
    let app = app_of_sign_in(&http, &sent, body.app.as_deref(), body.transport).await?;
    let login = Login {
        username: member("username", Username::or_address(&body.username))?,
        password: member("password", Password::parse(&body.password))?,
        app: Some(app),
        device: Device::new(body.device.as_deref(), occasion.address, occasion.agent.as_deref()),
        transport: body.transport,
        key: key_proof::at_sign_in(&http, &sent, "/v1/login", body.transport)?,
        kept: http.cookies.kept(&sent),
    };
    let (user, headers, answer) = sign_in(&http, login, &occasion).await?;
    let headers = settle_browser(&http, &sent, (user, body.transport), headers, &occasion).await;
    Ok((headers, Json(answer)))
}

/// The app that is signed in to, where the request may come from where it does.
pub(super) async fn app_of_sign_in(
    http: &Shared,
    sent: &HeaderMap,
    app: Option<&str>,
    transport: Transport,
) -> Result<AppName, Problem> {
    let app = member("app", app.map_or(Ok(AppName::default_app()), AppName::parse))?;
    if transport != Transport::Body && sent.contains_key(header::ORIGIN) {
        // Else a stranger's page could sign its visitor in as somebody else.
        origin::require_own_page(http, sent, &app).await?;
    }
    app_caller::require_secret(http, sent, &app).await?;
    Ok(app)
}

/// What else a browser is told that signed in: it forgets what it had before, and keeps that it was here.
pub async fn settle_browser(
    http: &Shared,
    sent: &HeaderMap,
    (user, transport): (UserId, Transport),
    mut headers: HeaderMap,
    occasion: &Occasion,
) -> HeaderMap {
    if transport != Transport::Body {
        if let Some(cleared) = replace(http, sent, transport, occasion).await {
            headers.append(header::SET_COOKIE, cleared);
        }
        if let Some(device) = http.auth.device_token(user, &http.cookies.kept(sent)) {
            let kept = http.cookies.device.keep(device.expose(), DEVICE_KEPT);
            headers.append(header::SET_COOKIE, kept);
        }
    }
    headers
}

/// Who signed in, what a cookie keeps, and what is said.
type Handed = (UserId, HeaderMap, SignedIn);

async fn sign_in(http: &Shared, login: Login, occasion: &Occasion) -> Result<Handed, Problem> {
    let transport = login.transport;
    if transport == Transport::Session {
        Ok(of_session(http, &signed_in(http.auth.login_to_session(login, occasion).await?)?))
    } else {
        Ok(of_tokens(http, signed_in(http.auth.login(login, occasion).await?)?, transport))
    }
}

/// A session without tokens, as it is handed out.
pub fn of_session(http: &Shared, granted: &SessionGrant) -> Handed {
    let cookie = http.cookies.session.keep(granted.token.expose(), granted.expires_in);
    let headers = HeaderMap::from_iter([(header::SET_COOKIE, cookie)]);
    (granted.user, headers, SignedIn::Session(granted.into()))
}

/// A session with tokens, as it is handed out.
pub fn of_tokens(http: &Shared, issued: TokenSet, transport: Transport) -> Handed {
    let user = issued.user;
    let (headers, Json(tokens)) = tokens(http, issued, transport);
    (user, headers, SignedIn::Tokens(tokens))
}

fn signed_in<T>(outcome: LoginOutcome<T>) -> Result<T, Problem> {
    match outcome {
        LoginOutcome::SignedIn(opened) => Ok(opened),
        LoginOutcome::Needs(asked) => Err(Problem::mfa_required(&asked)),
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
    let proof = key_proof::at_refresh(http, headers, "/v1/refresh")?;
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
    Ok(tokens(http, http.auth.refresh(&token, proof.as_ref(), arrived_at, occasion).await?, transport))
}

/// The tokens, and the cookie that holds one of them.
pub fn tokens(http: &Shared, issued: TokenSet, transport: Transport) -> (HeaderMap, Json<Tokens>) {
    if transport != Transport::Cookie {
        return (HeaderMap::new(), Json(Tokens::whole(issued)));
    }
    let cookie = http.cookies.refresh.keep(issued.refresh_token.expose(), issued.refresh_expires_in);
    (HeaderMap::from_iter([(header::SET_COOKIE, cookie)]), Json(Tokens::beside_cookie(issued)))
}
