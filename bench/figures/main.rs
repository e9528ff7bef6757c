//! Figures of one server that is not loaded: `cargo bench --bench figures`, or with `-- WORD…` those parts of it alone
//! (binary, start, memory, users, accounts, passkeys, redis).
//!
//! Size of the binary, start-up, memory when idle and after sign-ins; the time of a wrong password beside that of an
//! unknown user, and what `accounts` and `passkeys` measure; bytes in Redis a session. Starts what it needs on free
//! ports of the loopback and ends by itself.
#![expect(clippy::print_stdout, reason = "its output is a table")]

/// What the benchmarks share, as far as it is needed here.
#[path = "../common"]
mod common {
    pub mod figure;
    pub mod goals;
    pub mod guard;
    pub mod redis;
    pub mod statistics;
}

/// Whose passkeys sign in.
#[path = "../../tests/suite/support/authenticator.rs"]
#[expect(dead_code, reason = "what an attacker would change is for the tests")]
mod authenticator;

mod accounts;
mod passkeys;
mod server;
mod start;

use std::{
    env, fs,
    time::{Duration, Instant},
};

use common::{
    figure::{self, Figure},
    goals::{self, Benchmark, Compared, Measured},
    redis::Redis,
    statistics::{median, ratio},
};
use serde_json::{Value, json};
use server::Server;

const SIGN_INS: Duration = Duration::from_secs(4);
/// Refresh tokens in a row; a session keeps no trace of most of them.
const REFRESHES: usize = 1000;

fn main() {
    // Those whose name has one of the words; cargo adds an option of its own.
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let figures = tokio::runtime::Runtime::new().expect("a runtime").block_on(measure(&words));
    figure::print(&figures);
    let measured: Vec<_> = figures.into_iter().filter_map(|figure| figure.measured).collect();
    goals::print(Benchmark::Figures, &measured, words.is_empty());
}

async fn measure(words: &[String]) -> Vec<Figure> {
    let is_wanted = |part: &str| words.is_empty() || words.iter().any(|word| part.contains(word));
    let mut figures = Vec::new();
    if is_wanted("binary") {
        figures.push(binary());
    }
    if is_wanted("start") {
        figures.extend(start::start_up());
        figures.extend(start::start_without_mail_server().await);
    }
    if is_wanted("memory") {
        figures.extend(memory_after_sign_ins().await);
    }
    if is_wanted("users") {
        figures.extend(unknown_users().await);
    }
    if is_wanted("accounts") {
        figures.extend(accounts::measure().await);
    }
    if is_wanted("passkeys") {
        figures.extend(passkeys::measure().await);
    }
    if is_wanted("redis") {
        figures.extend(bytes_in_redis().await);
    }
    figures
}

fn binary() -> Figure {
    let size = fs::metadata(env!("CARGO_BIN_EXE_keyward")).expect("a binary").len();
    Figure::new("binary", mib(ratio(size, 1)))
}

async fn memory_after_sign_ins() -> [Figure; 2] {
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start(home.path(), &[]);
    server.add_user();
    server.sign_in_for(SIGN_INS).await;
    let after = server.resident();
    tokio::time::sleep(Duration::from_secs(12)).await;
    [
        Figure::new("memory after sign-ins, 8 at once, resident", mib(after)),
        Figure::new("the same 12 s later", mib(server.resident())),
    ]
}

async fn unknown_users() -> [Figure; 3] {
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start(home.path(), &[("KEYWARD_RATE_LIMIT_LOGIN_FAILURES", "1000000")]);
    server.add_user();
    let client = reqwest::Client::new();
    let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        for (name, times) in [("bench", &mut wrong), ("nobody", &mut unknown)] {
            let begun = Instant::now();
            let answer = server.login(&client, name, "not the password").await;
            times.push(millis(begun.elapsed()));
            assert_eq!(answer.status(), 401);
        }
    }
    let (wrong, unknown) = (median(wrong), median(unknown));
    [
        Figure::new("wrong password, median of 200", format!("{wrong:.2} ms")),
        Figure::new("unknown user, median of 200", format!("{unknown:.2} ms")),
        Figure::new("difference", format!("{:.1} %", (unknown / wrong - 1.0) * 100.0)),
    ]
}

async fn bytes_in_redis() -> [Figure; 2] {
    let redis = Redis::start();
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start(home.path(), &[("REDIS_URL", &redis.url())]);
    server.add_user();
    let before = key_bytes(&redis);
    let client = reqwest::Client::new();
    let answer = server.login(&client, "bench", server::PASSWORD).await;
    let mut tokens: Value = answer.json().await.expect("tokens");
    let mut refresh = async || {
        let body = json!({ "refresh_token": tokens["refresh_token"] });
        let answer = client.post(server.url("/v1/refresh")).json(&body).send().await.expect("an answer");
        tokens = answer.error_for_status().expect("a 200").json().await.expect("tokens");
    };
    refresh().await;
    let first = key_bytes(&redis) - before;
    for _ in 1..REFRESHES {
        refresh().await;
    }
    let last = key_bytes(&redis) - before;
    let name = format!("session in Redis after {REFRESHES} refreshes");
    [
        Figure::new("session in Redis after 1 refresh", format!("{first:.0} bytes")),
        Figure::held(format!("{last:.0} bytes"), Measured::new(name, Compared::BytesInRedis, last)),
    ]
}

/// What all keys of sessions take.
fn key_bytes(redis: &Redis) -> f64 {
    let client = ::redis::Client::open(redis.url()).expect("a URL");
    let mut connection = client.get_connection().expect("a connection");
    let keys: Vec<String> = ::redis::cmd("KEYS").arg("*").query(&mut connection).expect("keys");
    let size =
        |key| -> u64 { ::redis::cmd("MEMORY").arg("USAGE").arg(key).query(&mut connection).expect("a size") };
    let of_sessions =
        keys.iter().filter(|key| ["session", "refresh:"].iter().any(|start| key.starts_with(start)));
    ratio(of_sessions.map(size).sum(), 1)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn mib(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / 1_048_576.0)
}
