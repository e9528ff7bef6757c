//! What stands around a gateway: Keyward with a user, and the app behind.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::gateway::{Gateway, Kind};
use crate::support::outside::{
    actor::Actor,
    install::{GUARD, Install, Outcome, Server, wait_for},
};

pub const USER: &str = "plain";
pub const PASSWORD: &str = "seven words make a fine passphrase indeed";

/// A server, a user without roles, and an app.
pub struct Site {
    pub install: Install,
    pub server: Server,
    pub app: App,
}

/// `keyward gateway echo`, which dies with this value.
pub struct App {
    pub address: SocketAddr,
    guard: Child,
}

/// A line of `keyward gateway test`.
#[derive(Debug)]
pub struct Line {
    pub attack: String,
    pub verdict: String,
}

impl Site {
    pub async fn start() -> Self {
        let install = Install::new();
        install.add_user(USER, PASSWORD, &[]);
        Self::start_in(install).await
    }

    /// Where the user is there already.
    pub async fn start_in(install: Install) -> Self {
        let (server, app) = (install.start().await, App::start(&install));
        Self { install, server, app }
    }

    /// A gateway in our own configuration.
    pub fn gateway(&self, kind: Kind) -> Gateway {
        self.gateway_with(kind, &[])
    }

    /// A gateway in our configuration, changed.
    pub fn gateway_with(&self, kind: Kind, changes: &[(&str, &str)]) -> Gateway {
        Gateway::start(&self.install, kind, self.app.address, changes)
    }

    /// The user, signed in at the server.
    pub async fn user(&self) -> Actor {
        self.server.client().signed_in(USER, PASSWORD).await
    }

    /// Attacks a gateway as that user.
    pub fn attack(&self, gateway: &Gateway, more: &[&str]) -> (Outcome, Vec<Line>) {
        let user = ["gateway", "test", &gateway.url, "--username", USER, "--password-stdin", "--json"];
        let outcome = self.install.run_with_input(&[&user[..], more].concat(), PASSWORD);
        let lines: Vec<Value> = serde_json::from_str(&outcome.stdout)
            .unwrap_or_else(|_| panic!("{outcome:?}\n{}", gateway.log()));
        let text = |line: &Value, name: &str| line[name].as_str().expect(name).to_owned();
        let line = |line: &Value| Line { attack: text(line, "attack"), verdict: text(line, "verdict") };
        let lines = lines.iter().map(line).collect();
        (outcome, lines)
    }
}

impl App {
    fn start(install: &Install) -> Self {
        let folder = tempfile::tempdir_in(install.path("")).expect("a folder").keep();
        let log = folder.join("log");
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "sh", "pid", env!("CARGO_BIN_EXE_keyward")]).current_dir(&folder);
        guard.args(["gateway", "echo", "--listen", "127.0.0.1:0"]).stdin(Stdio::piped());
        let guard = guard.stdout(Stdio::null()).stderr(File::create(&log).expect("a file")).spawn();
        let address = wait_for(|| listens_on(&log)).expect("the echo app listens");
        Self { address, guard: guard.expect("sh") }
    }
}

fn listens_on(log: &Path) -> Option<SocketAddr> {
    let said = fs::read_to_string(log).ok()?;
    said.strip_prefix("listening on ")?.strip_suffix('\n')?.parse().ok()
}

impl Drop for App {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
