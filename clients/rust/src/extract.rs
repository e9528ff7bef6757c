//! [`Identity`] as an extractor of axum.

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};

use crate::identity::Identity;

impl<S: Sync> FromRequestParts<S> for Identity {
    type Rejection = StatusCode;

    /// 500 on a route without the layer: nobody has looked who asks, so nobody is let in.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!("a route asks for an Identity, and has no KeywardLayer");
            StatusCode::INTERNAL_SERVER_ERROR
        })
    }
}
