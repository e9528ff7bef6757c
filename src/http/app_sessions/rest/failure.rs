//! What redis-sessions 4 refuses, in its words: a name and a message. What it does not know of, such
//! as a store that is away, is a problem as everywhere else.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{
    answers::RestRefusal,
    auth::error::AuthError,
    http::wire::{body::Json, problem::Problem},
};

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// The library would have refused too.
    Refused(RestRefusal),
    Problem(Problem),
}

impl From<RestRefusal> for Failure {
    fn from(refusal: RestRefusal) -> Self {
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
            Self::Refused(refusal) => (StatusCode::BAD_REQUEST, Json(refusal)).into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}
