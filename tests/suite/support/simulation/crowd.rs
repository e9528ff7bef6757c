//! What all who take part share: what time it is, who holds which tokens, and whose session is over.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Plan,
    chance::Chance,
    facts::Moment,
    ledger::Ledger,
    network::{Network, Tokens},
};
use crate::support::authenticator::Authenticator;

/// Nobody refreshes a token that is younger: of real ones a minute is. So there are no more than the eight generations
/// of which contract 3 remembers when they were replaced, while a request lies at a node that is stopped.
const FRESH: Duration = Duration::from_millis(500);

/// What the tabs of one browser share, or one phone keeps. Who steals from it copies what is in it.
#[derive(Debug, Default)]
pub struct Jar(Mutex<Option<(Tokens, Instant)>>);

impl Jar {
    pub fn held(&self) -> Option<Tokens> {
        self.lock().as_ref().map(|(tokens, _)| tokens.clone())
    }

    /// Whether what is held is worth a refresh.
    pub fn is_due(&self) -> bool {
        self.lock().as_ref().is_some_and(|(_, since)| since.elapsed() >= FRESH)
    }

    /// A sign-in.
    pub fn put(&self, tokens: Tokens) {
        *self.lock() = Some((tokens, Instant::now()));
    }

    /// A refresh: an answer that was overtaken by a later one is no news.
    pub fn keep(&self, tokens: Tokens) {
        let mut held = self.lock();
        let is_newer = |(held, _): &(Tokens, Instant)| {
            held.session == tokens.session && held.generation < tokens.generation
        };
        if held.as_ref().is_some_and(is_newer) {
            *held = Some((tokens, Instant::now()));
        }
    }

    /// A step-up: the access token is another one, unless there is a newer one by now.
    pub fn strengthen(&self, tokens: Tokens) {
        let mut held = self.lock();
        if let Some((held, _)) = held.as_mut().filter(|(held, _)| held.refresh == tokens.refresh) {
            *held = tokens;
        }
    }

    /// The session is over.
    pub fn empty(&self, session: &str) {
        let mut held = self.lock();
        if held.as_ref().is_some_and(|(held, _)| held.session == session) {
            *held = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Tokens, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Crowd {
    pub network: Network,
    pub ledger: Arc<Ledger>,
    /// One for each person.
    pub jars: Vec<Jar>,
    /// One for each account.
    passkeys: Vec<Authenticator>,
    /// How long somebody stays signed in, in milliseconds: at least and at most.
    pub stay: (u64, u64),
    /// When everybody stops.
    pub end: Moment,
    /// Tokens of sessions that are over, the latest last.
    graves: Mutex<Vec<Tokens>>,
}

impl Crowd {
    pub fn new(network: Network, ledger: Arc<Ledger>, passkeys: Vec<Authenticator>, plan: &Plan) -> Self {
        let jars = (0..plan.people).map(|_| Jar::default()).collect();
        let end = network.now() + plan.time;
        Self { network, ledger, jars, passkeys, stay: plan.stay, end, graves: Mutex::default() }
    }

    /// That of the account that somebody has.
    pub fn passkey(&self, number: usize) -> &Authenticator {
        &self.passkeys[number % self.passkeys.len()]
    }

    pub fn is_over(&self) -> bool {
        self.network.now() >= self.end
    }

    /// A session is over, as its owner or a thief was told.
    pub fn bury(&self, tokens: Tokens) {
        self.graves().push(tokens);
    }

    /// Tokens of one that is over; most often of late.
    pub fn grave(&self, chance: &mut Chance) -> Option<Tokens> {
        let graves = self.graves();
        let of_late = if chance.percent(70) { graves.len().min(50) } else { graves.len() };
        (of_late > 0).then(|| graves[graves.len() - 1 - chance.below(of_late)].clone())
    }

    /// Those of all of them.
    pub fn buried(&self) -> Vec<Tokens> {
        self.graves().clone()
    }

    fn graves(&self) -> MutexGuard<'_, Vec<Tokens>> {
        self.graves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The waits of a client that gets no answer: longer each time, and no two alike.
pub struct BackOff(u64);

impl BackOff {
    pub const fn new() -> Self {
        Self(50)
    }

    pub async fn wait(&mut self, chance: &mut Chance) {
        tokio::time::sleep(chance.millis(self.0 / 2, self.0)).await;
        self.0 = (self.0 * 2).min(1600);
    }
}
