//! The server that is measured, with one user, embedded or on a Redis; one node, or more on one home.

use std::{
    io::Write,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    common::{
        guard::{Guard, free_address},
        redis::Redis,
    },
    wrk::Target,
};

pub const USER: &str = "bench";
/// A confidential one.
pub const APP: &str = "orders";
pub const PASSWORD: &str = "a long enough passphrase, 7 words";
/// More than any run makes.
pub const NO_LIMIT: u32 = 1_000_000_000;

/// Where sessions are kept.
#[derive(Clone, Copy)]
pub enum Kept {
    Embedded,
    InRedis,
}

pub struct Keyward {
    first: Node,
    pub settings: Vec<(&'static str, String)>,
    /// Of the app.
    pub secret: String,
    redis: Option<Redis>,
    home: TempDir,
}

/// A process of it.
pub struct Node {
    guard: Guard,
    pub address: SocketAddr,
}

impl Keyward {
    /// `limit` is how many checks a session has a minute.
    pub fn start(kept: Kept, limit: u32) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let folder = |name: &str| home.path().join(name).to_string_lossy().into_owned();
        let redis = matches!(kept, Kept::InRedis).then(Redis::start);
        let address = free_address();
        let mut settings = vec![
            ("KEYWARD_SERVER_PUBLIC_URL", format!("http://{address}")),
            ("KEYWARD_STORAGE_DATA_DIR", folder("data")),
            ("KEYWARD_KEYS_DIR", folder("keys")),
            ("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", limit.to_string()),
        ];
        settings.extend(redis.as_ref().map(|redis| ("REDIS_URL", redis.url())));
        run(&home, &["migrate"], &settings, "");
        run(&home, &["user", "add", USER, "--password-stdin"], &settings, PASSWORD);
        let secret = run(&home, &["app", "add", APP, "--confidential"], &settings, "");
        let first = Node::start(&home, &settings, address);
        Self { first, settings, secret, redis, home }
    }

    /// Another node of the same home.
    pub fn another_node(&self) -> Node {
        Node::start(&self.home, &self.settings, free_address())
    }

    pub fn address(&self) -> SocketAddr {
        self.first.address
    }

    pub fn target(&self) -> Target {
        let redis = self.redis.as_ref().map(|redis| redis.as_ref().id);
        Target { address: self.first.address, server: self.first.guard.id, redis }
    }

    /// The file of the only key.
    pub fn key(&self) -> PathBuf {
        let files = std::fs::read_dir(self.home.path().join("keys")).expect("a folder");
        let mut files = files.map(|file| file.expect("a file").path());
        files.find(|file| file.extension().is_some_and(|end| end == "pem")).expect("a key")
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_keyward");

/// What a command of an operator says.
fn run(home: &TempDir, words: &[&str], settings: &[(&'static str, String)], input: &str) -> String {
    let mut command = Command::new(PROGRAM);
    command.args(words).envs(settings.iter().cloned()).current_dir(home);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().expect("keyward runs");
    running.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    let output = running.wait_with_output().expect("ended");
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

impl Node {
    fn start(home: &TempDir, settings: &[(&'static str, String)], address: SocketAddr) -> Self {
        let mut settings = settings.to_vec();
        settings.push(("KEYWARD_SERVER_LISTEN", address.to_string()));
        settings.push(("KEYWARD_SERVER_MANAGEMENT_LISTEN", free_address().to_string()));
        Self { guard: Guard::start(home.path(), &[PROGRAM], &settings, address), address }
    }
}
