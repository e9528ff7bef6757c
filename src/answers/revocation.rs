//! Revocations, as verifiers read them: the data of the three kinds of events.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{auth::revocations::Notice, domain::session::EndReason};

/// Tokens that are refused, or no longer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Revocation {
    /// The claim that names them, and what it says.
    pub claim: &'static str,
    pub value: String,
    /// Until when they are refused, in seconds since the epoch; 0 = they are not.
    pub until: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Only those with an earlier `iat`, in seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_before: Option<i64>,
}

/// A part of all there is. With the last one, what was known before is forgotten.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevocationSnapshot {
    pub first: bool,
    pub last: bool,
    pub entries: Vec<Revocation>,
}

/// For how long all that was said may be believed.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedStatus {
    /// Whether it is all there is.
    pub following: bool,
    pub good_for: u64,
    /// In how many seconds this is said again.
    pub heartbeat: u64,
}

impl From<Notice> for Revocation {
    fn from(entry: Notice) -> Self {
        let Notice { claim, value, until, reason, issued_before } = entry;
        Self { claim, value, until, reason: reason.map(EndReason::as_str), issued_before }
    }
}
