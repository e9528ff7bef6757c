//! Real Envoy with a configuration of a test's own, as tests/run installs it, under a guard that kills
//! it with the test process.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::support::outside::install::{GUARD, wait_for};

/// An Envoy that dies with this value.
pub struct Envoy {
    pub url: String,
    folder: TempDir,
    guard: Child,
}

impl Envoy {
    /// Runs a configuration whose ports on 127.0.0.1 stand for other addresses, the first of them its
    /// own listener.
    pub fn start(config: &str, places: &[(u16, SocketAddr)]) -> Self {
        let moved = places.iter().fold(config.to_owned(), |config, (port, address)| {
            let from = format!("address: 127.0.0.1, port_value: {port} ");
            assert!(config.contains(&from), "no {port} in {config}");
            config.replace(&from, &format!("address: {}, port_value: {} ", address.ip(), address.port()))
        });
        let folder = tempfile::tempdir().expect("a folder");
        let [file, log, pid] = ["envoy.yaml", "log", "pid"].map(|name| folder.path().join(name));
        fs::write(&file, moved).expect("written");
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/envoy/_bin/envoy");
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "sh"]).arg(&pid).arg(program).arg("-c").arg(file);
        command.args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warn"]);
        let log = File::create(log).expect("a file");
        let (out, errors) = (log.try_clone().expect("the same file"), log);
        let guard = command.stdin(Stdio::piped()).stdout(out).stderr(errors).spawn().expect("sh");
        let listen = places[0].1;
        let envoy = Self { url: format!("http://{listen}"), folder, guard };
        let ready = wait_for(|| TcpStream::connect(listen).ok());
        assert!(ready.is_some(), "Envoy, which the tests need, does not start: {}", envoy.log());
        envoy
    }

    /// What it said until now.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
