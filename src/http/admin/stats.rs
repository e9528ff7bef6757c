//! How much there is.

use axum::extract::State;

use super::caller::MayRead;
use crate::{
    answers::Stats,
    http::{
        Shared,
        wire::{body::Json, problem::Problem},
    },
};

pub async fn show(State(http): State<Shared>, _: MayRead) -> Result<Json<Stats>, Problem> {
    Ok(Json(http.auth.totals().await?.into()))
}
