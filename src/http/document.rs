//! `/openapi.json` and `/docs`: what the listener answers, in the words of `OpenAPI` and as a page.

use std::sync::{Arc, LazyLock};

use axum::{Extension, http::HeaderMap, response::Response};

use super::wire::prepared::Prepared;

/// Both, made when somebody asks for the first time.
#[derive(Clone)]
pub struct Documents(Arc<LazyLock<BothForms, Make>>);

type Make = Box<dyn FnOnce() -> BothForms + Send>;

/// The document, ready to be sent.
pub struct BothForms {
    pub json: Prepared,
    pub page: Prepared,
}

impl Documents {
    pub fn of(make: impl FnOnce() -> BothForms + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(make))))
    }
}

pub async fn json(Extension(documents): Extension<Documents>, headers: HeaderMap) -> Response {
    documents.0.json.answer(&headers)
}

pub async fn page(Extension(documents): Extension<Documents>, headers: HeaderMap) -> Response {
    documents.0.page.answer(&headers)
}
