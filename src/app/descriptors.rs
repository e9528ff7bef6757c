//! File descriptors: as many as the system gives, shared out so that a flood of connections on one
//! listener leaves the stores, the keys and the other listeners theirs.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::domain::causes::Causes;

/// Kept for stores, keys, log and whatever a command of the operator needs.
const OWN: u64 = 128;
/// Connections of the management listener: probes and monitoring.
const MANAGEMENT: usize = 64;
/// The most connections of any other listener.
const MOST: usize = 8_192;
/// The least, where the limit is absurdly low: the system refuses what is too much then.
const LEAST: usize = 16;
/// A smaller share is worth a warning.
const FEW: usize = 256;

/// How many connections each listener takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shares {
    pub management: usize,
    pub others: usize,
}

/// Raises the soft limit of open files to the hard one; returns what is in force.
pub(super) fn raise() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(error = %Causes(&error), "the limit of open files stays");
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

impl Shares {
    /// Shares out that many descriptors among the management listener and so many others.
    pub(super) fn of(descriptors: u64, others: usize) -> Self {
        let left = usize::try_from(descriptors.saturating_sub(OWN)).unwrap_or(usize::MAX);
        let share = left.saturating_sub(MANAGEMENT) / others.max(1);
        Self { management: MANAGEMENT, others: share.clamp(LEAST, MOST) }
    }

    /// Whether that is worth a warning.
    pub(super) const fn are_few(self) -> bool {
        self.others < FEW
    }

    /// Says so where there are few.
    pub(super) fn warn(self, descriptors: u64) {
        if self.are_few() {
            tracing::warn!(
                limit.nofile = descriptors,
                connections = self.others,
                "the limit of open files is low: each listener takes no more connections than these"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_out_is_never_more_than_there_is() {
        for (descriptors, others, share) in [
            (1024, 1, 832),
            (1024, 3, 277),
            (256, 3, 21),
            (65_536, 3, 8_192),
            (u64::MAX, 3, 8_192),
            (64, 3, 16),
        ] {
            let shares = Shares::of(descriptors, others);
            assert_eq!(shares, Shares { management: 64, others: share }, "{descriptors} among {others}");
        }
    }
}
