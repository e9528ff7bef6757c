//! What a session's owner has proved of who they are, and when: at the sign-in, and by the step-ups since.

use std::time::Duration;

use super::{clock::Timestamp, limits::CLOCK_SKEW, sign_in::Methods};

/// Methods that were shown together, or one soon after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proved {
    pub methods: Methods,
    /// When the first of them was shown: none is older than that.
    pub since: Timestamp,
    /// When the last of them was, and with it what they come to: `auth_time`.
    pub at: Timestamp,
}

/// One factor alone was shown, where the session has had two for longer than one counts with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("two factors are to be shown together")]
pub struct BothNeeded;

impl Proved {
    /// All in one moment.
    #[must_use]
    pub const fn at_once(methods: Methods, at: Timestamp) -> Self {
        Self { methods, since: at, at }
    }

    /// What it comes to with what is shown now, by an account that has set up so much.
    ///
    /// What was shown before counts where it makes one factor two, and for so long. That is counted from the oldest of
    /// it: else one factor alone, shown again and again, would keep the other one fresh for ever.
    ///
    /// # Errors
    /// Where a session of two factors would become one of one factor, though its owner can show two.
    pub fn stepped_up(
        self,
        shown: Methods,
        set_up: Methods,
        counts_for: Duration,
        now: Timestamp,
    ) -> Result<Self, BothNeeded> {
        let is_recent = self.since <= now + CLOCK_SKEW && now <= self.since + counts_for;
        let together = self.methods.and_also(shown);
        let next = if is_recent && together.are_two_factors() && !shown.are_two_factors() {
            Self { methods: together, since: self.since.min(now), at: now }
        } else {
            Self::at_once(shown, now)
        };
        let is_less = self.methods.are_two_factors() && !next.methods.are_two_factors();
        if is_less && set_up.has_own_factor() { Err(BothNeeded) } else { Ok(next) }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::sign_in::Method::{self, Passkey, Password, RecoveryCode, Totp},
        *,
    };

    const WINDOW: Duration = Duration::from_mins(15);
    const START: Timestamp = Timestamp::from_secs(2_000_000_000);

    fn minutes(count: u64) -> Timestamp {
        START + Duration::from_mins(count)
    }

    /// A sign-in at the start, and then one step-up after the other, each so many minutes after the start.
    fn after(signed_in: &[Method], step_ups: &[(&[Method], u64)]) -> Result<Proved, BothNeeded> {
        let set_up = Methods::of(&[Password, Totp, RecoveryCode]);
        let first = Proved::at_once(Methods::of(signed_in), START);
        step_ups.iter().try_fold(first, |proved, (shown, at)| {
            proved.stepped_up(Methods::of(shown), set_up, WINDOW, minutes(*at))
        })
    }

    fn proved(methods: &[Method], since: u64, at: u64) -> Proved {
        Proved { methods: Methods::of(methods), since: minutes(since), at: minutes(at) }
    }

    #[test]
    fn one_factor_makes_two_with_another_of_a_moment_ago() {
        for second in [Totp, RecoveryCode] {
            assert_eq!(after(&[Password], &[(&[second], 15)]), Ok(proved(&[Password, second], 0, 15)));
            assert_eq!(after(&[Password], &[(&[second], 16)]), Ok(proved(&[second], 16, 16)), "too long ago");
        }
        let one_by_one: &[(&[Method], u64)] = &[(&[Password], 60), (&[Totp], 61)];
        assert_eq!(after(&[Password], one_by_one), Ok(proved(&[Password, Totp], 60, 61)));
    }

    #[test]
    fn what_is_shown_again_counts_alone() {
        assert_eq!(after(&[Password], &[(&[Password], 5)]), Ok(proved(&[Password], 5, 5)));
        assert_eq!(after(&[Password, Totp], &[(&[Password, Totp], 5)]), Ok(proved(&[Password, Totp], 5, 5)));
        assert_eq!(after(&[Password, Totp], &[(&[Passkey], 5)]), Ok(proved(&[Passkey], 5, 5)));
        assert_eq!(
            after(&[Totp], &[(&[RecoveryCode], 5)]),
            Ok(proved(&[RecoveryCode], 5, 5)),
            "both are held"
        );
    }

    #[test]
    fn two_factors_become_one_only_where_there_are_no_two() {
        assert_eq!(after(&[Password, Totp], &[(&[Totp], 15)]), Ok(proved(&[Password, Totp], 0, 15)));
        for one in [Password, Totp, RecoveryCode] {
            assert_eq!(after(&[Password, Totp], &[(&[one], 16)]), Err(BothNeeded), "{one:?}");
        }
        let two = Proved::at_once(Methods::of(&[Password, Totp]), START);
        let only = Methods::of(&[Password]);
        let left = two.stepped_up(only, only, WINDOW, minutes(16));
        assert_eq!(left, Ok(proved(&[Password], 16, 16)), "the factor was taken away");
    }

    #[test]
    fn one_factor_shown_again_and_again_keeps_no_other_fresh() {
        let held: &[(&[Method], u64)] = &[(&[Totp], 10), (&[Totp], 15)];
        assert_eq!(after(&[Password], held), Ok(proved(&[Password, Totp], 0, 15)));
        assert_eq!(after(&[Password], &[held, &[(&[Totp], 20)]].concat()), Err(BothNeeded));
    }

    #[test]
    fn a_clock_that_was_set_back_lets_nothing_count_for_longer() {
        let ahead = Proved::at_once(Methods::of(&[Password]), minutes(1));
        let set_up = Methods::of(&[Password, Totp]);
        let step_up = |now| ahead.stepped_up(Methods::of(&[Totp]), set_up, WINDOW, now);
        assert_eq!(step_up(START), Ok(proved(&[Password, Totp], 0, 0)), "by the clock of another node");
        let long_before = START - Duration::from_mins(5);
        assert_eq!(step_up(long_before), Ok(Proved::at_once(Methods::of(&[Totp]), long_before)));
    }

    /// Every session, every proof, every account: what is claimed was shown, and at no later time.
    #[test]
    fn nothing_is_claimed_that_was_not_shown() {
        let sets: Vec<Methods> = (1..16_usize)
            .map(|bits| {
                let all = Method::ALL.into_iter().enumerate();
                let chosen: Vec<_> =
                    all.filter(|(place, _)| bits >> place & 1 == 1).map(|(_, one)| one).collect();
                Methods::of(&chosen)
            })
            .collect();
        for (before, shown) in sets.iter().flat_map(|before| sets.iter().map(move |shown| (*before, *shown)))
        {
            for (set_up, at) in sets.iter().flat_map(|set_up| [1, 15, 16].map(|at| (*set_up, at))) {
                let first = Proved::at_once(before, START);
                let Ok(next) = first.stepped_up(shown, set_up, WINDOW, minutes(at)) else {
                    assert!(at == 16 && before.are_two_factors() && !shown.are_two_factors());
                    assert!(set_up.has_own_factor(), "{before:?} {shown:?}");
                    continue;
                };
                let earlier = next.methods != shown;
                assert_eq!(next.at, minutes(at));
                assert!(next.methods.iter().all(|one| shown.contains(one) || before.contains(one)));
                assert!(shown.iter().all(|one| next.methods.contains(one)));
                assert!(!earlier || (at <= 15 && next.since == START && next.methods.are_two_factors()));
            }
        }
    }
}
