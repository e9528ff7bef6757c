//! How much there is.

use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::stats::Totals;

#[derive(Debug, Serialize, ToSchema)]
pub struct Stats {
    pub users: UserTotals,
    pub apps: usize,
    /// Of users, with those that are over and were not cleared away yet.
    pub sessions: u64,
    /// Signing keys.
    pub keys: usize,
    /// A count serves whoever asks within 10 seconds.
    #[schema(format = DateTime)]
    pub counted_at: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct UserTotals {
    pub active: u64,
    pub disabled: u64,
}

impl From<Totals> for Stats {
    fn from(totals: Totals) -> Self {
        Self {
            users: UserTotals { active: totals.users.active, disabled: totals.users.disabled },
            apps: totals.apps,
            sessions: totals.sessions,
            keys: totals.keys,
            counted_at: totals.counted_at.rfc3339(),
        }
    }
}
