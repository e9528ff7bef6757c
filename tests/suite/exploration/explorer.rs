//! Goes to every state that can be reached, by breadth, so that the first trace to a broken promise is a shortest
//! one. Of a state that was seen only a fingerprint of 64 bits is kept, and that of the state it was reached from.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    hash::{BuildHasherDefault, Hash, Hasher},
};

/// What may come next: a step, and the state it leads to or the promise it breaks.
pub type Next<State, Step, Promise> = Vec<(Step, Result<State, Promise>)>;

/// Each state's fingerprint, with that of the state it was reached from.
type Origins = HashMap<u64, u64, Mixing>;

/// For maps that an exploration fills.
pub type Mixing = BuildHasherDefault<Mixer>;

/// Mixes what is hashed, word by word (as splitmix64 does). What the standard library hashes with takes most of the
/// time where nothing is optimised, as in tests.
#[derive(Default)]
pub struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, word: u64) {
        let mixed = (self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        self.0 = mixed ^ (mixed >> 32);
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mix(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_i64(&mut self, number: i64) {
        self.mix(number.cast_unsigned());
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.mix(number.cast_unsigned() as u64);
    }

    fn finish(&self) -> u64 {
        let mixed = self.0.wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// What an exploration has found.
#[derive(Debug)]
pub struct Explored<Step, Promise> {
    pub states: usize,
    pub steps: usize,
    /// How many steps the furthest state is from the first.
    pub depth: usize,
    /// No state was left out.
    pub is_complete: bool,
    /// A promise that was broken, and the steps to it.
    pub broken: Option<(Promise, Vec<Step>)>,
}

impl<Step: fmt::Display, Promise: fmt::Debug> Explored<Step, Promise> {
    /// Fails where a promise was broken, and tells how, or where states were left out though none were to be.
    pub fn assert_kept(&self, most: usize) {
        if let Some((promise, steps)) = &self.broken {
            let steps: Vec<String> = steps.iter().map(|step| format!("\n  {step}")).collect();
            panic!("{promise:?} is broken:{}", steps.concat());
        }
        assert!(self.is_complete || self.states >= most, "{self}");
    }
}

impl<Step, Promise> fmt::Display for Explored<Step, Promise> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, steps, depth, is_complete, .. } = self;
        let end = if *is_complete { "no state left" } else { "cut off there" };
        write!(f, "{states} states, {steps} steps, depth {depth}, {end}")
    }
}

/// Explores from `first` until there is nothing new, a promise is broken, or all states within so many steps are
/// seen and there are `most` of them.
pub fn explore<State: Clone + Hash, Step, Promise>(
    first: &State,
    most: usize,
    next: impl Fn(&State, &mut Next<State, Step, Promise>),
) -> Explored<Step, Promise> {
    let mut origins = Origins::from_iter([(fingerprint(first), fingerprint(first))]);
    let mut explored = Explored { states: 1, steps: 0, depth: 0, is_complete: false, broken: None };
    let (mut frontier, mut found) = (vec![first.clone()], Vec::new());
    while explored.states < most && explored.broken.is_none() {
        let mut ahead = Vec::new();
        for state in &frontier {
            let origin = fingerprint(state);
            next(state, &mut found);
            explored.steps += found.len();
            for (step, after) in found.drain(..) {
                match after {
                    Err(_) if explored.broken.is_some() => {}
                    Err(promise) => {
                        let mut trace = trace(first, &origins, origin, &next);
                        trace.push(step);
                        explored.broken = Some((promise, trace));
                    }
                    Ok(after) => {
                        if let Entry::Vacant(unseen) = origins.entry(fingerprint(&after)) {
                            unseen.insert(origin);
                            ahead.push(after);
                        }
                    }
                }
            }
            if explored.broken.is_some() {
                break;
            }
        }
        explored.states = origins.len();
        if ahead.is_empty() {
            explored.is_complete = explored.broken.is_none();
            break;
        }
        explored.depth += 1;
        frontier = ahead;
    }
    explored
}

/// The steps by which a state was first reached, found by taking them again.
fn trace<State: Clone + Hash, Step, Promise>(
    first: &State,
    origins: &Origins,
    last: u64,
    next: impl Fn(&State, &mut Next<State, Step, Promise>),
) -> Vec<Step> {
    let is_first = |print: &u64| *print == fingerprint(first);
    let mut way: Vec<u64> =
        std::iter::successors(Some(last), |print| origins.get(print).copied().filter(|_| !is_first(print)))
            .collect();
    way.reverse();
    let (mut state, mut trace, mut found) = (first.clone(), Vec::new(), Vec::new());
    for print in way.into_iter().skip(1) {
        next(&state, &mut found);
        let leads_there = |(step, after): (Step, Result<State, Promise>)| {
            Some((step, after.ok()?)).filter(|(_, after)| fingerprint(after) == print)
        };
        let (step, after) =
            found.drain(..).find_map(leads_there).expect("a state that was reached from this one");
        trace.push(step);
        state = after;
    }
    trace
}

fn fingerprint(state: &impl Hash) -> u64 {
    let mut hasher = Mixer::default();
    state.hash(&mut hasher);
    hasher.finish()
}

/// Two counters that may each go up to `most`; their sum must not be `forbidden`.
fn counters(most: u8, forbidden: u8) -> Explored<&'static str, &'static str> {
    up_to(usize::MAX, most, forbidden)
}

fn up_to(states: usize, most: u8, forbidden: u8) -> Explored<&'static str, &'static str> {
    explore(&(0, 0), states, |&(one, other): &(u8, u8), found| {
        for (step, after) in [("one", (one + 1, other)), ("other", (one, other + 1))] {
            if after.0 + after.1 == forbidden {
                found.push((step, Err("forbidden")));
            } else if after.0 <= most && after.1 <= most {
                found.push((step, Ok(after)));
            }
        }
    })
}

#[test]
fn every_state_is_seen_once() {
    let explored = counters(3, u8::MAX);
    assert_eq!((explored.states, explored.steps, explored.depth), (16, 24, 6));
    assert!(explored.is_complete && explored.broken.is_none());
}

#[test]
fn it_is_cut_off_where_there_are_too_many() {
    let explored = up_to(5, 3, u8::MAX);
    assert_eq!((explored.states, explored.depth, explored.is_complete), (6, 2, false));
}

#[test]
fn the_trace_to_a_broken_promise_is_a_shortest_one() {
    let explored = counters(3, 5);
    let (promise, trace) = explored.broken.expect("a sum of five");
    assert_eq!((promise, trace.len()), ("forbidden", 5));
    assert!(!explored.is_complete);
}
