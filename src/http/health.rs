//! Probes and metrics.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{Shared, problem::Problem};

/// `/healthz`: the process answers. `/readyz`: its stores do too.
pub fn probes() -> Router<Shared> {
    Router::new().route("/healthz", get(async || StatusCode::OK)).route("/readyz", get(ready))
}

async fn ready(State(http): State<Shared>) -> Result<StatusCode, Problem> {
    http.auth.ready().await?;
    Ok(StatusCode::OK)
}

pub async fn metrics(State(http): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], (http.metrics)()).into_response()
}
