//! A forgotten password: ask for a link, and set a new one by it.

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::second_factor::proof;
use crate::{
    answers::MfaChallenge,
    domain::{
        app::AppName,
        secret::Password,
        sign_in::Method,
        user::{EMAIL_MAX_CHARS, InvalidName},
    },
    http::{
        Shared,
        wire::{
            body::{Json, member},
            occasion::CameBy,
            problem::Problem,
        },
    },
};

#[derive(Deserialize, ToSchema)]
pub struct ForgotBody {
    /// A user name or an e-mail address.
    #[schema(min_length = 1, max_length = 254)]
    identifier: String,
    /// Whose page the link leads to; `default` where it is not said.
    app: Option<String>,
}

/// 202 whoever that is, and whether there is anybody.
pub async fn forgot(
    State(http): State<Shared>,
    CameBy(occasion): CameBy,
    Json(body): Json<ForgotBody>,
) -> Result<StatusCode, Problem> {
    let app = body.app.as_deref().map_or(Ok(AppName::default_app()), AppName::parse);
    let app = member("app", app)?;
    let identifier = member("identifier", identifier(&body.identifier))?;
    http.auth.forgot_password(identifier, app, &occasion).await?;
    Ok(StatusCode::ACCEPTED)
}

/// A name or an address, as far as it could be one.
fn identifier(typed: &str) -> Result<&str, InvalidName> {
    let typed = typed.trim();
    if typed.is_empty() || typed.chars().nth(EMAIL_MAX_CHARS).is_some() || typed.chars().any(char::is_control)
    {
        return Err(InvalidName("takes a user name or an e-mail address"));
    }
    Ok(typed)
}

#[derive(Deserialize, ToSchema)]
pub struct ResetBody {
    /// Of the link.
    token: String,
    /// Of at least `accounts.password_min_length` characters, and not a guessable one.
    #[schema(max_length = 256, format = Password)]
    new: String,
    /// Six digits: of an account with a second factor this, a recovery code or a passkey.
    totp: Option<String>,
    recovery_code: Option<String>,
    /// What `navigator.credentials.get()` brought, as its `toJSON()` has it.
    #[schema(value_type = Option<Object>)]
    passkey: Option<Value>,
}

#[derive(Deserialize, ToSchema)]
pub struct ResetChallengeBody {
    /// Of the link.
    token: String,
    /// One that the account has set up.
    method: String,
}

pub async fn challenge(
    State(http): State<Shared>,
    Json(body): Json<ResetChallengeBody>,
) -> Result<Json<MfaChallenge>, Problem> {
    let method = Method::parse(&body.method).ok_or("takes one that the account has set up");
    let method = member("method", method)?;
    Ok(Json(http.auth.reset_challenge(&body.token, method).await?.into()))
}

pub async fn reset(
    State(http): State<Shared>,
    CameBy(occasion): CameBy,
    Json(body): Json<ResetBody>,
) -> Result<StatusCode, Problem> {
    let new = member("new", Password::parse(&body.new))?;
    let proof = proof(body.totp.as_deref(), body.recovery_code.as_deref(), body.passkey)?;
    http.auth.reset_password(&body.token, &new, proof.as_ref(), &occasion).await?;
    Ok(StatusCode::NO_CONTENT)
}
