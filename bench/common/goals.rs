//! The goals of all benchmarks: which figure of which row is held to what. A figure is compared as it is
//! printed, with two decimals, so that no verdict contradicts the table it stands in.

use self::{
    Benchmark::{Figures, Load, Sessions},
    Compared::{
        BytesInRedis, CpuToBare, CpuToLibrary, Millis, P99Millis, P99ToIdle, ServerCpuToBare, SlowerToFaster,
        ToBare, ToExpress, ToRawHashes, ToStart,
    },
};

/// Which benchmark measures a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Benchmark {
    Load,
    Sessions,
    Figures,
}

/// Which figure of a row is held to a goal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Requests per second ÷ those of the bare handler.
    ToBare,
    /// Requests per second ÷ those of the Express server.
    ToExpress,
    /// CPU time of the server per request ÷ the bare handler's. Unlike microseconds, it says the same on
    /// a faster machine.
    ServerCpuToBare,
    /// The same of the server and Redis together.
    CpuToBare,
    /// Sign-ins per second ÷ raw argon2id hashes per second.
    ToRawHashes,
    /// 99th percentile ÷ the same without the other load.
    P99ToIdle,
    /// 99th percentile, in milliseconds.
    P99Millis,
    /// Median, in milliseconds.
    Millis,
    /// Resident memory at the end ÷ that after a minute.
    ToStart,
    /// CPU time of the server and Redis ÷ that of the library's process and Redis.
    CpuToLibrary,
    BytesInRedis,
    /// Of two medians that must not be told apart.
    SlowerToFaster,
}

impl Compared {
    const fn name(self) -> &'static str {
        match self {
            ToBare => "req/s ÷ bare",
            ToExpress => "req/s ÷ Express",
            ServerCpuToBare => "CPU of the server ÷ bare's",
            CpuToBare => "CPU of server and Redis ÷ bare's",
            ToRawHashes => "sign-ins/s ÷ hashes/s",
            P99ToIdle => "p99 ÷ p99 alone",
            P99Millis => "p99, ms",
            Millis => "median, ms",
            ToStart => "memory at the end ÷ after 1 min",
            CpuToLibrary => "CPU with Redis's ÷ redis-sessions'",
            BytesInRedis => "bytes",
            SlowerToFaster => "the slower ÷ the faster",
        }
    }
}

#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

/// What one figure of a row is held to.
struct Goal {
    benchmark: Benchmark,
    row: &'static str,
    compared: Compared,
    limit: Limit,
}

const GOALS: [Goal; 28] = [
    at_least(1.0, Load, "check, embedded", ToBare),
    at_least(15.0, Load, "check, embedded", ToExpress),
    at_least(0.85, Load, "check, Redis", ToBare),
    at_least(15.0, Load, "check, Redis", ToExpress),
    at_least(0.9, Load, "check, 10,000 tokens, embedded", ToBare),
    at_least(0.75, Load, "check, 10,000 tokens, Redis", ToBare),
    at_least(0.3, Load, "check, first sight, embedded", ToBare),
    at_least(0.3, Load, "check, first sight, Redis", ToBare),
    // 60 µs, and 67 + 22 µs, on a machine whose bare handler takes 10.
    at_most(6.0, Load, "check, first sight, embedded", ServerCpuToBare),
    at_most(6.0, Load, "check, first sight, Redis", ServerCpuToBare),
    at_most(8.9, Load, "check, first sight after a refresh, Redis", CpuToBare),
    at_least(5.0, Load, "refresh, embedded", ToExpress),
    at_least(5.0, Load, "refresh, Redis", ToExpress),
    at_least(1.1, Load, "login, embedded", ToExpress),
    at_least(0.95, Load, "sign-ins beside raw argon2id hashes on all cores", ToRawHashes),
    at_most(2.0, Load, "check while 64 connections sign in", P99ToIdle),
    at_most(20.0, Load, "sign-out until the last of three nodes refuses", P99Millis),
    at_most(1.0, Load, "memory at full load, embedded", ToStart),
    at_most(1.0, Load, "memory at full load, Redis", ToStart),
    at_most(1.0, Sessions, "app session, create", CpuToLibrary),
    at_most(1.0, Sessions, "app session, get", CpuToLibrary),
    at_most(700.0, Sessions, "app session in Redis", BytesInRedis),
    at_most(10.0, Sessions, "list the 100 of a user", Millis),
    at_most(10.0, Sessions, "count the users active in an hour", Millis),
    at_most(10.0, Sessions, "list 100 of the app active in an hour", Millis),
    at_most(10.0, Sessions, "end the 100 of a user", Millis),
    at_most(1.05, Figures, "forgotten password, known and unknown address", SlowerToFaster),
    at_most(700.0, Figures, "session in Redis after 1000 refreshes", BytesInRedis),
];

const fn at_least(limit: f64, benchmark: Benchmark, row: &'static str, compared: Compared) -> Goal {
    Goal { benchmark, row, compared, limit: Limit::AtLeast(limit) }
}

const fn at_most(limit: f64, benchmark: Benchmark, row: &'static str, compared: Compared) -> Goal {
    Goal { benchmark, row, compared, limit: Limit::AtMost(limit) }
}

/// A figure that was measured.
pub struct Measured {
    pub row: String,
    pub compared: Compared,
    pub value: f64,
}

impl Measured {
    pub fn new(row: impl Into<String>, compared: Compared, value: f64) -> Self {
        Self { row: row.into(), compared, value }
    }

    /// "req/s ÷ bare ≥ 0.85: met"; empty without a goal.
    pub fn verdict(&self) -> String {
        let goal = GOALS.iter().find(|goal| goal.is_of(self));
        goal.map_or(String::new(), |goal| {
            format!("{} {}: {}", goal.compared.name(), goal.limit(), goal.verdict(self.value))
        })
    }
}

impl Goal {
    fn is_of(&self, measured: &Measured) -> bool {
        self.row == measured.row && self.compared == measured.compared
    }

    fn limit(&self) -> String {
        match self.limit {
            Limit::AtLeast(limit) => format!("≥ {limit}"),
            Limit::AtMost(limit) => format!("≤ {limit}"),
        }
    }

    fn verdict(&self, value: f64) -> &'static str {
        let printed = (value * 100.0).round() / 100.0;
        let met = match self.limit {
            Limit::AtLeast(limit) => printed >= limit,
            Limit::AtMost(limit) => printed <= limit,
        };
        if met { "met" } else { "missed" }
    }
}

/// A line for each goal of a benchmark whose figure was measured; of a whole run, for each goal.
pub fn print(benchmark: Benchmark, measured: &[Measured], whole: bool) {
    let goals = GOALS.iter().filter(|goal| goal.benchmark == benchmark);
    let lines: Vec<_> = goals.filter_map(|goal| goal.line(measured, whole)).collect();
    if !lines.is_empty() {
        println!("\n| goal of | compared | measured | goal | verdict |\n|---|---|---:|---:|---|");
        println!("{}", lines.join("\n"));
    }
}

impl Goal {
    fn line(&self, measured: &[Measured], whole: bool) -> Option<String> {
        let value = measured.iter().find(|measured| self.is_of(measured)).map(|measured| measured.value);
        let (value, verdict) = match value {
            Some(value) => (format!("{value:.2}"), self.verdict(value)),
            None if whole => (String::new(), "not measured"),
            None => return None,
        };
        let (compared, limit) = (self.compared.name(), self.limit());
        Some(format!("| {} | {compared} | {value} | {limit} | {verdict} |", self.row))
    }
}
