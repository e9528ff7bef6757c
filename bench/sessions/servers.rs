//! The real servers that are measured, on free ports of the loopback, each in a folder of its own. They
//! end with this process, however it ends.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{APP, cpu};

/// Kills the server once nobody holds the pipe any more.
const GUARD: &str = r#""$@" & server=$!; read -r _; kill -9 $server; wait $server"#;

/// A `redis-server`.
pub struct Redis {
    guard: Guard,
    port: u16,
    _home: tempfile::TempDir,
}

impl Redis {
    pub fn start() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let port = address.port().to_string();
        let mut words = vec!["redis-server", "--port", &port, "--bind", "127.0.0.1"];
        words.extend(["--save", "", "--maxmemory-policy", "noeviction"]);
        let guard = Guard::start(home.path(), &words, &[], address);
        Self { guard, port: address.port(), _home: home }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The CPU time it has used.
    pub fn cpu(&self) -> Duration {
        self.guard.cpu()
    }

    /// Bytes Redis counts as its own, indexes and overhead of keys included.
    pub fn used_memory(&self) -> u64 {
        let client = redis::Client::open(self.url()).expect("a URL");
        let mut connection = client.get_connection().expect("a connection");
        let info: String = redis::cmd("INFO").arg("memory").query(&mut connection).expect("an answer");
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        used.and_then(|bytes| bytes.trim().parse().ok()).expect("a number")
    }
}

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
        self.guard.cpu()
    }
}

struct Guard(Child);

impl Guard {
    /// Returns once the server takes connections.
    fn start(home: &Path, words: &[&str], settings: &[(&str, String)], address: SocketAddr) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "sh"]).args(words).current_dir(home).envs(settings.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = Self(command.spawn().expect("a shell"));
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "{} does not start", words[0]);
            thread::sleep(Duration::from_millis(5));
        }
        guard
    }

    fn cpu(&self) -> Duration {
        cpu::used_by(cpu::child_of(self.0.id()))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}
