//! Errors.

use serde::Serialize;
use utoipa::ToSchema;

use super::{MfaRequired, Readiness};

/// The members of RFC 9457 section 3.1, and our own after them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:keyward:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: &'static str,
    pub status: u16,
    /// What is wrong, in a sentence.
    pub detail: String,
    /// Stable: what a client decides by.
    pub code: &'static str,
    /// Why a session or token is over, where that is the problem. `proof`: nothing is over, and another proof may be
    /// taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The version that is there, where another was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// At `/readyz`.
    #[serde(flatten)]
    #[schema(ignore)]
    pub readiness: Option<Readiness>,
    /// Of a sign-in that asks for more.
    #[serde(flatten)]
    #[schema(ignore)]
    pub second_factor: Option<MfaRequired>,
}
