//! That the exploration can fail: flaws that it must find, and limits beyond which a promise cannot be kept.

use super::{
    alone,
    explorer::explore,
    homes::{Home, Keeper},
    promises::Promise,
    record::WHOLE_GRACE,
    steps::Step,
    that_fails_over, that_is_bound, that_signs_out, that_steps_up, under_the_timer, with_thief,
    world::{Client, World},
};
use rstest::rstest;

/// A change for the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The grace counts from the successor's issue, and not from its first use.
    CountedFromIssue,
    /// A token that comes again gets another successor.
    EachGetsItsOwn,
    /// Whatever is old is forgiven.
    NoTheft,
    /// Only the parent of the current token is remembered.
    ParentAlone,
    /// A token newer than the record is not followed.
    NewerIsTheft,
    /// A request is judged by when it is carried out.
    JudgedWhenDone,
    /// What is answered with 503 is carried out however late.
    NoPatience,
    /// A generation counts as issued when the request for it arrived.
    IssuedOnArrival,
    /// Each sight of an access token begins the grace anew.
    EachSightCounts,
    /// A refresh does not look whether the session has ended.
    EndIsForgotten,
    /// An end is answered before the session's tokens are refused.
    RefusedLater,
    /// On one server, the keys follow the record in a second step.
    KeysComeLater,
    /// In a Cluster, a retry does not write what a crash has left out.
    NotMended,
    /// Only the current token of a bound session takes its key.
    OldNeedNoKey,
    /// Whoever comes without the key is taken for a thief, and the session ends.
    KeylessIsTheft,
    /// A token that comes again brings what was proved at the sign-in alone.
    ReissueForgetsStepUps,
    /// A step-up does not look whether another one has come first.
    LastStepUpWins,
    /// A step-up does not look whether the session has ended.
    StepsUpWhatHasEnded,
}

impl World {
    fn with(self, flaw: Flaw) -> Self {
        Self { keeper: Keeper { flaw: Some(flaw), ..self.keeper }, ..self }
    }

    /// The shortest way in which that promise is broken.
    fn way_to_break(&self, promise: Promise) -> Option<Vec<Step>> {
        let explored = explore(&self.first(), usize::MAX, |state, found| {
            self.next(state, found);
            found.retain(|(_, after)| after.as_ref().err().is_none_or(|broken| *broken == promise));
        });
        let (_, steps) = explored.broken?;
        eprintln!("{promise:?} is broken:");
        for step in &steps {
            eprintln!("  {step}");
        }
        Some(steps)
    }
}

#[rstest]
#[case::a_lost_answer_is_theft(alone, Flaw::CountedFromIssue, Promise::NoHonestClientIsRefused)]
#[case::what_is_kept_goes_bad(alone, Flaw::CountedFromIssue, Promise::WhatIsKeptIsGood)]
#[case::two_tabs_get_two(alone, Flaw::EachGetsItsOwn, Promise::OneGenerationHasOneSuccessor)]
#[case::an_overtaken_request_is_theft(alone, Flaw::ParentAlone, Promise::NoHonestClientIsRefused)]
#[case::a_stalled_request_is_theft(alone, Flaw::JudgedWhenDone, Promise::NoHonestClientIsRefused)]
#[case::a_stall_eats_the_time_for_a_retry(
    under_the_timer,
    Flaw::IssuedOnArrival,
    Promise::NoHonestClientIsRefused
)]
#[case::a_late_thief_gets_in(with_thief, Flaw::NoTheft, Promise::AThiefAfterTheOwnerIsFoundOut)]
#[case::an_early_thief_stays_in(with_thief, Flaw::NoTheft, Promise::AThiefBeforeTheOwnerIsFoundOut)]
#[case::a_busy_owner_helps_a_thief(with_thief, Flaw::EachSightCounts, Promise::AThiefAfterTheOwnerIsFoundOut)]
#[case::a_session_comes_back(that_signs_out, Flaw::EndIsForgotten, Promise::SignedOutIsOut)]
#[case::an_end_is_told_too_soon(that_signs_out, Flaw::RefusedLater, Promise::WhoIsToldOfAnEndCanRelyOnIt)]
#[case::an_old_token_needs_no_key(that_is_bound, Flaw::OldNeedNoKey, Promise::NothingBecomesWithoutTheKey)]
#[case::who_lacks_the_key_ends_a_session(
    that_is_bound,
    Flaw::KeylessIsTheft,
    Promise::NothingBecomesWithoutTheKey
)]
#[case::a_retry_forgets_a_step_up(that_steps_up, Flaw::ReissueForgetsStepUps, Promise::WhatWasProvedIsKept)]
#[case::two_step_ups_are_one(that_steps_up, Flaw::LastStepUpWins, Promise::WhatWasProvedIsKept)]
#[case::a_step_up_comes_after_the_end(that_steps_up, Flaw::StepsUpWhatHasEnded, Promise::SignedOutIsOut)]
fn a_flaw_is_found(
    #[values(Home::Embedded, Home::OneServer)] home: Home,
    #[case] world: fn(Home) -> World,
    #[case] flaw: Flaw,
    #[case] promise: Promise,
) {
    // On one server the keys go with the end: a token without its key is refused all the same.
    let is_harmless = home == Home::OneServer && flaw == Flaw::EndIsForgotten;
    assert_eq!(world(home).with(flaw).way_to_break(promise).is_none(), is_harmless);
}

#[rstest]
#[case::a_newer_token_is_theft(
    that_fails_over(Home::OneServer),
    Flaw::NewerIsTheft,
    Promise::NoHonestClientIsRefused
)]
#[case::a_late_end_is_carried_out(
    with_thief(Home::OneServer),
    Flaw::NoPatience,
    Promise::WhatWasGivenUpEndsNothing
)]
#[case::a_crash_withdraws_a_token(
    alone(Home::OneServer),
    Flaw::KeysComeLater,
    Promise::NoHonestClientIsRefused
)]
#[case::a_crash_leaves_no_key(alone(Home::Cluster), Flaw::NotMended, Promise::AnAnsweredRefreshIsWhole)]
fn a_flaw_of_redis_is_found(#[case] world: World, #[case] flaw: Flaw, #[case] promise: Promise) {
    assert!(world.with(flaw).way_to_break(promise).is_some());
}

/// A request that is under way for as long as the grace cannot be told from a thief's.
#[test]
fn the_grace_is_how_long_requests_may_overtake_each_other() {
    let world = World { slowest_way: WHOLE_GRACE, ..alone(Home::Embedded) };
    assert!(world.way_to_break(Promise::NoHonestClientIsRefused).is_some());
}

/// A client that puts an answer over a newer one keeps a token that is replaced.
#[test]
fn an_overtaken_answer_that_is_kept_costs_the_session() {
    let world = World { client: Client::LastAnswerWins, ..alone(Home::Embedded) };
    assert!(world.way_to_break(Promise::NoHonestClientIsRefused).is_some());
}
