//! A server of its own for each figure.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;

use crate::common::guard::free_address;

pub const PASSWORD: &str = "a long enough passphrase, 7 words";

/// A running `keyward`; gone when dropped.
pub struct Server {
    process: Child,
    home: PathBuf,
    public: SocketAddr,
    management: SocketAddr,
    pub started_in: Duration,
}

impl Server {
    pub fn start(home: &Path, settings: &[(&str, &str)]) -> Self {
        let (public, management) = (free_address(), free_address());
        let mut command = keyward(home, settings);
        command.env("KEYWARD_SERVER_LISTEN", public.to_string());
        command.env("KEYWARD_SERVER_MANAGEMENT_LISTEN", management.to_string());
        let begun = Instant::now();
        let process = command.spawn().expect("keyward starts");
        while !answers(public) {
            assert!(begun.elapsed() < Duration::from_secs(20), "keyward does not answer");
            thread::sleep(Duration::from_millis(1));
        }
        Self { process, home: home.to_owned(), public, management, started_in: begun.elapsed() }
    }

    /// What it says of one series.
    pub async fn metric(&self, series: &str) -> f64 {
        let answer = reqwest::get(format!("http://{}/metrics", self.management)).await;
        let text = answer.expect("an answer").text().await.expect("a text");
        let value = text.lines().find_map(|line| line.strip_prefix(series));
        value.map_or(0.0, |value| value.trim().parse().expect("a number"))
    }

    /// Runs a command beside it.
    pub fn run(&self, arguments: &[&str]) {
        let ended = keyward(&self.home, &[]).args(arguments).status();
        assert!(ended.expect("starts").success(), "{arguments:?}");
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.public)
    }

    pub fn add_user(&self) {
        self.add("bench");
    }

    /// A user of that name and the one password.
    pub fn add(&self, name: &str) {
        let mut command = keyward(&self.home, &[]);
        let mut adding = command
            .args(["user", "add", name, "--password-stdin"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("starts");
        adding.stdin.take().expect("a pipe").write_all(PASSWORD.as_bytes()).expect("written");
        assert!(adding.wait().expect("ends").success(), "the user is added");
    }

    pub async fn login(&self, client: &reqwest::Client, name: &str, password: &str) -> reqwest::Response {
        let body = json!({ "username": name, "password": password });
        client.post(self.url("/v1/login")).json(&body).send().await.expect("an answer")
    }

    /// Eight callers, one sign-in after the other.
    pub async fn sign_in_for(&self, time: Duration) {
        let begun = Instant::now();
        let caller = async |client: reqwest::Client| {
            while begun.elapsed() < time {
                assert_eq!(self.login(&client, "bench", PASSWORD).await.status(), 200);
            }
        };
        join_all((0..8).map(|_| caller(reqwest::Client::new()))).await;
    }

    /// Its resident memory, in bytes.
    pub fn resident(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("a process");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
        let kib: f64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number");
        kib * 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn keyward(home: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyward"));
    command.current_dir(home).envs(settings.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let asked = stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n");
    let mut answer = [0; 12];
    asked.is_ok() && stream.read_exact(&mut answer).is_ok() && answer.ends_with(b"200")
}
