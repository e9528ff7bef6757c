//! What each home of sessions does with a request, command by command. What a token gets is decided by the product's
//! own rule; what is written around that, and in which order, is written here once more, and held to the real stores
//! by `stores.rs`.

use super::{
    flaws::Flaw,
    kept::{Generations, Rest, Shown, Store, Write},
    record::{Moment, Record, timestamp},
};
use crate::support::backends::GRACE;
use keyward::domain::rotation::{Confirm, Contested, Decision, Progress, Reissue, ReusePolicy};

/// Where sessions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// SQLite: each request is one transaction.
    Embedded,
    /// One Redis: the record, its `refresh:` keys and its index entries are one script.
    OneServer,
    /// The record is one script, and each other key a command of its own.
    Cluster,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Presents the refresh token of that generation; of a bound session with a proof of its key.
    Refresh(u8),
    /// The same without the key.
    Keyless(u8),
    /// Shows an access token of that generation.
    Check(u8),
    /// Shows that, in a session that said so when it was looked at.
    StepUp(Shown, Shown),
    SignOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The refresh token of that generation, and an access token of it.
    Granted(u8),
    /// The access token passes.
    Seen,
    SteppedUp,
    /// The session says something else by now: it is decided once more.
    Moved(Shown),
    SignedOut,
    /// The session ended by this request.
    Reused,
    Contested,
    /// It had ended before.
    Ended,
    Expired,
    Withdrawn,
    /// The key was missing.
    Unproved,
}

impl Outcome {
    pub const fn is_refusal(self) -> bool {
        !matches!(self, Self::Granted(_) | Self::Seen | Self::SteppedUp | Self::Moved(_) | Self::SignedOut)
    }
}

/// How late a generation is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    FirstIssue,
    Usual,
    Late,
    Contested,
}

impl From<Reissue> for Told {
    fn from(reissue: Reissue) -> Self {
        match reissue {
            Reissue::Usual => Self::Usual,
            Reissue::Late => Self::Late,
            Reissue::Contested => Self::Contested,
        }
    }
}

/// How far a node has come with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    First,
    /// Redis has said what time it is by its clock: the node knows now when the request arrived by that. `in_time`:
    /// whoever asked has not been told yet that Redis is away.
    Second {
        in_time: bool,
    },
}

/// What a command on the record leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The rest follows.
    Done(Rest, Told),
    /// The answer depends on how late the request is: it is to be asked a second time.
    AskAgain,
    TooLate,
}

impl From<Rest> for Reply {
    fn from(rest: Rest) -> Self {
        Self::Done(rest, Told::FirstIssue)
    }
}

/// A home, its settings, and what is wrong with it.
#[derive(Debug, Clone, Copy)]
pub struct Keeper {
    pub home: Home,
    pub confirm: Confirm,
    pub contested: Contested,
    pub flaw: Option<Flaw>,
}

impl Keeper {
    pub const fn policy(self) -> ReusePolicy {
        ReusePolicy { grace: GRACE, confirm: self.confirm, contested: self.contested }
    }

    pub fn has(self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// Carries out the first command of a request that arrived at that moment: the one on the record.
    pub fn carry_out(self, store: &mut Store, verb: Verb, arrived: Moment, call: Call) -> Reply {
        match verb {
            Verb::SignOut => self.sign_out(store).into(),
            _ if store.is_over => Rest::nothing(Outcome::Expired).into(),
            Verb::Refresh(presented) if self.has(Flaw::EndIsForgotten) => {
                self.rotate(store, presented, arrived, call)
            }
            Verb::StepUp(from, shown) if self.has(Flaw::StepsUpWhatHasEnded) => {
                self.step_up(store, from, shown).into()
            }
            _ if store.is_ended => self.meet_end().into(),
            Verb::Check(generation) => self.confirm(store, generation, arrived).into(),
            Verb::StepUp(from, shown) => self.step_up(store, from, shown).into(),
            Verb::Keyless(presented) if store.is_bound => self.unproved(store, presented),
            Verb::Refresh(presented) | Verb::Keyless(presented) => {
                self.rotate(store, presented, arrived, call)
            }
        }
    }

    /// Nothing becomes of the session.
    fn unproved(self, store: &mut Store, presented: u8) -> Reply {
        let is_old = presented < store.record.generation;
        if self.has(Flaw::KeylessIsTheft) {
            return self.end(store, presented, Outcome::Reused).into();
        }
        if self.has(Flaw::OldNeedNoKey) && is_old {
            return self.rotate(store, presented, 0, Call::Second { in_time: true });
        }
        Rest::nothing(Outcome::Unproved).into()
    }

    /// Writes what comes of what is shown, if the session still says what that was decided from.
    fn step_up(self, store: &mut Store, from: Shown, shown: Shown) -> Rest {
        let to = from.stepped_up(shown);
        if store.shown != from && store.shown != to && !self.has(Flaw::LastStepUpWins) {
            return Rest::nothing(Outcome::Moved(store.shown));
        }
        store.shown = to;
        Rest::nothing(Outcome::SteppedUp)
    }

    fn rotate(self, store: &mut Store, presented: u8, arrived: Moment, call: Call) -> Reply {
        let is_estimate = self.home != Home::Embedded && call == Call::First;
        // Redis takes a request for younger than it is: how long the command was under way is not known there.
        let judged = if is_estimate || self.has(Flaw::JudgedWhenDone) { 0 } else { arrived };
        let progress = store.record.progress();
        let decision = self.decide(&progress, presented, judged);
        let is_late =
            matches!(decision, Decision::Theft | Decision::Reissue(Reissue::Late | Reissue::Contested));
        if is_late && !self.has(Flaw::JudgedWhenDone) && self.home != Home::Embedded {
            match call {
                Call::First => return Reply::AskAgain,
                Call::Second { in_time: false } if !self.has(Flaw::NoPatience) => return Reply::TooLate,
                Call::Second { .. } => {}
            }
        }
        let after = match decision {
            Decision::Theft => return self.end(store, presented, Outcome::Reused).into(),
            Decision::Reissue(Reissue::Contested) if self.contested == Contested::End => {
                return self.end(store, presented, Outcome::Contested).into();
            }
            Decision::Reissue(reissue) => progress.reissued(reissue),
            Decision::Rotate => {
                let done = if self.has(Flaw::IssuedOnArrival) { arrived } else { 0 };
                progress.rotated(presented.max(self.least(&progress)).into(), &self.policy(), timestamp(done))
            }
        };
        let former = Generations::with_parent(store.record.generation);
        let is_withdrawn = self.home == Home::OneServer && Self::is_withdrawn(store, presented);
        store.record = Record::of(&after);
        if self.has(Flaw::ReissueForgetsStepUps) && matches!(decision, Decision::Reissue(_)) {
            store.shown = Shown::NONE;
        }
        if is_withdrawn {
            return Rest::nothing(Outcome::Withdrawn).into();
        }
        let told = if let Decision::Reissue(reissue) = decision { reissue.into() } else { Told::FirstIssue };
        Reply::Done(self.grant(store, presented, former, told), told)
    }

    /// What a flawed rotation rotates from, whatever was presented.
    fn least(self, progress: &Progress) -> u8 {
        let current = u8::try_from(progress.generation).expect("few generations");
        if self.has(Flaw::EachGetsItsOwn) { current } else { 0 }
    }

    /// The product's rule, or a flawed one.
    fn decide(self, progress: &Progress, presented: u8, judged: Moment) -> Decision {
        let presented = u32::from(presented);
        let decision = progress.decide(presented, &self.policy(), timestamp(judged));
        match self.flaw {
            Some(Flaw::CountedFromIssue) if presented < progress.generation => {
                let over = progress.issued_at + GRACE;
                if timestamp(judged) >= over { Decision::Theft } else { decision }
            }
            Some(Flaw::EachGetsItsOwn) if matches!(decision, Decision::Reissue(_)) => Decision::Rotate,
            Some(Flaw::NoTheft) if decision == Decision::Theft => Decision::Reissue(Reissue::Usual),
            Some(Flaw::ParentAlone) if presented + 1 < progress.generation => Decision::Theft,
            Some(Flaw::NewerIsTheft) if presented > progress.generation => Decision::Theft,
            _ => decision,
        }
    }

    /// What is written around the record: with it where all keys are on one server, after it in a Cluster.
    fn grant(self, store: &mut Store, presented: u8, former: Generations, told: Told) -> Rest {
        let current = store.record.generation;
        let kept = Generations::with_parent(current);
        let granted = Outcome::Granted(current);
        match self.home {
            Home::Embedded => Rest::nothing(granted),
            Home::OneServer if self.has(Flaw::KeysComeLater) => {
                Rest::of(&[Write::Current, Write::Parent], Generations::default(), granted)
            }
            Home::OneServer => {
                store.keys = store.keys.without(former).and(kept);
                store.indexes = [true; 2];
                Rest::nothing(granted)
            }
            Home::Cluster if self.has(Flaw::NotMended) && told != Told::FirstIssue => Rest::nothing(granted),
            Home::Cluster => {
                let gone = former.and(Generations::before(presented)).without(kept);
                Rest::of(&[Write::Current, Write::Parent, Write::Index(0), Write::Index(1)], gone, granted)
            }
        }
    }

    /// A token whose key was deleted by an operator.
    fn is_withdrawn(store: &Store, presented: u8) -> bool {
        let current = store.record.generation;
        let needed = match current.checked_sub(presented) {
            None => return false,
            Some(1) => Generations::with_parent(current),
            Some(_) => Generations::of(current),
        };
        !store.keys.has_all(needed)
    }

    /// An access token was seen in use.
    fn confirm(self, store: &mut Store, generation: u8, arrived: Moment) -> Rest {
        let seen = &mut store.record.replaced[0];
        if generation == store.record.generation && (seen.is_none() || self.has(Flaw::EachSightCounts)) {
            *seen = Some(if self.home == Home::Embedded { arrived } else { 0 });
        }
        Rest::nothing(Outcome::Seen)
    }

    fn sign_out(self, store: &mut Store) -> Rest {
        if store.is_over {
            return self.refuse(store, &[], Generations::default(), Outcome::SignedOut);
        }
        let presented = store.record.generation;
        self.end(store, presented, Outcome::SignedOut)
    }

    /// Marks the session ended. What refuses its tokens, and takes away what leads to it, follows.
    fn end(self, store: &mut Store, presented: u8, outcome: Outcome) -> Rest {
        store.is_ended = true;
        store.record.forget_times();
        let indexes = [Write::Index(0), Write::Index(1)];
        let known = Generations::with_parent(store.record.generation);
        match self.home {
            Home::OneServer => {
                store.keys = store.keys.without(known);
                self.refuse(store, &indexes, Generations::default(), outcome)
            }
            Home::Cluster => {
                let chain = Generations::with_parent(presented + 1).and(Generations::before(presented));
                let chain = if outcome == Outcome::SignedOut { Generations::default() } else { chain };
                self.refuse(store, &indexes, known.and(chain), outcome)
            }
            Home::Embedded => self.refuse(store, &[], Generations::default(), outcome),
        }
    }

    /// Nobody is told of an end before the session's tokens are refused. Embedded, that is one step with the end.
    fn refuse(self, store: &mut Store, more: &[Write], gone: Generations, outcome: Outcome) -> Rest {
        if self.has(Flaw::RefusedLater) {
            return Rest::nothing(outcome);
        }
        if self.home == Home::Embedded {
            store.is_refused = true;
            return Rest::nothing(outcome);
        }
        Rest::of(&[&[Write::Refusal], more].concat(), gone, outcome)
    }

    /// Where an end is several steps, whoever meets it makes up for a crash between them.
    fn meet_end(self) -> Rest {
        match self.home {
            Home::Embedded => Rest::nothing(Outcome::Ended),
            _ => Rest::of(&[Write::Refusal], Generations::default(), Outcome::Ended),
        }
    }

    /// Whether the owner's token gets the next one, or the current one again, at that moment.
    pub fn is_good(self, store: &Store, token: u8, at: Moment) -> bool {
        let record = store.record.progress();
        let is_forgiven = self.decide(&record, token, at) != Decision::Theft;
        is_forgiven && !(self.home == Home::OneServer && Self::is_withdrawn(store, token))
    }
}
