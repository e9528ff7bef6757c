//! Who may call is in the signature: extractors for the bearer token, the caller it is of, and the
//! client's address.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Once,
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, Method, header, request::Parts},
};

use super::{forwarded, origin, problem::Problem};
use crate::{
    auth::{Auth, check, error::AuthError},
    domain::clock::Timestamp,
    http::Shared,
    measures::table::FORWARDED_IGNORED,
};

/// What the `Authorization` header holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential<'a> {
    None,
    /// One bearer token, whether good or not.
    Bearer(&'a str),
    /// More than one, or one that is not well-formed.
    Malformed,
}

/// Which bytes a bearer token is made of (RFC 6750 section 2.1): a table, for each check looks at hundreds.
static IS_OF_TOKEN: [bool; 256] = {
    let (mut table, mut byte) = ([false; 256], 0_u8);
    while byte < 128 {
        table[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
        byte += 1;
    }
    table
};

impl<'a> Credential<'a> {
    /// Reads the header (RFC 6750 section 2.1). Another scheme is no credential of ours. Two
    /// headers, or two joined by a proxy, are malformed: which one counts must not be a guess.
    pub fn of(headers: &'a HeaderMap) -> Self {
        let mut lines = headers.get_all(header::AUTHORIZATION).iter();
        let Some(line) = lines.next() else { return Self::None };
        let (Ok(line), None) = (line.to_str(), lines.next()) else { return Self::Malformed };
        let (scheme, token) = line.split_once(' ').unwrap_or((line, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return if line.contains(',') { Self::Malformed } else { Self::None };
        }
        if token.is_empty() || !token.bytes().all(|byte| IS_OF_TOKEN[usize::from(byte)]) {
            return Self::Malformed;
        }
        Self::Bearer(token)
    }

    /// The token, or why there is none.
    pub fn token(self) -> Result<&'a str, Problem> {
        match self {
            Self::Bearer(token) => Ok(token),
            Self::None => Err(AuthError::TokenMissing.into()),
            Self::Malformed => Err(Problem::malformed_credential()),
        }
    }
}

/// A caller with an access token that is good now.
pub struct SignedIn(pub check::Caller);

impl FromRequestParts<Shared> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, http: &Shared) -> Result<Self, Problem> {
        // A page that reads the answer says where it is from; a navigation or an own page need not.
        let is_own = !is_safe(&parts.method) || parts.headers.contains_key(header::ORIGIN);
        let pages = if is_own { Pages::Own } else { Pages::All };
        identify(http, &parts.headers, pages).await.map(Self)
    }
}

/// For the pages of which origins a session cookie counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    All,
    /// The server's own and those of the session's app.
    Own,
}

/// Who asks: by the one access token, else by the session cookie, which a browser sends along by
/// itself, whichever page asks.
pub async fn identify(http: &Shared, headers: &HeaderMap, pages: Pages) -> Result<check::Caller, Problem> {
    let credential = Credential::of(headers);
    let cookie = if credential == Credential::None { http.cookies.session.read(headers)? } else { None };
    let Some(token) = cookie else {
        return Ok(http.auth.identify(credential.token()?).await?);
    };
    // Boxed, for the future of a check is allocated anew each time, and few come with a cookie.
    Box::pin(identify_by_cookie(http, headers, &token, pages)).await
}

async fn identify_by_cookie(
    http: &Shared,
    headers: &HeaderMap,
    token: &str,
    pages: Pages,
) -> Result<check::Caller, Problem> {
    let caller = http.auth.identify_session(token).await?;
    if pages == Pages::Own {
        origin::require_own(http, headers, &caller.claims().app).await?;
    }
    Ok(caller)
}

/// Whether a method changes nothing (RFC 9110 section 9.2.1).
#[must_use]
pub const fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// The client's address, as far as the proxies before it are trusted.
pub struct ClientAddress(pub Option<IpAddr>);

impl FromRequestParts<Shared> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, http: &Shared) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let trusted = http.trusted_proxies.now();
        if let Some(peer) = peer.filter(|peer| forwarded::is_unheard(*peer, &parts.headers, &trusted)) {
            notice_unheard(peer);
        }
        Ok(Self(peer.map(|peer| forwarded::client_address(peer, &parts.headers, &trusted))))
    }
}

/// Anybody can send such headers, so it is said once, and counted.
fn notice_unheard(peer: IpAddr) {
    static SAID: Once = Once::new();

    FORWARDED_IGNORED.count(&[]);
    SAID.call_once(|| {
        tracing::warn!(
            client.address = %peer.to_canonical(),
            "X-Forwarded-For or Forwarded came from a peer that is not in server.trusted_proxies, and was \
             ignored: if that is your proxy, name it there, or all its clients count as one"
        );
    });
}

/// When the request reached the server: before anything of it was looked up, its body included. As a span, since the
/// clock may be set while it is under way.
pub struct ArrivedAt(Duration);

impl ArrivedAt {
    /// The moment, by the clock as it shows now.
    pub fn by_clock(&self, auth: &Auth) -> Timestamp {
        auth.now() - auth.passed().saturating_sub(self.0)
    }
}

impl FromRequestParts<Shared> for ArrivedAt {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, http: &Shared) -> Result<Self, Infallible> {
        Ok(Self(http.auth.passed()))
    }
}
