//! The form that every request is (RFC 6749 section 3.2): each parameter once, an empty one as good as
//! none. The query string is never looked at.

use std::{borrow::Cow, collections::BTreeMap};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::HeaderMap,
};

use super::OAuthError;
use crate::http::wire::body;

/// A request whose body is a form, not yet read.
pub struct Form {
    /// The headers it came with.
    pub headers: HeaderMap,
    body: Bytes,
}

/// What the form says.
pub struct FormParams<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = OAuthError;

    async fn from_request(request: Request, _: &S) -> Result<Self, OAuthError> {
        let (parts, body) = request.into_parts();
        if !body::has_type(&parts.headers, "application/x-www-form-urlencoded") {
            return Err(OAuthError::invalid_request("the body must be application/x-www-form-urlencoded"));
        }
        let body = body::collect(&parts.headers, body).await?;
        Ok(Self { headers: parts.headers, body })
    }
}

impl Form {
    pub fn params(&self) -> Result<FormParams<'_>, OAuthError> {
        let mut params = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(&self.body) {
            if params.insert(name, value).is_some() {
                return Err(OAuthError::invalid_request("a parameter is given more than once"));
            }
        }
        Ok(FormParams(params))
    }
}

impl FormParams<'_> {
    /// The parameter, if it has a value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(AsRef::as_ref).filter(|value| !value.is_empty())
    }

    /// The parameter, which must have one.
    pub fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::invalid_request(format!("the parameter {name} is missing")))
    }
}
