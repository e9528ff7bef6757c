//! The promise of leases: of all nodes on one database, one at a time does a piece of background work.
//!
//! A lease saves work; it does not keep two nodes apart for certain. A node that stalls between taking a lease
//! and what it does then is overtaken, and clocks differ. So such work goes in steps that do no harm when
//! done twice, and the lease is taken anew before each step: who has lost it stops there. A back end that
//! can takes it in the transaction of the step itself.

use std::time::Duration;

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::{clock::Timestamp, limits::CLOCK_SKEW, random};

/// A process that does background work. One that starts again is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder(String);

impl Holder {
    #[must_use]
    pub fn random() -> Self {
        Self(random::mark())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leased {
    /// The caller's, for at least half of the span that it asked for.
    Ours,
    Anothers,
}

/// From when on an end cannot be that of a lease of `span`, however the clocks differ: it was written by a clock
/// that was wrong, and is not waited for.
#[must_use]
pub fn impossible_end(span: Duration, now: Timestamp) -> Timestamp {
    now + span + CLOCK_SKEW
}

#[async_trait]
pub trait LeaseStore: Send + Sync {
    /// Takes the lease of a piece of work for `span` from `now` on, or renews it, unless another holder has it.
    /// Of any number that take it at once, one gets it. To be kept it is taken again before half of the span is
    /// over, which should be longer than the clocks of nodes can differ.
    async fn take_lease(
        &self,
        work: &'static str,
        holder: &Holder,
        span: Duration,
        now: Timestamp,
    ) -> Result<Leased, StoreError>;

    /// Gives the lease back where it is this holder's, so that nobody has to wait for its end.
    async fn release_lease(&self, work: &'static str, holder: &Holder) -> Result<(), StoreError>;
}
