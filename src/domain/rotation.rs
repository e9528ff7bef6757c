//! The rule of refresh: what a genuine token of generation g gets while its session is at
//! generation n (contract 3). The Lua script of the Redis back end holds the same rule; the
//! contract suite holds both to it.

use std::time::Duration;

use super::clock::Timestamp;

/// Of how many generations before the current one it is remembered when they were replaced.
pub const REMEMBERED: usize = 8;
/// So many generations in a row that were re-issued late are no chance: two clients hold the token.
pub const CONTESTED_AFTER: u32 = 3;

/// When a replaced token stops being good.
#[derive(Debug, Clone, Copy)]
pub struct ReusePolicy {
    /// How long a token is still answered once it was replaced (`tokens.reuse_grace`).
    pub grace: Duration,
    /// What replaces a generation.
    pub confirm: Confirm,
    /// What becomes of a session that two clients seem to share.
    pub contested: Contested,
}

/// What shows that a client holds the current generation (`tokens.confirm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirm {
    FirstUse,
    /// Its use, or `reuse_grace` after it was issued: for APIs that never ask the server.
    Timer,
}

/// What becomes of a session whose refresh token two clients seem to hold (`tokens.contested`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contested {
    /// It goes on; the operator is told.
    Alarm,
    End,
}

/// How far a session's refresh tokens have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The current generation, n.
    pub generation: u32,
    /// When generation n was first issued.
    pub issued_at: Timestamp,
    /// When the generations before n were replaced.
    pub replaced: Replaced,
    /// Which of the last generations were re-issued late.
    pub late: LateReissues,
}

/// When generations n - 1, n - 2, … were replaced, as far back as is remembered. Of n - 1 that is the
/// moment at which n was first seen in use; it may not have come yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replaced([Option<Timestamp>; REMEMBERED]);

/// Generations that were re-issued later than `reuse_grace` after they were first issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LateReissues {
    /// The latest of them.
    pub generation: u32,
    /// How many there were in a row, up to that one.
    pub run: u32,
}

/// What a presented token gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The generation after the one presented is issued.
    Rotate,
    /// Generation n is issued again, to a client that may not have got it.
    Reissue(Reissue),
    /// The session ends: the token had been replaced for longer than is forgiven.
    Theft,
}

/// How late a generation is issued again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reissue {
    /// Within `reuse_grace` of its first issue; or once more.
    Usual,
    /// Later, for the first time.
    Late,
    /// Later, as the generations before it were.
    Contested,
}

impl Replaced {
    /// As far as it was remembered, the latest first.
    #[must_use]
    pub fn of(latest: Option<Timestamp>, earlier: &[Timestamp]) -> Self {
        let mut replaced = Self::default();
        replaced.0[0] = latest;
        for (place, moment) in replaced.0[1..].iter_mut().zip(earlier) {
            *place = Some(*moment);
        }
        replaced
    }

    /// When generation n - 1 was replaced, if n has been seen in use.
    #[must_use]
    pub const fn latest(&self) -> Option<Timestamp> {
        self.0[0]
    }

    /// When those before it were, the latest first.
    pub fn earlier(&self) -> impl Iterator<Item = Timestamp> {
        self.0[1..].iter().map_while(|moment| *moment)
    }

    /// One generation further; the one before it was replaced then.
    fn push(&mut self, moment: Timestamp) {
        self.0[0].get_or_insert(moment);
        self.0.rotate_right(1);
        self.0[0] = None;
    }
}

impl Progress {
    /// A session's first generation.
    #[must_use]
    pub fn first(issued_at: Timestamp) -> Self {
        Self { generation: 0, issued_at, replaced: Replaced::default(), late: LateReissues::default() }
    }

    /// Decides about a request that arrived at that moment. A token newer than the record is genuine too,
    /// its rotation was lost by a store that failed over: the record follows it.
    #[must_use]
    pub fn decide(&self, presented: u32, policy: &ReusePolicy, arrived_at: Timestamp) -> Decision {
        let Some(back) = self.generation.checked_sub(presented).filter(|back| *back > 0) else {
            return Decision::Rotate;
        };
        let replaced_at = match back {
            1 => self.replaced_latest(policy),
            _ => match usize::try_from(back).ok().and_then(|back| *self.replaced.0.get(back - 1)?) {
                Some(moment) => Some(moment),
                None => return Decision::Theft,
            },
        };
        match replaced_at {
            Some(replaced_at) if arrived_at >= replaced_at + policy.grace => Decision::Theft,
            _ => Decision::Reissue(self.reissue(policy, arrived_at)),
        }
    }

    /// What the record says after [`Decision::Rotate`].
    #[must_use]
    pub fn rotated(mut self, presented: u32, policy: &ReusePolicy, now: Timestamp) -> Self {
        self.replaced.0[0] = self.replaced_latest(policy);
        for _ in self.generation..=presented {
            self.replaced.push(now);
        }
        Self { generation: presented.saturating_add(1), issued_at: now, ..self }
    }

    /// What it says after [`Decision::Reissue`].
    #[must_use]
    pub fn reissued(mut self, reissue: Reissue) -> Self {
        if reissue != Reissue::Usual {
            self.late = LateReissues { generation: self.generation, run: self.late_run() };
        }
        self
    }

    /// When generation n - 1 counts as replaced; under [`Confirm::Timer`] that may lie ahead.
    fn replaced_latest(&self, policy: &ReusePolicy) -> Option<Timestamp> {
        let by_timer = (policy.confirm == Confirm::Timer).then(|| self.issued_at + policy.grace);
        match (self.replaced.latest(), by_timer) {
            (Some(used), Some(timer)) => Some(used.min(timer)),
            (used, timer) => used.or(timer),
        }
    }

    fn reissue(&self, policy: &ReusePolicy, arrived_at: Timestamp) -> Reissue {
        let is_known = self.late.run > 0 && self.late.generation == self.generation;
        if is_known || arrived_at <= self.issued_at + policy.grace {
            return Reissue::Usual;
        }
        if self.late_run() >= CONTESTED_AFTER { Reissue::Contested } else { Reissue::Late }
    }

    /// How many generations in a row, with the current one, are re-issued late if it is now.
    fn late_run(&self) -> u32 {
        let is_next = self.late.generation.checked_add(1) == Some(self.generation);
        if self.late.run > 0 && is_next { self.late.run.saturating_add(1) } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: ReusePolicy = ReusePolicy {
        grace: Duration::from_secs(10),
        confirm: Confirm::FirstUse,
        contested: Contested::Alarm,
    };
    const LATE: Timestamp = Timestamp::from_secs(1_000_000);

    fn at(generation: u32, replaced: &[Option<i64>]) -> Progress {
        let mut progress = Progress { generation, ..Progress::first(Timestamp::from_secs(0)) };
        for (place, moment) in progress.replaced.0.iter_mut().zip(replaced) {
            *place = moment.map(Timestamp::from_secs);
        }
        progress
    }

    fn decide(progress: Progress, presented: u32, now_millis: i64) -> Decision {
        progress.decide(presented, &POLICY, Timestamp::from_millis(now_millis))
    }

    #[test]
    fn the_table_of_contract_3() {
        let usual = Decision::Reissue(Reissue::Usual);
        assert_eq!(decide(at(3, &[]), 3, 0), Decision::Rotate);
        assert_eq!(decide(at(3, &[]), 4, 0), Decision::Rotate);
        assert_eq!(decide(at(3, &[]), 2, i64::MAX / 2), Decision::Reissue(Reissue::Late));
        assert_eq!(decide(at(3, &[Some(-5)]), 2, 4_999), usual);
        assert_eq!(decide(at(3, &[Some(-5)]), 2, 5_000), Decision::Theft);
        assert_eq!(decide(at(3, &[None, Some(-5)]), 1, 4_999), usual);
        assert_eq!(decide(at(3, &[None, Some(-5)]), 1, 5_000), Decision::Theft);
        assert_eq!(decide(at(3, &[None]), 1, 0), Decision::Theft, "not remembered");
    }

    #[test]
    fn eight_are_remembered() {
        let mut progress = Progress::first(LATE);
        for generation in 0..9 {
            progress = progress.rotated(generation, &POLICY, LATE);
        }
        assert_eq!(progress.generation, 9);
        assert_eq!(progress.decide(1, &POLICY, LATE), Decision::Reissue(Reissue::Usual));
        assert_eq!(progress.decide(0, &POLICY, LATE), Decision::Theft);
    }

    #[test]
    fn the_timer_replaces_a_grace_after_issue() {
        let policy = ReusePolicy { confirm: Confirm::Timer, ..POLICY };
        let decide = |now| at(3, &[]).decide(2, &policy, Timestamp::from_millis(now));
        assert_eq!(decide(19_999), Decision::Reissue(Reissue::Late));
        assert_eq!(decide(20_000), Decision::Theft);
    }

    #[test]
    fn three_generations_in_a_row_that_were_reissued_late_are_contested() {
        let mut progress = Progress::first(Timestamp::from_secs(0));
        let mut seen = Vec::new();
        for generation in 0..4 {
            progress = progress.rotated(generation, &POLICY, Timestamp::from_secs(0));
            let Decision::Reissue(reissue) = progress.decide(generation, &POLICY, LATE) else {
                panic!("not replaced yet")
            };
            progress = progress.reissued(reissue);
            assert_eq!(progress.decide(generation, &POLICY, LATE), Decision::Reissue(Reissue::Usual));
            seen.push(reissue);
        }
        assert_eq!(seen, [Reissue::Late, Reissue::Late, Reissue::Contested, Reissue::Contested]);
        // One generation that arrives breaks the row.
        progress = progress.rotated(4, &POLICY, LATE).rotated(5, &POLICY, Timestamp::from_secs(0));
        assert_eq!(progress.decide(5, &POLICY, LATE), Decision::Reissue(Reissue::Late));
    }
}
