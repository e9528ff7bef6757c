//! What a client is told that is not let in: the statuses, headers and problems (RFC 9457) of Keyward's check.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::body::Body;

const REASON: HeaderName = HeaderName::from_static("x-auth-reason");
/// What of the check's answer is for the client.
const HANDED_ON: [HeaderName; 7] = [
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::WWW_AUTHENTICATE,
    header::RETRY_AFTER,
    REASON,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
];

const INVALID: &str = r#", error="invalid_token", error_description="the token is not valid now""#;
const MALFORMED: &str = r#", error="invalid_request", error_description="one bearer token is expected""#;
/// RFC 9470 section 3.
const WEAK: &str = r#", error="insufficient_user_authentication", error_description="a sign-in with a second factor is needed", acr_values="2""#;
const OLD: &str = r#", error="insufficient_user_authentication", error_description="a stronger or more recent sign-in is needed""#;

/// An answer in place of the app's.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Said>);

#[derive(Debug)]
struct Said {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, detail: &str, reason: Option<&str>) -> Self {
        let problem = Problem {
            r#type: format!("urn:keyward:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail,
            code,
            reason,
        };
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REASON, HeaderValue::from_static(code));
        let body = serde_json::to_vec(&problem).unwrap_or_default().into();
        Self(Box::new(Said { status, headers, body }))
    }

    /// 401 with one challenge (RFC 6750 section 3).
    fn challenged(code: &'static str, detail: &str, error: &str, reason: Option<&str>) -> Self {
        let mut refusal = Self::new(StatusCode::UNAUTHORIZED, code, detail, reason);
        let challenge = HeaderValue::try_from(format!(r#"Bearer realm="keyward"{error}"#));
        let challenge = challenge.unwrap_or(HeaderValue::from_static("Bearer"));
        refusal.0.headers.insert(header::WWW_AUTHENTICATE, challenge);
        refusal
    }

    pub(crate) fn missing() -> Self {
        Self::challenged("token_missing", "a bearer token is expected", "", None)
    }

    pub(crate) fn malformed() -> Self {
        let detail = "exactly one Authorization header with one bearer token is expected";
        Self::challenged("token_invalid", detail, MALFORMED, None)
    }

    pub(crate) fn invalid() -> Self {
        Self::challenged(
            "token_invalid",
            "the token is not one of this issuer and for this audience",
            INVALID,
            None,
        )
    }

    pub(crate) fn expired() -> Self {
        Self::challenged("token_expired", "the token has expired", INVALID, None)
    }

    pub(crate) fn revoked(reason: Option<&str>) -> Self {
        Self::challenged("token_revoked", "the token was revoked", INVALID, reason)
    }

    pub(crate) fn outdated() -> Self {
        Self::challenged("token_outdated", "the user's roles have changed since: refresh", INVALID, None)
    }

    pub(crate) fn second_factor() -> Self {
        let detail = "a sign-in with a second factor is needed";
        Self::challenged("insufficient_user_authentication", detail, WEAK, None)
    }

    pub(crate) fn sign_in_within(max_age: u32) -> Self {
        let error = format!(r#"{OLD}, max_age="{max_age}""#);
        Self::challenged("insufficient_user_authentication", "a more recent sign-in is needed", &error, None)
    }

    /// For what nobody can show.
    pub(crate) fn unknown_sign_in() -> Self {
        Self::challenged("insufficient_user_authentication", "no sign-in is what is asked for", OLD, None)
    }

    pub(crate) fn insufficient_role() -> Self {
        Self::new(StatusCode::FORBIDDEN, "insufficient_role", "the user lacks a role", None)
    }

    /// 503: nobody can tell now. Never a 401, which would sign the client out.
    pub(crate) fn away() -> Self {
        let detail = "it cannot be told who this is; try again soon";
        let mut refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", detail, None);
        refusal.0.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        refusal
    }

    /// What the check says to the client; another status than those that a check refuses with is handed back.
    pub(crate) fn of_check(answer: Response<Bytes>) -> Result<Self, u16> {
        let (head, body) = answer.into_parts();
        let status = head.status.as_u16();
        if !matches!(status, 401 | 403 | 429 | 503) || !head.headers.contains_key(REASON) {
            return Err(status);
        }
        let mut headers = HeaderMap::with_capacity(HANDED_ON.len());
        for name in HANDED_ON {
            if let Some(value) = head.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        Ok(Self(Box::new(Said { status: head.status, headers, body })))
    }

    pub(crate) fn into_response<A>(self) -> Response<Body<A>> {
        let Said { status, headers, body } = *self.0;
        let mut response = Response::new(Body::of_refusal(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}
