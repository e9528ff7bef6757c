//! The address of one's own: ask for another one, and prove that it is one's own.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    domain::user::Email,
    http::{
        Shared,
        wire::{
            body::{Json, member},
            caller::{Pages, SignedIn, identify},
            occasion::CameBy,
            problem::Problem,
        },
    },
};

/// What is to become of one's account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnPatch {
    #[schema(max_length = 254)]
    email: String,
}

pub async fn change(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    CameBy(occasion): CameBy,
    Json(patch): Json<OwnPatch>,
) -> Result<StatusCode, Problem> {
    let email = member("email", Email::parse(&patch.email))?;
    http.auth.change_own_email(&caller, email, &occasion).await?;
    Ok(StatusCode::ACCEPTED)
}

/// One of the two.
#[derive(Deserialize, ToSchema)]
pub struct ConfirmEmailBody {
    /// Of a link.
    token: Option<String>,
    /// Six digits of the same mail.
    code: Option<String>,
}

/// By the token of a link, wherever that was opened, or by the code with a credential.
pub async fn confirm(
    State(http): State<Shared>,
    CameBy(occasion): CameBy,
    headers: HeaderMap,
    Json(body): Json<ConfirmEmailBody>,
) -> Result<StatusCode, Problem> {
    match (body.token, body.code) {
        (Some(token), None) => http.auth.follow_email_link(&token, &occasion).await?,
        (None, Some(code)) => {
            let caller = identify(&http, &headers, Pages::Own).await?;
            http.auth.confirm_own_email(&caller, &code, &occasion).await?;
        }
        _ => return Err(Problem::invalid_request("token or code: takes one of the two")),
    }
    Ok(StatusCode::NO_CONTENT)
}
