//! What redis-sessions 4 refuses, in its words: a name and a message. What it does not know of, such
//! as a store that is away, is a problem as everywhere else.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{auth::error::AuthError, http::wire::problem::Problem};

/// A parameter that is missing or wrong.
#[derive(Debug, Serialize)]
pub struct Refusal {
    name: &'static str,
    message: String,
}

impl Refusal {
    /// It did not come, or is empty.
    pub fn missing(item: &str) -> Self {
        Self { name: "missingParameter", message: format!("No {item} supplied") }
    }

    /// It does not have the form of one.
    pub fn format(item: &str) -> Self {
        Self { name: "invalidFormat", message: format!("Invalid {item} format") }
    }

    /// Its value cannot be taken, for this reason.
    pub fn value(message: impl Into<String>) -> Self {
        Self { name: "invalidValue", message: message.into() }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// The library would have refused too.
    Refused(Refusal),
    /// Anything else.
    Problem(Problem),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        Self::Problem(error.into())
    }
}

impl IntoResponse for Failure {
    /// The original answers 500 to whatever is wrong; a client's mistake is 400 here, so that it
    /// raises no alarm and is not tried again.
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => (StatusCode::BAD_REQUEST, axum::Json(refusal)).into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}
