//! The second factors of one's own.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    answers::{Factors, RecoveryCodes, TotpEnrolment},
    domain::{ids::FactorId, totp_code::TotpCode},
    http::{
        Shared,
        wire::{
            body::{Json, member},
            caller::SignedIn,
            occasion::CameBy,
            problem::Problem,
        },
    },
};

pub async fn list(State(http): State<Shared>, SignedIn(caller): SignedIn) -> Result<Json<Factors>, Problem> {
    Ok(Json(Factors::from(&http.auth.own_factors(&caller).await?)))
}

pub async fn begin_totp(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
) -> Result<Json<TotpEnrolment>, Problem> {
    Ok(Json(http.auth.begin_totp(&caller).await?.into()))
}

#[derive(Deserialize, ToSchema)]
pub struct ConfirmBody {
    /// Six digits.
    totp: String,
}

pub async fn confirm_totp(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    CameBy(occasion): CameBy,
    Json(body): Json<ConfirmBody>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let code = member("totp", TotpCode::parse(&body.totp))?;
    let codes = http.auth.confirm_totp(&caller, &code, &occasion).await?;
    Ok(Json(RecoveryCodes::from(codes.as_slice())))
}

pub async fn renew_recovery_codes(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    CameBy(occasion): CameBy,
) -> Result<Json<RecoveryCodes>, Problem> {
    let codes = http.auth.renew_recovery_codes(&caller, &occasion).await?;
    Ok(Json(RecoveryCodes::from(codes.as_slice())))
}

pub async fn remove(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    CameBy(occasion): CameBy,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Ok(Path(id)) = id else { return Err(Problem::not_found()) };
    let id: FactorId = id.parse().map_err(|_| Problem::not_found())?;
    http.auth.remove_factor(&caller, id, &occasion).await?;
    Ok(StatusCode::NO_CONTENT)
}
