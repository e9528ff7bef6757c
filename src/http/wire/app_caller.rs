//! Who may call, where apps call: a confidential app that proves itself with HTTP Basic (RFC 7617),
//! at the paths of its own.

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{HeaderMap, header, request::Parts},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::problem::Problem;
use crate::{auth::error::AuthError, domain::app::AppName, http::Shared};

/// A confidential app that showed its secret, whatever the path.
pub struct AppCaller(pub AppName);

/// The same, where the path is that app's own; another app's is not found.
pub struct OwnApp(pub AppName);

impl FromRequestParts<Shared> for AppCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, http: &Shared) -> Result<Self, Problem> {
        let (name, secret) = basic(&parts.headers).ok_or_else(Problem::app_credentials)?;
        match http.auth.authenticate_app(&name, &secret).await {
            Ok(app) => Ok(Self(app)),
            Err(AuthError::InvalidCredentials) => Err(Problem::app_credentials()),
            Err(error) => Err(error.into()),
        }
    }
}

impl FromRequestParts<Shared> for OwnApp {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, http: &Shared) -> Result<Self, Problem> {
        let AppCaller(name) = AppCaller::from_request_parts(parts, http).await?;
        let path = RawPathParams::from_request_parts(parts, http).await.map_err(|_| Problem::not_found())?;
        let is_own = path.iter().any(|(param, value)| param == "app" && value == name.as_str());
        if is_own { Ok(Self(name)) } else { Err(Problem::not_found()) }
    }
}

/// Lets through what is about a public app, and what is about a confidential one only with its secret
/// (RFC 6749 section 6): nobody else signs in to it or refreshes its tokens. What comes with the name of
/// another app proves nothing here.
///
/// # Errors
/// 401 `invalid_credentials`; or the store's.
pub async fn require_secret(http: &Shared, headers: &HeaderMap, app: &AppName) -> Result<(), Problem> {
    let shown = basic(headers).filter(|(name, _)| name == app.as_str());
    let secret = shown.as_ref().map(|(_, secret)| secret.as_str());
    match http.auth.require_app_secret(app, secret).await {
        Err(AuthError::InvalidCredentials) => Err(Problem::app_credentials()),
        answer => Ok(answer?),
    }
}

/// The user name and password of the one `Authorization` header. Two headers are none: which one
/// counts must not be a guess.
pub fn basic(headers: &HeaderMap) -> Option<(String, Zeroizing<String>)> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (scheme, encoded) = line.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let decoded = Zeroizing::new(String::from_utf8(decoded).ok()?);
    let (name, secret) = decoded.split_once(':')?;
    Some((name.to_owned(), Zeroizing::new(secret.to_owned())))
}
