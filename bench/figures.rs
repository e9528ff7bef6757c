//! The figures Keyward is held to, measured on this machine: `cargo bench --bench figures`.
//!
//! Start-up, memory and size of the binary; sign-ins against raw argon2id hashes in the same run; the
//! time of a wrong password against that of an unknown user; bytes in Redis a session. Starts what it
//! needs on free ports of the loopback and ends by itself.
#![expect(clippy::print_stdout, reason = "its output is a table")]

#[path = "common/argon.rs"]
mod argon;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

const ROUND: Duration = Duration::from_secs(4);
const ROUNDS: usize = 5;
const PASSWORD: &str = "a long enough passphrase, 7 words";

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    binary();
    start_up();
    runtime.block_on(sign_ins());
    runtime.block_on(unknown_users());
    runtime.block_on(bytes_in_redis());
}

fn binary() {
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_keyward")).expect("a binary").len();
    println!("binary                                     {:>10.1} MiB", mib(size));
}

fn start_up() {
    let home = tempfile::tempdir().expect("a folder");
    drop(Server::start(home.path(), &[]));
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..ROUNDS {
        let server = Server::start(home.path(), &[]);
        times.push(server.started_in);
        if times.len() == ROUNDS {
            thread::sleep(Duration::from_secs(2));
            println!("memory when idle, resident                 {:>10.1} MiB", server.resident_mib());
        }
    }
    println!("start to first 200, median of {ROUNDS}             {:>10.1} ms", millis(median(&mut times)));
}

/// Sign-ins a second over raw hashes a second, in turn, in one run.
async fn sign_ins() {
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start(home.path(), &[]);
    server.add_user();
    let mut ratios = Vec::new();
    let mut last = (0.0, 0.0);
    for _ in 0..ROUNDS {
        let raw = argon::raw_hashes(PASSWORD, ROUND);
        let logins = server.logins().await;
        ratios.push(logins / raw);
        last = (logins, raw);
    }
    ratios.sort_by(f64::total_cmp);
    println!("sign-ins/s over raw argon2id hashes/s      {:>10.3}", ratios[ROUNDS / 2]);
    println!("  (last round: {:.1} sign-ins/s, {:.1} hashes/s)", last.0, last.1);
    println!("memory after the sign-ins, resident        {:>10.1} MiB", server.resident_mib());
    tokio::time::sleep(Duration::from_secs(12)).await;
    println!("memory 12 s later, resident                {:>10.1} MiB", server.resident_mib());
}

async fn unknown_users() {
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start(home.path(), &[("KEYWARD_RATE_LIMIT_LOGIN_FAILURES", "1000000")]);
    server.add_user();
    let client = reqwest::Client::new();
    let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        for (name, times) in [("bench", &mut wrong), ("nobody", &mut unknown)] {
            let begun = Instant::now();
            let answer = server.login(&client, name, "not the password").await;
            times.push(begun.elapsed());
            assert_eq!(answer.status(), 401);
        }
    }
    let (wrong, unknown) = (millis(median(&mut wrong)), millis(median(&mut unknown)));
    println!("wrong password, median of 200              {wrong:>10.2} ms");
    println!("unknown user, median of 200                {unknown:>10.2} ms");
    println!("  difference                               {:>10.1} %", (unknown / wrong - 1.0) * 100.0);
}

async fn bytes_in_redis() {
    let redis = Redis::start();
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start(home.path(), &[("REDIS_URL", &redis.url())]);
    server.add_user();
    let client = reqwest::Client::new();
    let answer = server.login(&client, "bench", PASSWORD).await;
    let mut tokens: Value = answer.json().await.expect("tokens");
    for refreshes in 1..=1_000 {
        let body = json!({ "refresh_token": tokens["refresh_token"] });
        let answer = client.post(server.url("/v1/refresh")).json(&body).send().await.expect("an answer");
        tokens = answer.json().await.expect("tokens");
        if refreshes == 1 || refreshes == 1_000 {
            println!(
                "bytes in Redis a session, {refreshes:>4} refreshes   {:>10} B",
                redis.session_bytes().await
            );
        }
    }
}

/// A running `keyward`; gone when dropped.
struct Server {
    process: Child,
    home: PathBuf,
    public: SocketAddr,
    started_in: Duration,
}

impl Server {
    fn start(home: &Path, settings: &[(&str, &str)]) -> Self {
        let public = free_address();
        let mut command = keyward(home, settings);
        command.env("KEYWARD_SERVER_LISTEN", public.to_string());
        command.env("KEYWARD_SERVER_MANAGEMENT_LISTEN", free_address().to_string());
        let begun = Instant::now();
        let process = command.spawn().expect("keyward starts");
        while !answers(public) {
            assert!(begun.elapsed() < Duration::from_secs(20), "keyward does not answer");
            thread::sleep(Duration::from_millis(1));
        }
        Self { process, home: home.to_owned(), public, started_in: begun.elapsed() }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.public)
    }

    fn add_user(&self) {
        let mut command = keyward(&self.home, &[]);
        let mut adding = command
            .args(["user", "add", "bench", "--password-stdin"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("starts");
        adding.stdin.take().expect("a pipe").write_all(PASSWORD.as_bytes()).expect("written");
        assert!(adding.wait().expect("ends").success(), "the user is added");
    }

    async fn login(&self, client: &reqwest::Client, name: &str, password: &str) -> reqwest::Response {
        let body = json!({ "username": name, "password": password });
        client.post(self.url("/v1/login")).json(&body).send().await.expect("an answer")
    }

    async fn logins(&self) -> f64 {
        let done = Arc::new(AtomicUsize::new(0));
        let begun = Instant::now();
        let callers = (0..8).map(|_| {
            let (client, url, done) = (reqwest::Client::new(), self.url("/v1/login"), Arc::clone(&done));
            tokio::spawn(async move {
                let body = json!({ "username": "bench", "password": PASSWORD });
                while begun.elapsed() < ROUND {
                    let answer = client.post(&url).json(&body).send().await.expect("an answer");
                    assert_eq!(answer.status(), 200);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.expect("no caller fails");
        }
        per_second(done.load(Ordering::Relaxed), begun.elapsed())
    }

    fn resident_mib(&self) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("a process");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
        let kib: f64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number");
        kib / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

struct Redis {
    process: Child,
    port: u16,
    _home: tempfile::TempDir,
}

impl Redis {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let port = address.port();
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(home.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        while TcpStream::connect(address).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        Self { process, port, _home: home }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// What all keys take, revocations and counters aside (there are none here).
    async fn session_bytes(&self) -> u64 {
        let client = redis::Client::open(self.url()).expect("a URL");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("keys");
        let mut bytes = 0;
        for key in keys {
            let size: u64 = redis::cmd("MEMORY")
                .arg("USAGE")
                .arg(&key)
                .query_async(&mut connection)
                .await
                .expect("a size");
            println!("    {size:>6} {}", key.split_at(key.len().min(16)).0);
            bytes += size;
        }
        bytes
    }
}

impl Drop for Redis {
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

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
