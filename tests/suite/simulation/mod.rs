//! The simulation of `support/simulation`, for seconds: nobody is signed out who should be in, no thief stays beyond
//! what contract 3 says, and nothing that was acknowledged is lost. `KEYWARD_SIMULATION_SEED=N` repeats the choices of
//! a run.

mod ledger;

use std::time::Duration;

use crate::support::simulation::{
    self, Plan,
    facts::{Rules, Wrong},
    fresh_seed, report,
    site::{Setup, Times},
};

const TIMES: Times =
    Times { grace: Duration::from_secs(2), access: Duration::from_secs(15), outage: Duration::from_secs(2) };
/// With room for a machine that has much else to do.
const RULES: Rules = Rules {
    grace: TIMES.grace,
    slack: Duration::from_millis(2_500),
    pushed: Duration::from_secs(6),
    cut_off: Duration::from_secs(8),
    aftermath: Duration::from_millis(1_500),
    unconfirmed: Duration::from_secs(6),
};

fn plan(setup: Setup, seconds: u64) -> Plan {
    let seed = std::env::var_os("KEYWARD_SIMULATION_SEED");
    let seed = seed.map(|seed| seed.to_str().and_then(|seed| seed.parse().ok()).expect("a number"));
    Plan {
        setup,
        seed: seed.unwrap_or_else(fresh_seed),
        time: Duration::from_secs(seconds),
        people: 24,
        thieves: 9,
        stay: (2_000, 10_000),
        times: TIMES,
        rules: RULES,
        calm: (600, 1_400),
        lasting: (300, 2_000),
    }
}

/// No run may break a promise. One in which too little happened, such as a failover for most of its seconds, shows
/// nothing, and is followed by another.
async fn holds(setup: Setup, seconds: u64) {
    let mut idle = Vec::new();
    for _ in 0..4 {
        let plan = plan(setup, seconds);
        let run = simulation::run(plan).await;
        let (seed, findings, table) = (plan.seed, run.findings(), report::table(std::slice::from_ref(&run)));
        let told = format!("KEYWARD_SIMULATION_SEED={seed}\n{table}{findings}");
        assert!(findings.is_empty(), "{told}");
        let tally = &run.tally;
        let is_lively = tally.refreshed > 200 && tally.signed_out > 5 && !tally.caught.is_empty();
        let is_varied = tally.stepped_up > 5 && tally.keyless_refused > 0;
        if is_lively && is_varied && !run.events.is_empty() {
            return;
        }
        idle.push(told);
    }
    panic!("{}", idle.concat());
}

/// A server with another grace than the ledger knows breaks the rule. Whether the few seconds of one run show it is
/// chance, so there are several.
async fn finds(wrong: Wrong, grace: Duration) {
    let mut missed = Vec::new();
    for _ in 0..6 {
        let plan = Plan {
            times: Times { grace, ..TIMES },
            rules: Rules { grace: Duration::from_millis(500), slack: Duration::ZERO, ..RULES },
            thieves: 24,
            // What happens during and soon after a fault is forgiven.
            calm: (3_000, 5_000),
            ..plan(Setup::Embedded, 10)
        };
        let run = simulation::run(plan).await;
        if run.tally.findings.iter().any(|finding| finding.wrong == wrong) {
            return;
        }
        missed.push(format!("KEYWARD_SIMULATION_SEED={}\n{}", plan.seed, run.findings()));
    }
    panic!("{}", missed.concat());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run gives it the machine to itself"]
async fn it_finds_a_server_that_forgives_nothing() {
    finds(Wrong::HonestOut, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run gives it the machine to itself"]
async fn it_finds_a_server_that_forgives_for_too_long() {
    finds(Wrong::TheftMissed, Duration::from_mins(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run gives it the machine to itself"]
async fn it_holds_embedded() {
    holds(Setup::Embedded, 16).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run gives it the machine to itself"]
async fn it_holds_on_two_nodes_and_redis() {
    holds(Setup::Redis(2), 34).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run gives it the machine to itself"]
async fn it_holds_behind_sentinels() {
    holds(Setup::Sentinel(2), 18).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run gives it the machine to itself"]
async fn it_holds_on_a_cluster() {
    holds(Setup::Cluster(2), 18).await;
}
