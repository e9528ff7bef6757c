//! What must hold, whatever happens, each promise by its name; and what is true, beside what the store believes.

use super::{
    homes::{Call, Home, Outcome, Told, Verb},
    kept::{Generations, Shown, Store},
    record::{LATER, Moment, Passing, WHOLE_GRACE},
    steps::{Request, Who},
    world::{State, World},
};
use keyward::domain::rotation::Confirm;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// As long as no thief has come, nobody has signed out and the life is not over, no request of the owner is
    /// refused.
    NoHonestClientIsRefused,
    /// And with nothing under way, what the owner keeps is good, however late it is shown.
    WhatIsKeptIsGood,
    /// Who shows a token a grace after the owner moved on gets nothing.
    AThiefAfterTheOwnerIsFoundOut,
    /// The owner who comes a grace after a thief has moved on gets nothing: so the thief is found out.
    AThiefBeforeTheOwnerIsFoundOut,
    /// A generation is issued once, to whoever presented the one before; all others get the current one.
    OneGenerationHasOneSuccessor,
    /// After a sign-out was answered, nothing is granted and no access token passes.
    SignedOutIsOut,
    /// Nobody is told of an end while the session's access tokens would still pass elsewhere.
    WhoIsToldOfAnEndCanRelyOnIt,
    /// What was answered with 503 ends no session when it is carried out late.
    WhatWasGivenUpEndsNothing,
    /// A refresh that was answered has left all that leads to the session: a retry mends what a crash has left out.
    AnAnsweredRefreshIsWhole,
    /// Whoever lacks the key of a bound session gets nothing, and nothing becomes of it, whatever they show.
    NothingBecomesWithoutTheKey,
    /// What a step-up has shown, once it was answered, whoever refreshes later is told.
    WhatWasProvedIsKept,
}

/// What was decided about a request, and when it had arrived.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    pub arrived: Moment,
    pub call: Call,
    pub outcome: Outcome,
    pub told: Told,
}

/// Never, as a moment.
const NEVER: Moment = Moment::MAX;
/// One more than there are generations at most.
const GENERATIONS: usize = 8;

/// What is true of a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Truth {
    /// Nothing has happened yet that may cost the owner the session.
    pub is_honest: bool,
    /// A sign-out was answered.
    is_signed_out: bool,
    /// What the owner has begun to show, and what was answered.
    pub asked: Shown,
    shown: Shown,
    /// When each generation was first issued, and first seen in use; only as far as a promise asks for it.
    issued: [Moment; GENERATIONS],
    seen: [Moment; GENERATIONS],
}

impl Truth {
    pub const fn at_sign_in() -> Self {
        let never = [NEVER; GENERATIONS];
        Self {
            is_honest: true,
            is_signed_out: false,
            asked: Shown::NONE,
            shown: Shown::NONE,
            issued: never,
            seen: never,
        }
    }

    pub fn is_issued(&mut self, world: &World, generation: u8) {
        if world.keeper.confirm == Confirm::Timer {
            let issued = &mut self.issued[usize::from(generation)];
            *issued = (*issued).min(0);
        }
    }

    pub fn is_seen(&mut self, world: &World, generation: u8) {
        if world.has_thief {
            let seen = &mut self.seen[usize::from(generation)];
            *seen = (*seen).min(0);
        }
    }

    pub fn age(&mut self, passing: Passing) {
        let moments = self.issued.iter_mut().chain(&mut self.seen);
        moments.filter(|moment| **moment != NEVER).for_each(|moment| passing.age(moment));
    }

    /// The session's life is over.
    pub fn forget(&mut self) {
        *self = Self { is_honest: false, is_signed_out: self.is_signed_out, ..Self::at_sign_in() };
    }

    /// Under the timer a token must be shown within two graces of its successor's issue.
    fn is_neglected(&self, token: u8, at: Moment) -> bool {
        let issued = self.issued[usize::from(token) + 1];
        issued != NEVER && at >= issued + 2 * WHOLE_GRACE
    }

    /// What was decided about a request.
    pub fn judge(
        &mut self,
        world: &World,
        before: &State,
        request: Request,
        judged: Judged,
        after: &Store,
    ) -> Result<(), Promise> {
        let outcome = judged.outcome;
        let ends = after.is_ended && !before.store.is_ended;
        if ends && judged.call == (Call::Second { in_time: false }) {
            return Err(Promise::WhatWasGivenUpEndsNothing);
        }
        if self.is_signed_out && matches!(outcome, Outcome::Granted(_) | Outcome::Seen | Outcome::SteppedUp) {
            return Err(Promise::SignedOutIsOut);
        }
        if matches!(request.verb, Verb::Keyless(_)) && (!outcome.is_refusal() || *after != before.store) {
            return Err(Promise::NothingBecomesWithoutTheKey);
        }
        if matches!(outcome, Outcome::Granted(_)) && !after.shown.has_all(self.shown) {
            return Err(Promise::WhatWasProvedIsKept);
        }
        if let Verb::Refresh(presented) = request.verb {
            self.judge_refresh(world, before, (request.who, presented), judged)?;
        }
        if request.who == Who::Owner && outcome.is_refusal() && self.is_honest {
            return Err(Promise::NoHonestClientIsRefused);
        }
        if after.is_ended {
            // Nothing that is promised from now on asks for the times.
            self.issued = [NEVER; GENERATIONS];
            self.seen = [NEVER; GENERATIONS];
        }
        Ok(())
    }

    fn judge_refresh(
        &mut self,
        world: &World,
        before: &State,
        (who, presented): (Who, u8),
        Judged { arrived, outcome, told, .. }: Judged,
    ) -> Result<(), Promise> {
        if self.is_neglected(presented, arrived) || outcome == Outcome::Contested {
            self.is_honest = false;
        }
        let Outcome::Granted(generation) = outcome else { return Ok(()) };
        let current = before.store.record.generation;
        let is_one = match told {
            Told::FirstIssue => {
                generation == presented + 1 && (generation == current + 1 || world.fails_over)
            }
            _ => generation == current,
        };
        if !is_one {
            return Err(Promise::OneGenerationHasOneSuccessor);
        }
        let seen = self.seen[usize::from(presented) + 1];
        if seen != NEVER && arrived >= seen + WHOLE_GRACE {
            return Err(match who {
                Who::Thief => Promise::AThiefAfterTheOwnerIsFoundOut,
                Who::Owner => Promise::AThiefBeforeTheOwnerIsFoundOut,
            });
        }
        Ok(())
    }

    /// An answer goes out.
    pub fn is_answered(&mut self, world: &World, store: &Store, outcome: Outcome) -> Result<(), Promise> {
        match outcome {
            Outcome::Granted(generation) => {
                let is_told_of = store.record.generation == generation && !store.is_done();
                let is_whole =
                    store.keys.has_all(Generations::with_parent(generation)) && store.indexes == [true; 2];
                if world.keeper.home != Home::Embedded && is_told_of && !is_whole {
                    return Err(Promise::AnAnsweredRefreshIsWhole);
                }
            }
            Outcome::Reused | Outcome::Contested | Outcome::Ended | Outcome::SignedOut
                if !store.is_refused =>
            {
                return Err(Promise::WhoIsToldOfAnEndCanRelyOnIt);
            }
            _ => {}
        }
        self.is_signed_out |= outcome == Outcome::SignedOut;
        Ok(())
    }

    /// A step-up was answered.
    pub const fn is_proved(&mut self, shown: Shown) {
        self.shown = self.shown.and(shown);
    }

    /// What holds of every state.
    pub fn holds(&self, world: &World, state: &State) -> Result<(), Promise> {
        let Some(kept) = state.kept.filter(|_| self.is_honest && state.requests.is_empty()) else {
            return Ok(());
        };
        let waits_for_ever = world.keeper.confirm == Confirm::FirstUse;
        let is_good = |at| world.keeper.is_good(&state.store, kept, at);
        let is_neglected = self.is_neglected(kept, 0);
        if !is_neglected && !is_good(0) || waits_for_ever && !is_good(LATER) {
            return Err(Promise::WhatIsKeptIsGood);
        }
        Ok(())
    }
}
