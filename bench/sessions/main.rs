//! The figures of sessions kept for other app servers: `cargo bench --bench sessions`.
//!
//! A round against the library redis-sessions on the same Redis, then a million sessions beside an empty
//! store (`-- 100000` for that many). Some three minutes, 1 GiB of memory; `bench/run` installs the library.
#![expect(clippy::print_stdout, reason = "its output is a table")]

#[path = "../common/mod.rs"]
mod common;
mod connection;
mod library;
mod million;
mod servers;

use std::time::Duration;

use common::{
    figure,
    goals::{self, Benchmark},
    statistics::ratio,
};
use serde_json::{Value, json};

/// As many as a large site has.
const MILLION: usize = 1_000_000;
/// Of each user, everywhere.
const SESSIONS_A_USER: usize = 100;
const APP: &str = "shop";
const IP: &str = "203.0.113.7";

fn main() {
    // Cargo adds `--bench`, which is no number.
    let count = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(MILLION);
    let mut measured = library::compare();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let figures = runtime.block_on(million::measure(count / SESSIONS_A_USER));
    figure::print(&figures);
    measured.extend(figures.into_iter().filter_map(|figure| figure.measured));
    goals::print(Benchmark::Sessions, &measured, true);
}

fn user(number: usize) -> String {
    format!("user-{number}")
}

/// The three small fields of each session.
fn data() -> Value {
    json!({ "name": "Anna Bell", "unread": 34, "premium": true })
}

fn per_second(count: usize, time: Duration) -> f64 {
    ratio(count as u64, 1) / time.as_secs_f64()
}
