//! What stands after the question mark. An unknown parameter is refused: where a wrong name were ignored, "end those
//! of a user" would end everybody's.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::http::Shared;

pub struct StrictQuery<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for StrictQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, http: &Shared) -> Result<Self, Problem> {
        let query = Query::from_request_parts(parts, http).await;
        let told = "a query parameter is unknown, missing, given twice or of the wrong form";
        query.map(|Query(query)| Self(query)).map_err(|_| Problem::invalid_request(told))
    }
}
