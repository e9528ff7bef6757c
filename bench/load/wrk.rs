//! Drives a server with wrk, and reads what it and its Redis took of the processors meanwhile.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use serde::Deserialize;

use crate::{common::cpu, requests::Request, table::ratio};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/load/load.lua");

/// In which order a script sends requests.
#[derive(Clone, Copy)]
pub enum Order {
    /// Over and over.
    Turns,
    /// Each is the first refresh of a session; its successors follow.
    Refresh,
    /// A sign-in, and the sign-out of each.
    Visit,
}

/// How a server is driven.
#[derive(Clone, Copy)]
pub struct Drive {
    pub seconds: u64,
    pub connections: u32,
    pub order: Order,
}

impl Drive {
    pub const fn new(seconds: u64, connections: u32) -> Self {
        Self { seconds, connections, order: Order::Turns }
    }
}

/// What wrk saw; times in microseconds.
#[derive(Deserialize)]
pub struct Seen {
    pub requests: u64,
    micros: u64,
    p50: u64,
    p99: u64,
    /// Answers with another status than 2xx and 3xx.
    pub refused: u64,
    broken: u64,
}

/// A server as it is driven: where it is, and the processes whose time counts.
#[derive(Clone, Copy)]
pub struct Target {
    pub address: SocketAddr,
    pub server: u32,
    pub redis: Option<u32>,
}

/// What one round measured.
#[derive(Clone, Copy)]
pub struct Sample {
    pub per_second: f64,
    /// In milliseconds.
    pub p50: f64,
    /// In milliseconds.
    pub p99: f64,
    /// Of the server's processor time, in microseconds an operation.
    pub cpu: f64,
    /// The same of its Redis.
    pub redis_cpu: Option<f64>,
}

/// Sends the requests for as long as said.
pub fn round(target: &Target, requests: &[Request], drive: Drive) -> (Sample, Seen) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("requests");
    fs::write(&file, lines(requests)).expect("written");
    let before = [Some(target.server), target.redis].map(|process| process.map(cpu::used_by));
    let seen = wrk(target.address, &file, drive);
    let after = [Some(target.server), target.redis].map(|process| process.map(cpu::used_by));
    assert_eq!(seen.broken, 0, "connections broke");
    assert_ne!(seen.requests, 0, "nothing was answered in time");
    let cpu = |process: usize| {
        let micros = after[process]?.saturating_sub(before[process]?).as_secs_f64() * 1e6;
        Some(micros / ratio(seen.requests, 1))
    };
    let sample = Sample {
        per_second: ratio(seen.requests, seen.micros) * 1e6,
        p50: ratio(seen.p50, 1000),
        p99: ratio(seen.p99, 1000),
        cpu: cpu(0).unwrap_or_default(),
        redis_cpu: cpu(1),
    };
    (sample, seen)
}

fn lines(requests: &[Request]) -> String {
    requests.iter().fold(String::new(), |mut lines, request| {
        let Request { method, path, authorization, body } = request;
        writeln!(lines, "{method}\t{path}\t{authorization}\t{body}").expect("room");
        lines
    })
}

fn wrk(address: SocketAddr, requests: &Path, drive: Drive) -> Seen {
    let mut command = Command::new("wrk");
    command.args(["-t1", "--timeout=20s", "-s", SCRIPT]);
    command.args([format!("-c{}", drive.connections), format!("-d{}s", drive.seconds)]);
    command.args([format!("http://{address}/"), "--".to_owned()]).arg(requests);
    command.arg(match drive.order {
        Order::Turns => "turns",
        Order::Refresh => "refresh",
        Order::Visit => "visit",
    });
    command.stdin(Stdio::null());
    let output = command.output().expect("wrk is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    let seen = said.lines().last().and_then(|line| serde_json::from_str(line).ok());
    seen.unwrap_or_else(|| panic!("wrk: {said}{}", String::from_utf8_lossy(&output.stderr)))
}
