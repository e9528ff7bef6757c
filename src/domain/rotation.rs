//! The rule of refresh: what a genuine token of generation g gets while its session is at
//! generation n (contract 3). The Lua script of the Redis back end holds the same rule; the
//! contract suite holds both to it.

use std::time::Duration;

use super::clock::Timestamp;

/// When the parent of a current token stops being good.
#[derive(Debug, Clone, Copy)]
pub struct ReusePolicy {
    /// How long after confirmation the parent is still answered (`tokens.reuse_grace`).
    pub grace: Duration,
    /// What confirms a generation.
    pub confirm: Confirm,
}

/// What confirms that a client holds the current generation (`tokens.confirm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirm {
    /// Only its use.
    FirstUse,
    /// Its use, or `reuse_grace` after it was issued: for APIs that never ask the server.
    Timer,
}

/// What becomes of a session whose refresh token two clients seem to hold (`tokens.contested`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contested {
    /// It goes on; the operator is told.
    Alarm,
    /// It ends.
    End,
}

/// How far a session's refresh tokens have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The current generation, n.
    pub generation: u32,
    /// When generation n was first issued.
    pub issued_at: Timestamp,
    /// When generation n was first seen in use.
    pub confirmed_at: Option<Timestamp>,
}

/// What a presented token gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Generation n + 1 is issued: n was presented.
    Rotate,
    /// Generation n is issued again: n - 1 was presented, by a client that may not have got n.
    Reissue,
    /// The session ends: the token had been replaced, and its replacement is in use.
    Theft,
}

impl Progress {
    /// Decides. A token newer than the record is genuine too, its rotation was lost by a store that
    /// failed over: the record follows it.
    #[must_use]
    pub fn decide(&self, presented: u32, policy: &ReusePolicy, now: Timestamp) -> Decision {
        if presented >= self.generation {
            return Decision::Rotate;
        }
        if presented + 1 < self.generation {
            return Decision::Theft;
        }
        match self.confirmed(policy) {
            Some(confirmed_at) if now >= confirmed_at + policy.grace => Decision::Theft,
            _ => Decision::Reissue,
        }
    }

    /// When the current generation counts as confirmed; under [`Confirm::Timer`] that may lie ahead.
    fn confirmed(&self, policy: &ReusePolicy) -> Option<Timestamp> {
        let by_timer = (policy.confirm == Confirm::Timer).then(|| self.issued_at + policy.grace);
        match (self.confirmed_at, by_timer) {
            (Some(used), Some(timer)) => Some(used.min(timer)),
            (used, timer) => used.or(timer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: ReusePolicy = ReusePolicy { grace: Duration::from_secs(10), confirm: Confirm::FirstUse };

    fn at(generation: u32, confirmed_at: Option<i64>) -> Progress {
        Progress {
            generation,
            issued_at: Timestamp::from_secs(0),
            confirmed_at: confirmed_at.map(Timestamp::from_secs),
        }
    }

    fn decide(progress: Progress, presented: u32, now_millis: i64) -> Decision {
        progress.decide(presented, &POLICY, Timestamp::from_millis(now_millis))
    }

    #[test]
    fn the_table_of_contract_3() {
        assert_eq!(decide(at(3, None), 3, 0), Decision::Rotate);
        assert_eq!(decide(at(3, None), 2, i64::MAX / 2), Decision::Reissue);
        assert_eq!(decide(at(3, Some(5)), 2, 14_999), Decision::Reissue);
        assert_eq!(decide(at(3, Some(5)), 2, 15_000), Decision::Theft);
        assert_eq!(decide(at(3, None), 1, 0), Decision::Theft);
        assert_eq!(decide(at(3, None), 4, 0), Decision::Rotate);
    }

    #[test]
    fn the_timer_confirms_a_grace_after_issue() {
        let policy = ReusePolicy { confirm: Confirm::Timer, ..POLICY };
        let decide = |now| at(3, None).decide(2, &policy, Timestamp::from_millis(now));
        assert_eq!(decide(19_999), Decision::Reissue);
        assert_eq!(decide(20_000), Decision::Theft);
    }
}
