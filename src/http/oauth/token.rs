//! The token endpoint (RFC 6749 section 3.2). It knows one grant, the refresh token; it is never a
//! place to type a password into.

use axum::{
    extract::State,
    http::{HeaderName, header},
};

use super::{OAuthError, client, form::Form};
use crate::{
    answers::Tokens,
    auth::error::AuthError,
    http::{
        Shared,
        wire::{body::Json, caller::ArrivedAt, key_proof, occasion::CameBy},
    },
    measures::{GRANTED, table::REFRESHES},
};

pub async fn token(
    State(http): State<Shared>,
    arrived_at: ArrivedAt,
    CameBy(occasion): CameBy,
    form: Form,
) -> Result<([(HeaderName, &'static str); 1], Json<Tokens>), OAuthError> {
    let params = form.params()?;
    if params.require("grant_type")? != "refresh_token" {
        return Err(OAuthError::unsupported_grant_type());
    }
    let refresh_token = params.require("refresh_token")?;
    let app = client::any(&http, &form.headers, &params).await?;
    // A session has no scope, and none may be asked for that was not granted (section 6).
    if params.get("scope").is_some() {
        return Err(OAuthError::invalid_scope());
    }
    let arrived_at = arrived_at.by_clock(&http.auth);
    let issued = match key_proof::at_refresh(&http, &form.headers, "/oauth/token") {
        Ok(proof) => http.auth.refresh_of(&app, refresh_token, proof.as_ref(), arrived_at, &occasion).await,
        Err(fault) => Err(fault),
    };
    REFRESHES.count(&[issued.as_ref().map_or_else(AuthError::code, |_| GRANTED)]);
    let issued = issued?;
    Ok(([(header::PRAGMA, "no-cache")], Json(Tokens::whole(issued))))
}
