//! Probes and metrics.

use std::sync::atomic::Ordering;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderName, StatusCode, header},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    answers::{Condition, Readiness, ReadinessParts},
    auth::{
        error::AuthError,
        health::{Health, Knowledge},
    },
    http::{
        Shared,
        wire::{body::Json, problem::Problem},
    },
};

pub async fn alive() -> StatusCode {
    StatusCode::OK
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Probe {
    /// `check`: whether checks are answered. Without it: whether everything is.
    #[serde(rename = "for")]
    #[param(inline)]
    purpose: Option<For>,
}

/// What somebody wants to send here.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum For {
    /// Checks alone: they go on for a while without the stores.
    Check,
}

/// The node is of use.
pub async fn ready(
    State(http): State<Shared>,
    query: Result<Query<Probe>, QueryRejection>,
) -> Result<Json<Readiness>, Problem> {
    let Query(Probe { purpose }) =
        query.map_err(|_| Problem::invalid_request("for: takes only the value check"))?;
    let health = http.auth.health().await;
    let parts = parts(&health);
    let problem = if http.draining.load(Ordering::Relaxed) {
        Some((Problem::draining(), Condition::Draining))
    } else {
        lacking(health, purpose).map(|error| (Problem::from(error), Condition::Unavailable))
    };
    match problem {
        Some((problem, state)) => Err(problem.with_readiness(Readiness { state, parts })),
        None => Ok(Json(Readiness { state: together(parts), parts })),
    }
}

/// What keeps the node from being of use: to checks, all that they cannot go on without; to all else,
/// any store.
fn lacking(health: Health, purpose: Option<For>) -> Option<AuthError> {
    match purpose {
        Some(For::Check) => health.revocations.err(),
        None => health.of_stores().err(),
    }
}

fn parts(health: &Health) -> ReadinessParts {
    let store = |answer: &Result<(), AuthError>| match answer {
        Ok(()) => Condition::Ready,
        Err(_) => Condition::Unavailable,
    };
    let revocations = match health.revocations {
        Ok(Knowledge::Followed) => Condition::Ready,
        Ok(Knowledge::Stopgap) => Condition::Degraded,
        Err(_) => Condition::Unavailable,
    };
    ReadinessParts { accounts: store(&health.accounts), sessions: store(&health.sessions), revocations }
}

/// Of a node that is of use.
fn together(parts: ReadinessParts) -> Condition {
    let all = [parts.accounts, parts.sessions, parts.revocations];
    if all == [Condition::Ready; 3] { Condition::Ready } else { Condition::Degraded }
}

pub async fn metrics(State(http): State<Shared>) -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], (http.metrics)())
}
