//! JSON bodies: bounded in size and time, then parsed once into a type. Says what is wrong and where
//! in the text, never what stood there.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The largest body, in bytes.
pub const LIMIT: usize = 64 * 1024;
/// How much of a longer one is read all the same and thrown away: who is still sending when the
/// connection closes never reads why.
const DISCARDED: u64 = 2 * 1024 * 1024;
/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// A body that must be there.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A body that may be left out.
#[derive(Debug)]
pub struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(Problem::unsupported_media_type());
        }
        let bytes = collect(&parts.headers, body).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = collect(&parts.headers, body).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        if !is_json(&parts.headers) {
            return Err(Problem::unsupported_media_type());
        }
        parse(&bytes).map(|value| Self(Some(value)))
    }
}

/// Reads a JSON text. Duplicate and missing members, wrong types, nesting deeper than 128 and
/// invalid UTF-8 are all `invalid_request`.
///
/// # Errors
/// A problem that names the place, not the content.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "the JSON body does not have the members asked for",
            _ => "the body is not valid JSON",
        };
        Problem::invalid_request(format!("{what} (line {}, column {})", error.line(), error.column()))
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    has_type(headers, "application/json")
}

/// Whether the body is said to be of that type, whatever its parameters.
pub fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

/// The whole of a body that is neither too long nor too slow.
pub async fn collect(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if let Some(length) = announced.filter(|length| *length > LIMIT as u64) {
        // One who waits for leave to send (RFC 9110 section 10.1.1) is told first.
        if length <= DISCARDED && !headers.contains_key(header::EXPECT) {
            let _ = tokio::time::timeout(ARRIVAL, discard(body)).await;
        }
        return Err(Problem::payload_too_large());
    }
    match tokio::time::timeout(ARRIVAL, axum::body::to_bytes(body, LIMIT)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => Err(Problem::payload_too_large()),
        Ok(Err(_)) => Err(Problem::invalid_request("the body ended early")),
        Err(_) => Err(Problem::invalid_request("the body did not arrive in 10 seconds")),
    }
}

async fn discard(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}
