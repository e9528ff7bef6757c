//! How a node is, for those who decide where requests go. Says which part is ill, not where it is.

use serde::Serialize;
use utoipa::ToSchema;

/// How a node or a part of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    Ready,
    /// Something is away, and what was asked for goes on.
    Degraded,
    Unavailable,
    /// The node is about to stop.
    Draining,
}

/// How a node is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Readiness {
    pub state: Condition,
    pub parts: ReadinessParts,
}

/// How the parts are that answers depend on.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ReadinessParts {
    pub accounts: Condition,
    pub sessions: Condition,
    pub revocations: Condition,
}
