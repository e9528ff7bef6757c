//! The figures of sessions kept for other app servers: `cargo bench --bench sessions`.
//!
//! A round against the library redis-sessions on the same Redis, then a million sessions beside an empty
//! store (`-- 100000` for that many). Some three minutes, 1 GiB of memory; `tests/run` installs the library.
#![expect(clippy::print_stdout, reason = "its output is a table")]

#[path = "../common/mod.rs"]
mod common;
mod connection;
mod kept;
mod library;
mod servers;

use std::time::Duration;

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
    library::compare();
    tokio::runtime::Runtime::new().expect("a runtime").block_on(kept::measure(count / SESSIONS_A_USER));
}

fn user(number: usize) -> String {
    format!("user-{number}")
}

/// The three small fields of each session.
fn data() -> Value {
    json!({ "name": "Anna Bell", "unread": 34, "premium": true })
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
