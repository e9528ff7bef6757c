//! JSON bodies. Those that come are bounded in size and time, then parsed once into a type; a refusal says
//! which member is wrong and what it takes, never what stood there.

use std::{fmt::Display, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use super::problem::Problem;
use crate::domain::app_policy::PolicyEdit;

/// The largest body, in bytes.
pub const LIMIT: usize = 64 * 1024;
/// How much of a longer one is read all the same and thrown away: who is still sending when the
/// connection closes never reads why.
const DISCARDED: u64 = 2 * 1024 * 1024;
/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);
/// A member inside others is named up to this length: how it is called may be the client's choice.
const PLACE_MAX_CHARS: usize = 64;

/// A body that must be there, or the body of an answer.
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

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
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
/// A problem that names the member or the place, not the content.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut text = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut text)
        .map_err(|error| refusal(&error.path().to_string(), error.inner()))?;
    text.end().map_err(|error| refusal("", &error))?;
    Ok(value)
}

/// A member of a patch that may be `null`. One that is not there stays as it is, by `serde(default)`.
///
/// # Errors
/// When it is of another type.
pub fn patched<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<PolicyEdit<T>, D::Error> {
    Ok(Option::deserialize(value)?.map_or(PolicyEdit::Drop, PolicyEdit::Take))
}

/// A member's value, as the type it is to be.
///
/// # Errors
/// A problem that names the member.
pub fn member<T>(name: &str, parsed: Result<T, impl Display>) -> Result<T, Problem> {
    parsed.map_err(|error| Problem::invalid_request(format!("{name}: {error}")))
}

fn refusal(place: &str, error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    if !error.is_data() {
        let detail = format!("the body is not valid JSON (line {line}, column {column})");
        return Problem::invalid_request(detail);
    }
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    let place: String = place.chars().take(PLACE_MAX_CHARS).collect();
    let place = if place == "." { "the body" } else { &place };
    // Of the library's words only those are repeated that come from our types: they stand last, after
    // what came, or between the first quotes of a text that holds nothing else.
    let named = |beginning| text.strip_prefix(beginning).and_then(|name| name.strip_suffix('`'));
    Problem::invalid_request(match (named("missing field `"), named("duplicate field `")) {
        (Some(name), _) => format!("{name}: is missing"),
        (_, Some(name)) => format!("{name}: came more than once"),
        _ => match text.rsplit_once(", expected ") {
            Some((_, taken)) if taken.starts_with("struct ") => format!("{place}: takes a JSON object"),
            Some((_, taken)) => format!("{place}: takes {}", taken.replace('`', "")),
            None => format!("{place}: is not what is taken here"),
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "what is read does not matter here")]
    struct Sample {
        name: String,
        count: Option<u8>,
        kind: Option<Kind>,
        within: Option<Within>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        One,
        Two,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "what is read does not matter here")]
    struct Within {
        flag: bool,
    }

    #[test]
    fn the_member_and_what_it_takes_are_named_and_its_value_is_not() {
        for (body, detail) in [
            ("{}", "name: is missing"),
            (r#"{"name":"a","name":"b"}"#, "name: came more than once"),
            (r#"{"name":"a","count":"SECRET"}"#, "count: takes u8"),
            (r#"{"name":"a","count":"SECRET, expected SECRET"}"#, "count: takes u8"),
            (r#"{"name":"a","kind":"SECRET"}"#, "kind: takes one or two"),
            (r#"{"name":"a","kind":"missing field `SECRET`"}"#, "kind: takes one or two"),
            (r#"{"name":"a","within":{"flag":"SECRET"}}"#, "within.flag: takes a boolean"),
            (r#"{"name":{"SECRET":1}}"#, "name: takes a string"),
            (r#""SECRET""#, "the body: takes a JSON object"),
            (r#"{"name":SECRET}"#, "the body is not valid JSON (line 1, column 9)"),
        ] {
            let problem = parse::<Sample>(body.as_bytes()).expect_err(body);
            assert_eq!(problem.detail(), detail, "{body}");
        }
    }
}
