//! The server that is measured, with one user, embedded or on a Redis.

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{
    common::{
        connection::{Answer, Connection},
        guard::{Guard, free_address},
        redis::Redis,
    },
    wrk::{Request, Target},
};

pub const USER: &str = "bench";
pub const PASSWORD: &str = "a long enough passphrase, 7 words";
/// More than any run makes.
pub const NO_LIMIT: u32 = 1_000_000_000;

pub struct Keyward {
    guard: Guard,
    pub address: SocketAddr,
    redis: Option<Redis>,
    home: tempfile::TempDir,
}

impl Keyward {
    /// `limit` is how many checks a session has a minute.
    pub fn start(redis: Option<Redis>, limit: u32) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let mut settings = vec![
            ("KEYWARD_SERVER_LISTEN", address.to_string()),
            ("KEYWARD_SERVER_MANAGEMENT_LISTEN", free_address().to_string()),
            ("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", limit.to_string()),
        ];
        settings.extend(redis.as_ref().map(|redis| ("REDIS_URL", redis.url())));
        let program = env!("CARGO_BIN_EXE_keyward");
        add_user(home.path());
        let guard = Guard::start(home.path(), &[program], &settings, address);
        Self { guard, address, redis, home }
    }

    pub fn target(&self) -> Target {
        let redis = self.redis.as_ref().map(|redis| redis.guard.id);
        Target { address: self.address, server: self.guard.id, redis }
    }

    /// The file of the only key.
    pub fn key(&self) -> PathBuf {
        let files = std::fs::read_dir(self.home.path().join("keys")).expect("a folder");
        let mut files = files.map(|file| file.expect("a file").path());
        files.find(|file| file.extension().is_some_and(|end| end == "pem")).expect("a key")
    }
}

fn add_user(home: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyward"));
    command.args(["user", "add", USER, "--password-stdin"]).current_dir(home);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut adding = command.spawn().expect("keyward runs");
    adding.stdin.take().expect("piped").write_all(PASSWORD.as_bytes()).expect("written");
    assert!(adding.wait().expect("ended").success(), "the user is added");
}

/// What a sign-in asks, here and at the peer.
pub fn login() -> Request {
    let body = json!({ "username": USER, "password": PASSWORD }).to_string();
    Request { method: "POST", path: "/v1/login", body, ..Request::default() }
}

/// What a check asks, here and at the peer.
pub fn check(token: &str) -> Request {
    Request {
        method: "GET",
        path: "/v1/check",
        authorization: format!("Bearer {token}"),
        body: String::new(),
    }
}

/// One answer, whatever it is.
pub fn ask(server: SocketAddr, request: &Request) -> Answer {
    let Request { method, path, authorization, body } = request;
    Connection::open(server).ask(method, path, authorization, body)
}

/// The access token of a sign-in.
pub fn access_token(server: SocketAddr) -> String {
    let answer = ask(server, &login());
    let tokens: Value = serde_json::from_slice(&answer.body).expect("tokens");
    tokens["access_token"].as_str().expect("a token").to_owned()
}
