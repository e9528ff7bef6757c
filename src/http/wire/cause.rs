//! What failed below a request, on its way to the log: in the problem, then in the extensions of the
//! answer, up to where the request's id is known.

use std::sync::Arc;

use axum::http::HeaderValue;
use tracing::field;

use crate::{auth::error::AuthError, domain::causes::Causes};

/// An outage or a defect. What a client did wrong is no failure.
#[derive(Debug, Clone)]
pub struct Cause(Arc<AuthError>);

impl Cause {
    pub fn new(error: AuthError) -> Self {
        Self(Arc::new(error))
    }

    pub fn error(&self) -> Causes<'_> {
        Causes(&*self.0)
    }

    /// A defect is an error. That a store is away is told once for all requests (`store/measured/watch.rs`), with its
    /// cause, and of each of them at `debug` alone.
    pub fn log(&self, request_id: &HeaderValue) {
        let (error, id) = (field::display(self.error()), request_id.to_str().unwrap_or_default());
        match &*self.0 {
            AuthError::Store(store) if store.is_away() => {
                tracing::debug!(request.id = id, error, "a store is away for a request");
            }
            _ => tracing::error!(request.id = id, error, "a request failed"),
        }
    }
}
