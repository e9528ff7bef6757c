//! The revocation endpoint (RFC 7009). A token tells its kind itself, so the hint is not needed.

use axum::{extract::State, http::StatusCode};

use super::{OAuthError, client, form::Form};
use crate::http::{Shared, wire::occasion::CameBy};

pub async fn revoke(
    State(http): State<Shared>,
    CameBy(occasion): CameBy,
    form: Form,
) -> Result<StatusCode, OAuthError> {
    let params = form.params()?;
    let app = client::any(&http, &form.headers, &params).await?;
    http.auth.revoke_token(&app, params.require("token")?, &occasion).await?;
    Ok(StatusCode::OK)
}
