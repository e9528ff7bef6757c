//! The simulation of `support/simulation`, for seconds: nobody is signed out who should be in, no thief stays beyond
//! what contract 3 says, and nothing that was acknowledged is lost. `KEYWARD_SIMULATION_SEED=N` repeats the choices of
//! a run. And the ledger that judges it finds what it should.

use std::time::Duration;

use crate::support::simulation::{
    self, Plan,
    facts::{By, Checked, Refreshed, Rules, Span, Wrong},
    fresh_seed,
    ledger::Ledger,
    report,
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
        thieves: 6,
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
        if is_lively && !run.events.is_empty() {
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

const fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A request to a node, answered 5 ms later.
const fn sent(millis: u64, node: usize) -> Span {
    Span { sent: at(millis), answered: at(millis + 5), node }
}

/// A session that begins at 0, and what is found in what follows.
struct Case(Ledger);

impl Case {
    fn new() -> Self {
        let ledger = Ledger::new(Rules {
            grace: at(1000),
            slack: at(0),
            pushed: at(100),
            cut_off: at(3000),
            aftermath: at(200),
            unconfirmed: at(500),
        });
        ledger.signed_in("s", at(0));
        Self(ledger)
    }

    fn granted(&self, by: By, presented: u32, generation: u32, millis: u64) -> &Self {
        self.0.refreshed("s", by, presented, sent(millis, 0), &Refreshed::Granted(generation));
        self
    }

    fn refused(&self, presented: u32, code: &str, reason: Option<&str>, millis: u64) -> &Self {
        let answer = Refreshed::Refused(code.to_owned(), reason.map(str::to_owned));
        self.0.refreshed("s", By::Owner, presented, sent(millis, 0), &answer);
        self
    }

    fn let_in(&self, generation: u32, millis: u64, node: usize) -> &Self {
        self.0.checked("s", generation, sent(millis, node), &Checked::LetIn);
        self
    }

    fn kept_out(&self, code: &str, millis: u64) -> &Self {
        self.0.checked("s", 0, sent(millis, 0), &Checked::Refused(code.to_owned()));
        self
    }

    fn signed_out(&self, millis: u64) -> &Self {
        self.0.owner_leaves("s", at(millis));
        self.0.signed_out("s", sent(millis, 0));
        self
    }

    fn stolen(&self, millis: u64) -> &Self {
        self.0.thief_comes("s", at(millis));
        self
    }

    #[track_caller]
    fn finds(&self, wrong: &[Wrong]) {
        let found: Vec<_> = self.0.tally().findings.iter().map(|finding| finding.wrong).collect();
        assert_eq!(found, wrong, "{:?}", self.0.tally().findings);
    }
}

#[test]
fn the_ledger_finds_an_honest_user_who_is_signed_out() {
    for (code, reason) in [("refresh_reused", None), ("session_ended", Some("reuse_detected"))] {
        Case::new().granted(By::Owner, 0, 1, 10).refused(1, code, reason, 20).finds(&[Wrong::HonestOut]);
    }
    Case::new().refused(0, "session_ended", Some("logout"), 10).finds(&[Wrong::HonestOut]);
    Case::new().kept_out("token_revoked", 10).finds(&[Wrong::HonestOut]);
    // A theft is no reason for another end.
    Case::new().stolen(5).refused(0, "session_ended", Some("logout"), 10).finds(&[Wrong::HonestOut]);
    // Not those for whom there is a reason.
    Case::new().kept_out("token_expired", 10).finds(&[]);
    Case::new().stolen(5).refused(0, "refresh_reused", None, 10).finds(&[]);
    Case::new()
        .signed_out(5)
        .refused(0, "session_ended", Some("logout"), 20)
        .kept_out("token_revoked", 30)
        .finds(&[]);
}

#[test]
fn the_ledger_finds_a_theft_that_is_missed() {
    // The owner has moved on to generation 1 at 20, so 0 is replaced by 25.
    let moved_on = || {
        let case = Case::new();
        case.granted(By::Owner, 0, 1, 10).let_in(1, 20, 0).stolen(500);
        case
    };
    moved_on().granted(By::Thief, 0, 1, 1_025).finds(&[Wrong::TheftMissed]);
    moved_on().granted(By::Thief, 0, 1, 1_024).finds(&[]);
    // The thief has, and the owner comes later.
    let case = Case::new();
    case.stolen(5).granted(By::Thief, 0, 1, 10).granted(By::Thief, 1, 2, 20);
    case.granted(By::Owner, 0, 2, 2_000).finds(&[Wrong::TheftMissed]);
    // It was found, and goes on all the same.
    moved_on()
        .refused(0, "refresh_reused", None, 2_000)
        .granted(By::Thief, 1, 2, 2_010)
        .finds(&[Wrong::TheftMissed]);
    // A lost answer replaces nothing.
    Case::new().granted(By::Owner, 0, 1, 10).granted(By::Owner, 0, 1, 100_000).finds(&[]);
}

#[test]
fn the_ledger_finds_who_is_let_in_late() {
    // 204 comes at 15.
    Case::new().signed_out(10).let_in(0, 16, 0).finds(&[Wrong::LetInLate]);
    Case::new().signed_out(10).let_in(0, 116, 1).finds(&[Wrong::LetInLate]);
    Case::new().signed_out(10).let_in(0, 115, 1).let_in(0, 14, 0).finds(&[]);
    // A node that is cut off has longer, but not for ever; and the other one's trouble is no excuse.
    for (node, millis, found) in
        [(1, 3_015, &[][..]), (1, 3_016, &[Wrong::LetInLate]), (0, 200, &[Wrong::LetInLate])]
    {
        let case = Case::new();
        case.0.trouble(Some(node), at(5));
        case.signed_out(10).let_in(0, millis, 1).finds(found);
    }
}

#[test]
fn the_ledger_finds_what_was_acknowledged_and_is_lost() {
    Case::new().refused(0, "refresh_expired", None, 10).finds(&[Wrong::SignInLost]);
    Case::new().stolen(5).refused(0, "refresh_invalid", None, 10).finds(&[Wrong::SignInLost]);
    Case::new().signed_out(10).granted(By::Owner, 0, 1, 20).finds(&[Wrong::SignOutLost]);
    let case = Case::new();
    case.granted(By::Owner, 0, 1, 10).granted(By::Owner, 1, 2, 20).granted(By::Owner, 0, 1, 30);
    case.finds(&[Wrong::RefreshLost]);
}

#[test]
fn the_ledger_holds_nothing_against_a_node_that_could_not_store_what_it_saw() {
    let case = Case::new();
    case.0.trouble(Some(0), at(15));
    case.granted(By::Owner, 0, 1, 10).let_in(1, 20, 0).stolen(500).granted(By::Thief, 0, 1, 1_400).finds(&[]);
    case.0.well(at(1_500));
    case.let_in(1, 2_100, 0).granted(By::Thief, 0, 1, 3_200).finds(&[Wrong::TheftMissed]);
}
