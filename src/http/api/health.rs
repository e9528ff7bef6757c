//! Probes and metrics. A probe says which part is ill, and nothing of where it is.

use std::sync::atomic::Ordering;

use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};

use crate::{
    auth::{
        error::AuthError,
        health::{Health, Knowledge},
    },
    http::{Shared, wire::problem::Problem},
};

/// `/healthz`: the process lives. `/readyz`: it is of use.
pub fn probes() -> Router<Shared> {
    Router::new().route("/healthz", get(async || StatusCode::OK)).route("/readyz", get(ready))
}

#[derive(Debug, Deserialize)]
struct Probe {
    #[serde(rename = "for")]
    purpose: Option<For>,
}

/// What somebody wants to send here.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum For {
    /// Checks alone: they go on for a while without the stores.
    Check,
}

/// How a node or a part of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Condition {
    /// As it should be.
    Ready,
    /// Something is away, and what was asked for goes on.
    Degraded,
    /// It does not.
    Unavailable,
    /// The node is about to stop.
    Draining,
}

/// What a probe is told.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Readiness {
    state: Condition,
    parts: Parts,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Parts {
    accounts: Condition,
    sessions: Condition,
    revocations: Condition,
}

async fn ready(
    State(http): State<Shared>,
    query: Result<Query<Probe>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Probe { purpose }) =
        query.map_err(|_| Problem::invalid_request("for: takes only the value check"))?;
    let health = http.auth.health().await;
    let parts = Parts::of(&health);
    let problem = if http.draining.load(Ordering::Relaxed) {
        Some((Problem::draining(), Condition::Draining))
    } else {
        lacking(health, purpose).map(|error| (Problem::from(error), Condition::Unavailable))
    };
    match problem {
        Some((problem, state)) => Err(problem.with_readiness(Readiness { state, parts })),
        None => Ok(axum::Json(Readiness { state: parts.together(), parts }).into_response()),
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

impl Parts {
    fn of(health: &Health) -> Self {
        let store = |answer: &Result<(), AuthError>| match answer {
            Ok(()) => Condition::Ready,
            Err(_) => Condition::Unavailable,
        };
        let revocations = match health.revocations {
            Ok(Knowledge::Followed) => Condition::Ready,
            Ok(Knowledge::Stopgap) => Condition::Degraded,
            Err(_) => Condition::Unavailable,
        };
        Self { accounts: store(&health.accounts), sessions: store(&health.sessions), revocations }
    }

    /// Of a node that is of use.
    fn together(self) -> Condition {
        let all = [self.accounts, self.sessions, self.revocations];
        if all == [Condition::Ready; 3] { Condition::Ready } else { Condition::Degraded }
    }
}

pub async fn metrics(State(http): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], (http.metrics)()).into_response()
}
