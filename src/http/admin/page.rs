//! How long a page of a list is, and where it begins.

use std::str::FromStr;

use axum::extract::{Path, rejection::PathRejection};

use crate::http::wire::problem::Problem;

/// How many a page has when the client does not say, and at most.
const USUAL: u32 = 100;
const MOST: u32 = 1000;

pub(super) fn limit(wanted: Option<u32>) -> Result<u32, Problem> {
    let limit = wanted.unwrap_or(USUAL);
    let fits = (1..=MOST).contains(&limit);
    fits.then_some(limit).ok_or_else(|| Problem::invalid_request(format!("limit: takes 1 to {MOST}")))
}

pub(super) fn cursor<T: FromStr>(text: Option<&str>) -> Result<Option<T>, Problem> {
    let place = text.map(str::parse).transpose();
    place.map_err(|_| foreign_cursor())
}

/// Of another list, or of none.
pub(super) fn foreign_cursor() -> Problem {
    Problem::invalid_request("cursor: takes the next_cursor of a page of the same list")
}

/// What the path names. A text that is no id is the id of nothing.
pub(super) fn named<T>(
    path: Result<Path<String>, PathRejection>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Problem> {
    path.ok().and_then(|Path(text)| parse(&text)).ok_or_else(Problem::not_found)
}
