//! Everybody who has to do with one session, and all that may happen next: tabs of its owner, which share one place
//! where the refresh token is kept; a thief, who has a copy of every token as soon as it is issued; nodes that share
//! nothing but the store, so that each request is at a node of its own; and time.

use super::{
    explorer::Next,
    homes::{Call, Home, Keeper, Outcome, Reply, Told, Verb},
    kept::{Rest, Shown, Store},
    promises::{Judged, Promise, Truth},
    record::{LATER, LONGEST_STALL, Moment, Passing, long_ago},
    steps::{Request, Stage, Step, Who},
};
use keyward::domain::rotation::Contested;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub store: Store,
    /// What a replica of the store knows, where one may take over.
    pub replica: Option<Store>,
    /// The refresh token that the owner keeps, until they are told that the session is over.
    pub kept: Option<u8>,
    /// In order, for it does not matter which tab is which.
    pub requests: Vec<Request>,
    pub truth: Truth,
}

/// What a client does with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Keeps the new token only if what it presented for it is what is kept.
    Careful,
    /// Keeps whatever came last.
    LastAnswerWins,
}

/// In which order what follows the record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    AsSent,
    Any,
}

/// What is explored.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each may happen or not, whatever else does")]
pub struct World {
    pub keeper: Keeper,
    pub client: Client,
    /// How many generations there may be after the first.
    pub generations: u8,
    /// How many requests may be under way at once: of two tabs, of the thief, and of those that nobody waits for.
    pub requests: usize,
    pub has_thief: bool,
    /// The owner has a key, and the thief has none.
    pub is_bound: bool,
    pub signs_out: bool,
    /// The owner shows more, each thing once.
    pub steps_up: bool,
    pub fails_over: bool,
    pub order: Order,
    /// For how long a request may be on its way to a node, in halves of the grace.
    pub slowest_way: Moment,
}

impl World {
    pub fn first(&self) -> State {
        let store = Store { is_bound: self.is_bound, ..Store::signed_in() };
        let replica = self.fails_over.then_some(store);
        State { store, replica, kept: Some(0), requests: Vec::new(), truth: Truth::at_sign_in() }
    }

    /// All that may happen next.
    pub fn next(&self, state: &State, found: &mut Next<State, Step, Promise>) {
        self.sends(state, found);
        for place in 0..state.requests.len() {
            // Of two that are the same it does not matter which goes on.
            if place == 0 || state.requests[place] != state.requests[place - 1] {
                self.goes_on(state, place, found);
            }
        }
        self.passes(state, found);
    }

    fn sends(&self, state: &State, found: &mut Next<State, Step, Promise>) {
        if state.requests.len() == self.requests {
            return;
        }
        let mut send = |who, verb| {
            // Only a refresh is judged by when it arrived, and embedded also a check. Another request that lies at a
            // node for a while is no different from one that is sent later, and a thief chooses when to come.
            let lies = match verb {
                Verb::Refresh(_) | Verb::StepUp(..) => true,
                Verb::Check(_) => self.keeper.home == Home::Embedded,
                Verb::Keyless(_) | Verb::SignOut => false,
            };
            let begin = match (who, verb) {
                (Who::Owner, Verb::Refresh(_)) => Stage::Sent(0),
                _ => Stage::Arrived(0),
            };
            let request = Request { who, verb, stage: begin };
            let mut after = state.clone();
            after.requests.push(request);
            if let Verb::StepUp(_, shown) = verb {
                after.truth.asked = after.truth.asked.and(shown);
            }
            let is_harmless = matches!(verb, Verb::Keyless(_)) && self.is_bound;
            after.truth.is_honest &= is_harmless || who == Who::Owner && verb != Verb::SignOut;
            found.push(if lies && who == Who::Owner {
                (Step::Sends(request), self.settled(after))
            } else {
                self.is_done(&after, state.requests.len(), 0, Call::First)
            });
        };
        if let Some(kept) = state.kept {
            if kept < self.generations {
                send(Who::Owner, Verb::Refresh(kept));
            }
            // The first generation replaces none: the server does not note its use.
            if kept > 0 {
                send(Who::Owner, Verb::Check(kept));
            }
            if self.signs_out {
                send(Who::Owner, Verb::SignOut);
            }
            for (shown, _) in Shown::EACH {
                if self.steps_up && !state.truth.asked.has_all(shown) {
                    send(Who::Owner, Verb::StepUp(state.store.shown, shown));
                }
            }
        }
        let has_come = state.requests.iter().any(|request| request.who == Who::Thief);
        if self.has_thief && !has_come {
            for stolen in 0..=state.store.record.generation {
                if self.is_bound {
                    send(Who::Thief, Verb::Keyless(stolen));
                    continue;
                }
                if stolen < self.generations {
                    send(Who::Thief, Verb::Refresh(stolen));
                }
                if stolen > 0 {
                    send(Who::Thief, Verb::Check(stolen));
                }
            }
        }
    }

    fn goes_on(&self, state: &State, place: usize, found: &mut Next<State, Step, Promise>) {
        let request = state.requests[place];
        let at = |stage| state.with(place, Request { stage, ..request });
        match request.stage {
            Stage::Sent(_) => found.push((Step::Arrives(request), self.settled(at(Stage::Arrived(0))))),
            Stage::Arrived(arrived) => {
                found.push(self.is_done(state, place, arrived, Call::First));
            }
            Stage::Asked { arrived, in_time } => {
                found.push(self.is_done(state, place, arrived, Call::Second { in_time }));
            }
            Stage::Writing(rest) => {
                for write in rest.next(self.order == Order::Any) {
                    let (mut after, mut rest) = (state.clone(), rest);
                    rest.write(&mut after.store, write);
                    let answered = self.answer(&mut after, place, rest);
                    found.push((Step::Writes(request, write), answered.and_then(|()| self.settled(after))));
                }
            }
            Stage::Answered(outcome) => {
                let mut after = state.without(place);
                after.kept = self.kept(state.kept, request.verb, outcome);
                found.push((Step::IsAnswered(request), self.settled(after)));
            }
        }
        if !matches!(request.stage, Stage::Sent(_) | Stage::Arrived(_)) {
            found.push((Step::IsLost(request), self.settled(state.without(place))));
        }
    }

    /// The command on the record is carried out.
    fn is_done(
        &self,
        state: &State,
        place: usize,
        arrived: Moment,
        call: Call,
    ) -> (Step, Result<State, Promise>) {
        let (request, mut after) = (state.requests[place], state.clone());
        let reply = self.keeper.carry_out(&mut after.store, request.verb, arrived, call);
        let went_on = match reply {
            // Whoever asked has been told 503, which is no refusal.
            Reply::TooLate => {
                after.requests.remove(place);
                Ok(())
            }
            Reply::Done(Rest { outcome: Outcome::Moved(said), .. }, _) => {
                let Verb::StepUp(_, shown) = request.verb else { unreachable!("a step-up") };
                after.requests[place].verb = Verb::StepUp(said, shown);
                Ok(())
            }
            Reply::AskAgain => {
                after.requests[place].stage = Stage::Asked { arrived, in_time: true };
                Ok(())
            }
            Reply::Done(rest, told) => self
                .note(state, &mut after, place, Judged { arrived, call, outcome: rest.outcome, told })
                .and_then(|()| self.answer(&mut after, place, rest)),
        };
        (Step::IsDone(request, reply), went_on.and_then(|()| self.settled(after)))
    }

    /// Holds what was decided to the promises, and notes what is true from now on.
    fn note(&self, before: &State, after: &mut State, place: usize, judged: Judged) -> Result<(), Promise> {
        let (request, Judged { outcome, told, .. }) = (before.requests[place], judged);
        after.truth.judge(self, before, request, judged, &after.store)?;
        match request.verb {
            Verb::Refresh(used) | Verb::Check(used) if !outcome.is_refusal() => {
                after.truth.is_seen(self, used);
            }
            _ => {}
        }
        if let (Outcome::Granted(generation), Told::FirstIssue) = (outcome, told) {
            after.truth.is_issued(self, generation);
        }
        if outcome == Outcome::Contested && self.keeper.contested == Contested::End {
            after.truth.is_honest = false;
        }
        Ok(())
    }

    /// The request goes on to what is left of it, or its answer goes out.
    fn answer(&self, after: &mut State, place: usize, rest: Rest) -> Result<(), Promise> {
        let request = after.requests[place];
        if !rest.is_done() {
            after.requests[place].stage = Stage::Writing(rest);
            return Ok(());
        }
        after.truth.is_answered(self, &after.store, rest.outcome)?;
        if let (Verb::StepUp(_, shown), Outcome::SteppedUp) = (request.verb, rest.outcome) {
            after.truth.is_proved(shown);
        }
        // What the others are told changes nothing.
        if request.who == Who::Owner && matches!(request.verb, Verb::Refresh(_) | Verb::SignOut) {
            after.requests[place].stage = Stage::Answered(rest.outcome);
        } else {
            after.requests.remove(place);
        }
        Ok(())
    }

    /// What the owner keeps after an answer. Only a refresh tells a client that the session is over.
    fn kept(&self, kept: Option<u8>, verb: Verb, outcome: Outcome) -> Option<u8> {
        match (verb, outcome) {
            (Verb::Refresh(presented), Outcome::Granted(generation)) => {
                let takes = self.client == Client::LastAnswerWins || kept == Some(presented);
                if takes { kept.and(Some(generation)) } else { kept }
            }
            _ => None,
        }
    }

    fn passes(&self, state: &State, found: &mut Next<State, Step, Promise>) {
        if !state.store.is_done() {
            found.push((Step::HalfAGracePasses, self.settled(self.later(state, 1))));
            found.push((Step::DaysPass, self.settled(self.later(state, LATER))));
        }
        if !state.store.is_done() && state.replica.is_none() {
            let mut after = state.clone();
            after.store.is_over = true;
            after.store.record.forget_times();
            after.truth.forget();
            found.push((Step::TheLifeEnds, self.settled(after)));
        }
        if let Some(replica) = state.replica.filter(|replica| *replica != state.store) {
            let follows = State { replica: Some(state.store), ..state.clone() };
            found.push((Step::TheReplicaFollows, self.settled(follows)));
            found.push((Step::TheReplicaTakesOver, self.settled(State { store: replica, ..state.clone() })));
        }
    }

    /// The state when so much time has passed. What has been under way for longer than there is is lost.
    fn later(&self, state: &State, by: Moment) -> State {
        let passing = Passing { by, oldest: long_ago(self.keeper.confirm) };
        let mut after = state.clone();
        after.store.age(passing);
        after.replica.iter_mut().for_each(|replica| replica.age(passing));
        after.truth.age(passing);
        after.requests.retain_mut(|request| match &mut request.stage {
            // What it is decided by is no time.
            Stage::Arrived(_) if matches!(request.verb, Verb::StepUp(..)) => by == 1,
            Stage::Sent(since) => {
                *since += by;
                *since <= self.slowest_way
            }
            Stage::Arrived(arrived) => {
                *arrived -= by;
                *arrived >= -LONGEST_STALL
            }
            Stage::Asked { arrived, in_time } => {
                *arrived -= by;
                *in_time = false;
                *arrived >= -LONGEST_STALL
            }
            Stage::Writing(_) | Stage::Answered(_) => by == 1,
        });
        after
    }

    /// A state as it is compared, unless it breaks a promise.
    fn settled(&self, mut state: State) -> Result<State, Promise> {
        state.requests.sort_unstable();
        state.truth.holds(self, &state)?;
        Ok(state)
    }
}

impl State {
    fn with(&self, place: usize, request: Request) -> Self {
        let mut after = self.clone();
        after.requests[place] = request;
        after
    }

    fn without(&self, place: usize) -> Self {
        let mut after = self.clone();
        after.requests.remove(place);
        after
    }
}
