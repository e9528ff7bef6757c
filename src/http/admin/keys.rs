//! Signing keys: see them, make another, take one out of service. Their private halves are told to nobody.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    caller::{MayManage, MayRead},
    page,
};
use crate::{
    answers::{Key, Keys, RetiredKey},
    http::{
        Shared,
        wire::{body::Json, problem::Problem, query::StrictQuery},
    },
    keys::schedule::Retirement,
};

pub async fn list(State(http): State<Shared>, _: MayRead) -> Json<Keys> {
    let keys = http.auth.keys().list().iter().map(Key::from).collect();
    Json(Keys { keys, next_cursor: None })
}

pub async fn rotate(
    State(http): State<Shared>,
    MayManage(occasion): MayManage,
) -> Result<(StatusCode, Json<Key>), Problem> {
    Ok((StatusCode::CREATED, Json(Key::from(&http.auth.rotate_key(&occasion).await?))))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RetireQuery {
    /// It is deleted at once, and its tokens are refused.
    #[serde(default)]
    compromised: bool,
}

pub async fn retire(
    State(http): State<Shared>,
    MayManage(occasion): MayManage,
    kid: Result<Path<String>, PathRejection>,
    StrictQuery(RetireQuery { compromised }): StrictQuery<RetireQuery>,
) -> Result<Json<RetiredKey>, Problem> {
    let kid = page::named(kid, |text| Some(text.to_owned()))?;
    let how = if compromised { Retirement::Compromised } else { Retirement::Orderly };
    http.auth.retire_key(&kid, how, &occasion).await?;
    Ok(Json(RetiredKey { kid, compromised }))
}
