//! Which client asks: `client_secret_basic`, `client_secret_post`, or for a public one `none`
//! (RFC 6749 section 2.3). Two ways at once are none: which one counts must not be a guess.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};
use percent_encoding::percent_decode_str;

use super::{OAuthError, form::FormParams};
use crate::{
    auth::error::AuthError,
    domain::app::AppName,
    http::{Shared, wire::app_caller},
};

/// What a client shows of itself, good or not.
struct Credentials<'a> {
    name: Cow<'a, str>,
    secret: Option<Cow<'a, str>>,
    in_header: bool,
}

/// The client: a confidential one with its secret, or a public one.
pub async fn any(http: &Shared, headers: &HeaderMap, params: &FormParams<'_>) -> Result<AppName, OAuthError> {
    let shown = Credentials::read(headers, params)?;
    let client = http.auth.authenticate_client(&shown.name, shown.secret.as_deref()).await;
    client.map_err(|error| shown.refusal(error))
}

/// The client, which must be a confidential one.
pub async fn confidential(
    http: &Shared,
    headers: &HeaderMap,
    params: &FormParams<'_>,
) -> Result<AppName, OAuthError> {
    let shown = Credentials::read(headers, params)?;
    let client = http.auth.authenticate_app(&shown.name, shown.secret.as_deref().unwrap_or_default()).await;
    client.map_err(|error| shown.refusal(error))
}

impl<'a> Credentials<'a> {
    fn read(headers: &HeaderMap, params: &'a FormParams<'a>) -> Result<Self, OAuthError> {
        let (name, secret) = (params.get("client_id"), params.get("client_secret"));
        let lines = headers.get_all(header::AUTHORIZATION).iter().count();
        if lines + usize::from(secret.is_some()) > 1 {
            return Err(OAuthError::invalid_request("a client authenticates in one way"));
        }
        if lines == 0 {
            let name = Cow::Borrowed(name.ok_or_else(|| OAuthError::invalid_client(false))?);
            return Ok(Self { name, secret: secret.map(Cow::Borrowed), in_header: false });
        }
        let shown = Self::in_header(headers).ok_or_else(|| OAuthError::invalid_client(true))?;
        if name.is_some_and(|name| name != shown.name) {
            return Err(OAuthError::invalid_request("client_id is not the client of the header"));
        }
        Ok(shown)
    }

    /// Both halves are encoded like a form's (RFC 6749 section 2.3.1). A `+` would be a space, which
    /// neither a name nor a secret has.
    fn in_header(headers: &HeaderMap) -> Option<Self> {
        let (name, secret) = app_caller::basic(headers)?;
        let decode = |text: &str| percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned);
        let secret = Some(decode(&secret)?).filter(|secret| !secret.is_empty());
        Some(Self { name: decode(&name)?.into(), secret: secret.map(Cow::Owned), in_header: true })
    }

    fn refusal(&self, error: AuthError) -> OAuthError {
        match error {
            AuthError::InvalidCredentials => OAuthError::invalid_client(self.in_header),
            other => other.into(),
        }
    }
}
