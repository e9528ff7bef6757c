//! The second factors of a user: see them, and take them away from who has lost them.

use axum::extract::{Path, State, rejection::PathRejection};

use super::{
    caller::{MayManage, MayRead},
    users,
};
use crate::{
    answers::{Factors, RemovedFactors},
    http::{
        Shared,
        wire::{body::Json, problem::Problem},
    },
};

type FactorsOf = Result<Path<String>, PathRejection>;

pub async fn list(State(http): State<Shared>, _: MayRead, id: FactorsOf) -> Result<Json<Factors>, Problem> {
    let user = users::find(&http, id).await?;
    Ok(Json(Factors::from(&http.auth.factors_of(user.id).await?)))
}

pub async fn remove(
    State(http): State<Shared>,
    MayManage(occasion): MayManage,
    id: FactorsOf,
) -> Result<Json<RemovedFactors>, Problem> {
    let user = users::find(&http, id).await?;
    Ok(Json(RemovedFactors { removed: http.auth.remove_factors(user.id, &occasion).await? }))
}
