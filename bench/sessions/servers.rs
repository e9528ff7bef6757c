//! A `keyward` with a confidential app, and what a Redis says of itself.

use std::{net::SocketAddr, process::Command, time::Duration};

use super::{
    APP,
    common::{
        cpu,
        guard::{Guard, free_address},
        redis::Redis,
    },
};

/// A `keyward` with a confidential app.
pub struct Keyward {
    guard: Guard,
    pub address: SocketAddr,
    /// Of the app, for HTTP Basic.
    pub secret: String,
    _home: tempfile::TempDir,
}

impl Keyward {
    pub fn start(redis: &Redis) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let settings = [
            ("REDIS_URL", redis.url()),
            ("KEYWARD_SERVER_LISTEN", address.to_string()),
            ("KEYWARD_SERVER_MANAGEMENT_LISTEN", free_address().to_string()),
        ];
        let program = env!("CARGO_BIN_EXE_keyward");
        let migrated =
            Command::new(program).arg("migrate").current_dir(home.path()).envs(settings.clone()).output();
        assert!(migrated.expect("keyward runs").status.success());
        let mut adding = Command::new(program);
        adding.args(["app", "add", APP, "--confidential"]).current_dir(home.path()).envs(settings.clone());
        let added = adding.output().expect("keyward runs");
        assert!(added.status.success(), "{added:?}");
        let secret = String::from_utf8(added.stdout).expect("UTF-8").trim().to_owned();
        let guard = Guard::start(home.path(), &[program], &settings, address);
        Self { guard, address, secret, _home: home }
    }

    /// The CPU time it has used.
    pub fn cpu(&self) -> Duration {
        cpu::used_by(self.guard.id)
    }
}

/// Bytes Redis counts as its own, indexes and overhead of keys included.
pub fn used_memory(redis: &Redis) -> u64 {
    let client = redis::Client::open(redis.url()).expect("a URL");
    let mut connection = client.get_connection().expect("a connection");
    let info: String = redis::cmd("INFO").arg("memory").query(&mut connection).expect("an answer");
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    used.and_then(|bytes| bytes.trim().parse().ok()).expect("a number")
}
