//! Answers that are the same for everybody: prepared once, and told again only where they have changed (RFC 9110
//! section 13.1.2).

use aws_lc_rs::digest;
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// A body, ready to be sent.
#[derive(Clone)]
pub struct Prepared {
    media: &'static str,
    body: Bytes,
    etag: HeaderValue,
    more: Vec<(HeaderName, HeaderValue)>,
}

impl Prepared {
    pub fn json(body: Vec<u8>) -> Self {
        Self::of("application/json", body)
    }

    pub fn of(media: &'static str, body: Vec<u8>) -> Self {
        let hash = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &body));
        let etag = HeaderValue::from_str(&format!("\"{hash}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self { media, body: body.into(), etag, more: Vec::new() }
    }

    /// The same with another header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.more.push((name, value));
        self
    }

    /// To a request with these headers.
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == self.etag);
        let caching = [(header::CACHE_CONTROL, CACHE), (header::ETAG, self.etag.clone())];
        let mut response = if known {
            (StatusCode::NOT_MODIFIED, caching).into_response()
        } else {
            let media = [(header::CONTENT_TYPE, HeaderValue::from_static(self.media))];
            (caching, media, self.body.clone()).into_response()
        };
        response.headers_mut().extend(self.more.iter().cloned());
        response
    }
}
