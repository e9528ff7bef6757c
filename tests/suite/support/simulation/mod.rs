//! Clients with the habits of real ones, and thieves, against servers to which everything happens that can happen;
//! and the truth of who must be in and who out. `bench/faults` runs it for minutes, `tests/suite/simulation/` for
//! seconds.

mod accounts;
mod chance;
pub mod clocks;
mod crowd;
mod database;
pub mod facts;
pub mod ledger;
mod network;
mod person;
pub mod report;
pub mod site;
mod stores;
mod thief;
mod wire;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chance::Chance;
pub use chance::fresh_seed;
use crowd::{BackOff, Crowd};
use facts::{By, Rules};
use ledger::Ledger;
use network::Network;
use person::{Habit, Person};
use report::Report;
use site::{Event, Setup, Site, Times};
use thief::{Ghost, Thief};

use crate::support::client_key::ClientKey;

/// What is run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub setup: Setup,
    /// All choices follow from it; what comes of them depends on the machine, too.
    pub seed: u64,
    pub time: Duration,
    pub people: usize,
    pub thieves: usize,
    /// How long somebody stays signed in, in milliseconds: at least and at most.
    pub stay: (u64, u64),
    pub times: Times,
    pub rules: Rules,
    /// Between two events, and how long one lasts, in milliseconds: at least and at most.
    pub calm: (u64, u64),
    pub lasting: (u64, u64),
}

/// Runs it to its end.
pub async fn run(plan: Plan) -> Report {
    let site = Arc::new(Site::open(plan.setup, plan.times).await);
    let ledger = Arc::new(Ledger::new(plan.rules));
    let passkeys = accounts::with_passkeys(&site.urls()[0]).await;
    let network = Network::new(site.urls(), Arc::clone(&ledger));
    let crowd = Arc::new(Crowd::new(network, ledger, passkeys, &plan));
    let mut tasks = Vec::new();
    let chance = |who: usize| Chance::of(plan.seed, who as u64);
    for number in 0..plan.people {
        let habits = [Habit::Tabs(2), Habit::Tabs(4), Habit::Phone, Habit::FanOut(4)];
        let habit = habits[number / accounts::USERS.len() % habits.len()];
        let key = (number % 3 == 0).then(|| Arc::new(ClientKey::es256()));
        let person = Person { crowd: Arc::clone(&crowd), number, habit, key, chance: chance(1000 + number) };
        tasks.push(tokio::spawn(person.live()));
    }
    for number in 0..plan.thieves {
        let thief = Thief { crowd: Arc::clone(&crowd), chance: chance(100_000 + number) };
        tasks.push(tokio::spawn(thief.prowl()));
    }
    let ghost = Ghost { crowd: Arc::clone(&crowd), chance: chance(1) };
    tasks.push(tokio::spawn(ghost.haunt()));

    let events = disturb(&plan, Arc::clone(&site), Arc::clone(&crowd)).await;
    for task in tasks {
        task.await.expect("nobody fails");
    }
    call_the_roll(&crowd, chance(2)).await;
    Report { setup: plan.setup, events, tally: crowd.ledger.tally(), complaints: site.complaints() }
}

/// Lets things happen, one after the other and each in its turn, until everybody stops.
async fn disturb(plan: &Plan, site: Arc<Site>, crowd: Arc<Crowd>) -> BTreeMap<Event, u32> {
    let (calm, lasting) = (plan.calm, plan.lasting);
    let mut chance = Chance::of(plan.seed, 0);
    // Starting and stopping servers blocks, so this has a thread of its own.
    let runtime = tokio::runtime::Handle::current();
    let disturbing = tokio::task::spawn_blocking(move || {
        runtime.block_on(async move {
            let mut happened = BTreeMap::new();
            let mut turns = Vec::new();
            loop {
                let (wait, lasts) = (chance.millis(calm.0, calm.1), chance.millis(lasting.0, lasting.1));
                if crowd.network.now() + wait + lasts >= crowd.end {
                    return happened;
                }
                tokio::time::sleep(wait).await;
                if turns.is_empty() {
                    turns = site.events();
                }
                let event = turns.swap_remove(chance.below(turns.len()));
                let node = chance.below(crowd.network.nodes());
                if event.is_trouble() {
                    crowd.ledger.trouble(event.is_of_node().then_some(node), crowd.network.now());
                }
                site.happen(event, node, lasts).await;
                crowd.ledger.well(crowd.network.now());
                *happened.entry(event).or_default() += 1;
            }
        })
    });
    disturbing.await.expect("everything is well again after each event")
}

/// At the end of all: who is signed in can go on, and who is not cannot.
async fn call_the_roll(crowd: &Crowd, mut chance: Chance) {
    let held: Vec<_> = crowd.jars.iter().filter_map(crowd::Jar::held).collect();
    let gone = crowd.buried().into_iter().rev().take(1000);
    for tokens in held.into_iter().chain(gone) {
        let mut back_off = BackOff::new();
        for _ in 0..10 {
            let call = crowd.network.refresh(tokens.clone(), By::Owner);
            let answer = crowd.network.deliver(&call, chance.below(crowd.network.nodes())).await;
            if answer.is_some_and(|answer| [200, 401].contains(&answer.status)) {
                break;
            }
            back_off.wait(&mut chance).await;
        }
    }
}
