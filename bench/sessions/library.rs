//! Keyward over HTTP against the library redis-sessions in Node, on the same Redis, in turn: creating,
//! getting and ending a thousand sessions, and the memory they take.

use std::{
    cell::RefCell,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::{
    APP, IP, SESSIONS_A_USER,
    common::{cpu, redis::Redis},
    connection::Connection,
    data, median, per_second,
    servers::{Keyward, used_memory},
    user,
};

const SESSIONS: usize = 1_000;
/// For the memory, where what connections take must not count.
const MANY_SESSIONS: usize = 20_000;
const CONNECTIONS: usize = 64;
const ROUNDS: usize = 9;
const VERBS: [Verb; 3] = [Verb::Create, Verb::Get, Verb::End];

#[derive(Clone, Copy)]
enum Verb {
    Create,
    Get,
    End,
}

pub fn compare() {
    let redis = Redis::start();
    let (mut ours, mut theirs) = (Ours::start(&redis), Theirs::start(&redis));
    // Both are warm before it counts.
    for verb in VERBS {
        ours.run(verb, MANY_SESSIONS);
        theirs.run(verb, MANY_SESSIONS);
    }
    speed(&mut ours, &mut theirs);
    let our_cost = Cost::of(&redis, &mut ours);
    let their_cost = Cost::of(&redis, &mut theirs);
    println!("{:<42} {:>10} {:>10}", "CPU of the caller of Redis, and of Redis, µs", "keyward", "library");
    for ((verb, ours), theirs) in VERBS.into_iter().zip(our_cost.cpu).zip(their_cost.cpu) {
        println!("  {:<40} {ours:>10} {theirs:>10}", verb.name());
    }
    let (ours, theirs) = (our_cost.bytes, their_cost.bytes);
    println!("  {:<40} {ours:>10} {theirs:>10}", "bytes in Redis a session");
}

fn speed(ours: &mut Ours, theirs: &mut Theirs) {
    let mut times = [const { (Vec::new(), Vec::new()) }; 3];
    for _ in 0..ROUNDS {
        for (verb, (our_times, their_times)) in VERBS.into_iter().zip(&mut times) {
            our_times.push(ours.run(verb, SESSIONS));
            their_times.push(theirs.run(verb, SESSIONS));
        }
    }
    let head = format!("{SESSIONS} sessions, a second, median of {ROUNDS}");
    println!("{head:<42} {:>10} {:>10} {:>10}", "keyward", "library", "ratio");
    for (verb, (mut ours, mut theirs)) in VERBS.into_iter().zip(times) {
        let ours = per_second(SESSIONS, median(&mut ours));
        let theirs = per_second(SESSIONS, median(&mut theirs));
        println!("  {:<40} {ours:>10.0} {theirs:>10.0} {:>10.2}", verb.name(), ours / theirs);
    }
}

/// What is measured.
trait Contender {
    fn run(&mut self, verb: Verb, count: usize) -> Duration;

    /// The CPU time used so far.
    fn cpu(&self) -> Duration;
}

/// What a session costs.
struct Cost {
    /// Each verb, as "caller + Redis".
    cpu: [String; 3],
    bytes: u64,
}

impl Cost {
    fn of(redis: &Redis, contender: &mut impl Contender) -> Self {
        let (before, mut bytes) = (used_memory(redis), 0);
        let cpu = VERBS.map(|verb| {
            let (caller, server) = (contender.cpu(), cpu::used_by(redis.as_ref().id));
            contender.run(verb, MANY_SESSIONS);
            if matches!(verb, Verb::Create) {
                bytes = used_memory(redis).saturating_sub(before)
                    / u64::try_from(MANY_SESSIONS).expect("a count");
            }
            let each =
                |span: Duration| span.as_secs_f64() * 1e6 / per_second(MANY_SESSIONS, Duration::from_secs(1));
            format!(
                "{:.1} + {:.1}",
                each(contender.cpu().saturating_sub(caller)),
                each(cpu::used_by(redis.as_ref().id).saturating_sub(server))
            )
        });
        Self { cpu, bytes }
    }
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Get => "get",
            Self::End => "end",
        }
    }
}

/// The interface of rest-sessions, on connections that stay open.
struct Ours {
    runtime: Runtime,
    tokens: Vec<String>,
    server: Keyward,
}

impl Ours {
    fn start(redis: &Redis) -> Self {
        // One thread, as the callers of the library have.
        let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
        Self { runtime, tokens: Vec::new(), server: Keyward::start(redis) }
    }
}

impl Contender for Ours {
    fn run(&mut self, verb: Verb, count: usize) -> Duration {
        self.tokens.resize_with(count, String::new);
        let tokens = RefCell::new(self.tokens.iter_mut().enumerate());
        let body = data().to_string();
        let caller = async |mut connection: Connection| {
            loop {
                let Some((number, token)) = tokens.borrow_mut().next() else { break };
                ask(&mut connection, verb, number, token, &body).await;
            }
        };
        let connect = async |_| Connection::open(self.server.address, APP, &self.server.secret).await;
        self.runtime.block_on(async {
            // Anew, because the server closes those that wait while the other one is measured.
            let connections = join_all((0..CONNECTIONS).map(connect)).await;
            let begun = Instant::now();
            join_all(connections.into_iter().map(caller)).await;
            begun.elapsed()
        })
    }

    fn cpu(&self) -> Duration {
        self.server.cpu()
    }
}

#[derive(Deserialize)]
struct Created {
    token: String,
}

#[derive(Deserialize)]
struct Kept {
    id: String,
}

#[derive(Deserialize)]
struct Ended {
    kill: u64,
}

async fn ask(connection: &mut Connection, verb: Verb, number: usize, token: &mut String, body: &str) {
    match verb {
        Verb::Create => {
            let path = format!("create/{}?ip={IP}", user(number / SESSIONS_A_USER));
            *token = connection.ask::<Created>("PUT", &path, body).await.token;
        }
        Verb::Get => {
            let session: Kept = connection.ask("GET", &format!("get/{token}"), "").await;
            assert_eq!(session.id, user(number / SESSIONS_A_USER));
        }
        Verb::End => {
            let ended: Ended = connection.ask("DELETE", &format!("kill/{token}"), "").await;
            assert_eq!(ended.kill, 1);
        }
    }
}

/// The library, in one Node process that ends when its standard input does.
struct Theirs {
    process: Child,
    rounds: Option<ChildStdin>,
    times: BufReader<ChildStdout>,
}

impl Theirs {
    fn start(redis: &Redis) -> Self {
        let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/node");
        assert!(packages.join("installed").exists(), "tests/run installs the packages of tests/node");
        let mut command = Command::new("node");
        command.args(["--input-type=module", "--eval", include_str!("redis-sessions.mjs"), "--"]);
        command.args([&redis.port.to_string(), "library", APP]).current_dir(packages);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node");
        let times = BufReader::new(process.stdout.take().expect("piped"));
        Self { rounds: process.stdin.take(), times, process }
    }
}

impl Contender for Theirs {
    fn run(&mut self, verb: Verb, count: usize) -> Duration {
        let users: Vec<_> = (0..count).map(|number| user(number / SESSIONS_A_USER)).collect();
        let round = json!({ "verb": verb.name(), "users": users, "ip": IP, "d": data() });
        let mut rounds = self.rounds.as_ref().expect("piped");
        writeln!(rounds, "{round}").expect("told");
        let mut took = String::new();
        self.times.read_line(&mut took).expect("an answer");
        Duration::from_secs_f64(took.trim().parse::<f64>().expect("milliseconds") / 1000.0)
    }

    fn cpu(&self) -> Duration {
        cpu::used_by(self.process.id())
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        drop(self.rounds.take());
        drop(self.process.wait());
    }
}
