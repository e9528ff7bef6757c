//! The public keys (RFC 7517), for verifiers that check tokens by themselves.

use axum::{
    extract::State,
    http::{HeaderName, header},
};

use crate::{http::Shared, keys::ring::JWKS_MAX_AGE};

pub async fn jwks(State(http): State<Shared>) -> ([(HeaderName, String); 2], String) {
    let cache = format!("public, max-age={}", JWKS_MAX_AGE.as_secs());
    // Some clients take nothing but application/json.
    let headers = [(header::CONTENT_TYPE, "application/json".to_owned()), (header::CACHE_CONTROL, cache)];
    (headers, http.auth.keys().jwks())
}
