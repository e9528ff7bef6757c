//! Loads a server over HTTP/1.1 with wrk.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use super::{
    request::Request,
    sample::{Answers, Sample, sample},
    target::Target,
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/load/load.lua");

/// In which order the script sends requests.
#[derive(Clone, Copy)]
pub enum Order {
    /// Over and over.
    Cycle,
    /// Each is the first refresh of a session; its successors follow.
    Refresh,
    /// A sign-in, and the sign-out of each.
    SignInAndOut,
}

/// How a server is loaded.
#[derive(Clone, Copy)]
pub struct Load {
    pub seconds: u64,
    pub connections: u32,
    pub order: Order,
}

impl Load {
    pub const fn new(seconds: u64, connections: u32) -> Self {
        Self { seconds, connections, order: Order::Cycle }
    }
}

/// Sends the requests for as long as said.
pub fn round(target: &Target, requests: &[Request], load: Load) -> (Sample, Answers) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("requests");
    fs::write(&file, lines(requests)).expect("written");
    sample(target, || wrk(target.address, &file, load))
}

fn lines(requests: &[Request]) -> String {
    requests.iter().fold(String::new(), |mut lines, request| {
        let Request { method, path, authorization, body } = request;
        writeln!(lines, "{method}\t{path}\t{authorization}\t{body}").expect("room");
        lines
    })
}

fn wrk(address: SocketAddr, requests: &Path, load: Load) -> Answers {
    let mut command = Command::new("wrk");
    command.args(["-t1", "--timeout=20s", "-s", SCRIPT]);
    command.args([format!("-c{}", load.connections), format!("-d{}s", load.seconds)]);
    command.args([format!("http://{address}/"), "--".to_owned()]).arg(requests);
    command.arg(match load.order {
        Order::Cycle => "cycle",
        Order::Refresh => "refresh",
        Order::SignInAndOut => "sign_in_and_out",
    });
    command.stdin(Stdio::null());
    let output = command.output().expect("wrk is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    let answers = said.lines().last().and_then(|line| serde_json::from_str(line).ok());
    answers.unwrap_or_else(|| panic!("wrk: {said}{}", String::from_utf8_lossy(&output.stderr)))
}
