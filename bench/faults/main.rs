//! Nobody wrongly out, nothing lost: the simulation of `tests/suite/support/simulation`, for minutes.
//!
//! `cargo bench --bench faults` runs for 10 minutes, `-- --minutes N` for so many. `--seed N` repeats the choices of a
//! run; `embedded`, `redis:N`, `sentinel:N` and `cluster:N` (N nodes) run these setups alone. Starts all it needs on
//! free ports of the loopback, and ends by itself; with exit code 1 where something happened that must not.
#![expect(clippy::print_stdout, reason = "its output is a table")]

#[expect(dead_code, reason = "what the tests have, as far as it is needed here")]
#[path = "../../tests/suite/support"]
mod support {
    pub mod authenticator;
    pub mod client_key;
    pub mod simulation;

    pub mod outside {
        pub mod actor;
        pub mod disk;
        pub mod documented;
        pub mod install;
        pub mod secrets;
    }

    pub mod servers {
        pub mod certificates;
        pub mod hung;
        pub mod postgres;
        pub mod redis;
        pub mod redis_sets;
    }
}

use std::{process::ExitCode, time::Duration};

use support::simulation::{
    self, Plan,
    facts::Rules,
    fresh_seed, report,
    site::{Setup, Times},
};

const USAGE: &str =
    "cargo bench --bench faults -- [--minutes N] [--seed N] [embedded] [redis:N] [sentinel:N] [cluster:N]";
/// What is run, one after the other.
const ALL: [Setup; 6] = [
    Setup::Embedded,
    Setup::Redis(1),
    Setup::Redis(2),
    Setup::Redis(3),
    Setup::Sentinel(2),
    Setup::Cluster(2),
];
const TIMES: Times =
    Times { grace: Duration::from_secs(1), access: Duration::from_secs(15), outage: Duration::from_secs(2) };
/// What contract 3 and 4 promise. A node that is cut off notices within 1.1 s.
const RULES: Rules = Rules {
    grace: TIMES.grace,
    slack: Duration::from_millis(20),
    pushed: Duration::from_millis(100),
    cut_off: Duration::from_millis(3_200),
    aftermath: Duration::from_millis(1_200),
    unconfirmed: Duration::from_secs(6),
};

struct Options {
    minutes: u64,
    seed: u64,
    setups: Vec<Setup>,
}

fn main() -> ExitCode {
    let options = read(std::env::args().skip(1));
    println!("seed {}", options.seed);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let runs: Vec<_> =
        options.setups.iter().map(|setup| runtime.block_on(simulation::run(options.plan(*setup)))).collect();
    println!("{}", report::table(&runs));
    let findings: String = runs.iter().map(report::Report::findings).collect();
    println!("{findings}");
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Options {
    fn plan(&self, setup: Setup) -> Plan {
        let share = u32::try_from(self.setups.len()).expect("a few");
        Plan {
            setup,
            seed: self.seed,
            time: Duration::from_mins(self.minutes) / share,
            people: 500,
            thieves: 40,
            stay: (15_000, 75_000),
            times: TIMES,
            rules: RULES,
            calm: (1_500, 5_000),
            lasting: (300, 3_000),
        }
    }
}

fn read(mut words: impl Iterator<Item = String>) -> Options {
    let mut options = Options { minutes: 10, seed: fresh_seed(), setups: Vec::new() };
    while let Some(word) = words.next() {
        match word.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--minutes" => options.minutes = number(words.next()),
            "--seed" => options.seed = number(words.next()),
            setup => options.setups.push(read_setup(setup)),
        }
    }
    if options.setups.is_empty() {
        options.setups = ALL.to_vec();
    }
    options
}

fn read_setup(word: &str) -> Setup {
    let (kind, nodes) = word.split_once(':').unwrap_or((word, "2"));
    let nodes = number(Some(nodes.to_owned()));
    match kind {
        "embedded" => Setup::Embedded,
        "redis" => Setup::Redis(nodes),
        "sentinel" => Setup::Sentinel(nodes),
        "cluster" => Setup::Cluster(nodes),
        _ => panic!("{USAGE}"),
    }
}

fn number<T: std::str::FromStr>(word: Option<String>) -> T {
    word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{USAGE}"))
}
