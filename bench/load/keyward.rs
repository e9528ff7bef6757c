//! The server that is measured, with one user: embedded or with Redis, one node or several of one
//! installation.

use std::{
    io::Write,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::{
    common::{
        guard::{Guard, free_address},
        redis::Redis,
    },
    connection::Connection,
    credentials::{APP, PASSWORD, USER},
    target::Target,
};

/// More than any run makes.
pub const NO_LIMIT: u32 = 1_000_000_000;

/// Where sessions are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// In SQLite and memory.
    Embedded,
    Redis,
}

impl Backend {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Redis => "Redis",
        }
    }
}

pub struct Keyward {
    first: Node,
    pub settings: Vec<(&'static str, String)>,
    /// The app's.
    pub secret: String,
    ext_authz: Option<SocketAddr>,
    redis: Option<Redis>,
    home: TempDir,
}

pub struct Node {
    guard: Guard,
    pub address: SocketAddr,
}

impl Keyward {
    /// `limit` is how many checks a session has a minute.
    pub fn start(backend: Backend, limit: u32) -> Self {
        Self::start_with(backend, limit, None)
    }

    /// Listens for Envoy's `ext_authz` too.
    pub fn start_with_ext_authz(backend: Backend) -> Self {
        Self::start_with(backend, NO_LIMIT, Some(free_address()))
    }

    fn start_with(backend: Backend, limit: u32, ext_authz: Option<SocketAddr>) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let folder = |name: &str| home.path().join(name).to_string_lossy().into_owned();
        let redis = (backend == Backend::Redis).then(Redis::start);
        let address = free_address();
        let mut settings = vec![
            ("KEYWARD_SERVER_PUBLIC_URL", format!("http://{address}")),
            ("KEYWARD_STORAGE_DATA_DIR", folder("data")),
            ("KEYWARD_KEYS_DIR", folder("keys")),
            ("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", limit.to_string()),
            // All sign-ins are one user's.
            ("KEYWARD_ACCOUNTS_SESSIONS_PER_USER", "0".to_owned()),
        ];
        settings.extend(redis.as_ref().map(|redis| ("REDIS_URL", redis.url())));
        settings.extend(ext_authz.map(|address| ("KEYWARD_SERVER_EXT_AUTHZ_LISTEN", address.to_string())));
        run(&home, &["migrate"], &settings, "");
        run(&home, &["user", "add", USER, "--password-stdin"], &settings, PASSWORD);
        let secret = run(&home, &["app", "add", APP, "--confidential"], &settings, "");
        let first = Node::start(&home, &settings, address);
        Self { first, settings, secret, ext_authz, redis, home }
    }

    /// Another node of the same installation.
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

    /// The same process, on its listener for gRPC.
    pub fn ext_authz_target(&self) -> Target {
        Target { address: self.ext_authz.expect("started with it"), ..self.target() }
    }

    /// The file of the only key.
    pub fn key(&self) -> PathBuf {
        let files = std::fs::read_dir(self.home.path().join("keys")).expect("a folder");
        let mut files = files.map(|file| file.expect("a file").path());
        files.find(|file| file.extension().is_some_and(|end| end == "pem")).expect("a key")
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_keyward");

/// Runs an operator's command; returns what it prints.
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
    /// Returns once it serves: it listens before it has made its keys.
    fn start(home: &TempDir, settings: &[(&'static str, String)], address: SocketAddr) -> Self {
        let mut settings = settings.to_vec();
        settings.push(("KEYWARD_SERVER_LISTEN", address.to_string()));
        settings.push(("KEYWARD_SERVER_MANAGEMENT_LISTEN", free_address().to_string()));
        let guard = Guard::start(home.path(), &[PROGRAM], &settings, address);
        let ready = Connection::open(address).ask("GET", "/readyz", "", "");
        assert!(ready.head.starts_with("HTTP/1.1 200"), "{}", ready.head);
        Self { guard, address }
    }
}
