//! How many requests Keyward answers per second, beside a bare handler and the usual recipe in Node:
//! `bench/run`.
//!
//! Each server is loaded in turn, in the same run, and the median of the rounds is printed. Everything is
//! started on free ports of the loopback and ends with this process.
#![expect(clippy::print_stdout, reason = "its output is a table")]

mod argon;
mod bare;
mod bare_grpc;
mod chart;
#[path = "../common/mod.rs"]
mod common;
mod comparison;
mod connection;
mod credentials;
mod express;
mod grpc;
mod keyward;
mod options;
mod propagation;
mod report;
mod request;
mod row;
mod sample;
mod scenarios;
mod seeder;
mod sign_ins;
mod soak;
mod target;
mod workload;
mod wrk;

use common::{
    figure::{self, Figure},
    goals::{self, Benchmark},
};
use options::Options;
use row::Row;

/// What is measured otherwise than in requests per second.
type Measurement = (&'static str, fn(&Options) -> Vec<Figure>);

const MEASUREMENTS: [Measurement; 4] = [
    ("login beside raw hashes", sign_ins::beside_raw_hashes),
    ("check while logins flood", sign_ins::while_sign_ins_flood),
    ("sign-out on three nodes", propagation::measure),
    ("memory", soak::measure),
];

fn main() {
    let mut words: Vec<_> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(bare::COMMAND) => bare::serve(words.split_off(1)),
        Some(bare_grpc::COMMAND) => bare_grpc::serve(words.split_off(1)),
        _ => measure(&Options::read(words.into_iter())),
    }
}

fn measure(options: &Options) {
    let scenarios = scenarios::SCENARIOS.iter().filter(|scenario| options.want(&scenario.name()));
    let rows: Vec<_> = scenarios.map(|scenario| scenario.run(options)).collect();
    let measurements = MEASUREMENTS.iter().filter(|(name, _)| options.want(name));
    let figures: Vec<_> = measurements.flat_map(|(_, measure)| measure(options)).collect();
    report::print(&rows);
    figure::print(&figures);
    let mut measured: Vec<_> = rows.iter().flat_map(Row::measured).collect();
    measured.extend(figures.into_iter().filter_map(|figure| figure.measured));
    goals::print(Benchmark::Load, &measured, options.is_whole());
    if let Some(file) = &options.chart {
        std::fs::write(file, chart::draw(&rows)).expect("written");
    }
}
