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

use super::{
    APP, IP, SESSIONS_A_USER,
    common::{
        cpu,
        goals::{Compared, Measured},
        redis::Redis,
        statistics::{median, ratio},
    },
    connection::Connection,
    data, per_second,
    servers::{Keyward, used_memory},
    user,
};

const SESSIONS: usize = 1_000;
/// For the memory, where what connections take must not count.
const MANY_SESSIONS: usize = 20_000;
const CONNECTIONS: usize = 64;
const ROUNDS: usize = 9;
/// Of CPU time, which takes longer and varies less.
const COST_ROUNDS: usize = 3;
const VERBS: [Verb; 3] = [Verb::Create, Verb::Get, Verb::End];

#[derive(Clone, Copy)]
enum Verb {
    Create,
    Get,
    End,
}

pub fn compare() -> Vec<Measured> {
    let redis = Redis::start();
    let (mut keyward, mut library) = (OverHttp::start(&redis), Library::start(&redis));
    // Both are warm before it counts.
    for verb in VERBS {
        keyward.run(verb, MANY_SESSIONS);
        library.run(verb, MANY_SESSIONS);
    }
    speed(&mut keyward, &mut library);
    let rounds: Vec<_> =
        (0..COST_ROUNDS).map(|_| [Cost::of(&redis, &mut keyward), Cost::of(&redis, &mut library)]).collect();
    costs(&rounds)
}

fn speed(keyward: &mut OverHttp, library: &mut Library) {
    println!("| {SESSIONS} app sessions, median of {ROUNDS} | Keyward | redis-sessions | ratio |");
    println!("|---|---:|---:|---:|");
    let mut rates = [const { (Vec::new(), Vec::new()) }; 3];
    for _ in 0..ROUNDS {
        for (verb, (ours, theirs)) in VERBS.into_iter().zip(&mut rates) {
            ours.push(per_second(SESSIONS, keyward.run(verb, SESSIONS)));
            theirs.push(per_second(SESSIONS, library.run(verb, SESSIONS)));
        }
    }
    for (verb, (ours, theirs)) in VERBS.into_iter().zip(rates) {
        let (ours, theirs) = (median(ours), median(theirs));
        println!("| {}, a second | {ours:.0} | {theirs:.0} | {:.2} |", verb.name(), ours / theirs);
    }
}

/// CPU time and memory of Keyward and of the library.
fn costs(rounds: &[[Cost; 2]]) -> Vec<Measured> {
    println!("\n| of the caller of Redis + of Redis | Keyward | redis-sessions | ratio |");
    println!("|---|---:|---:|---:|");
    let mut measured = Vec::new();
    for (index, verb) in VERBS.into_iter().enumerate() {
        let [keyward, library] = [0, 1].map(|which| {
            let of =
                |part: fn(&Cpu) -> f64| median(rounds.iter().map(|round| part(&round[which].cpu[index])));
            format!("{:.1} + {:.1}", of(|cpu| cpu.caller), of(|cpu| cpu.redis))
        });
        let ratio =
            median(rounds.iter().map(|[ours, theirs]| ours.cpu[index].sum() / theirs.cpu[index].sum()));
        let name = format!("app session, {}", verb.name());
        println!("| {name}, CPU µs | {keyward} | {library} | {ratio:.2} |");
        measured.push(Measured::new(name, Compared::CpuToLibrary, ratio));
    }
    let [keyward, library] = [0, 1].map(|which| median(rounds.iter().map(|round| round[which].bytes)));
    println!("| bytes in Redis a session | {keyward:.0} | {library:.0} | {:.2} |", keyward / library);
    measured
}

/// One of the two that are compared.
trait Contender {
    fn run(&mut self, verb: Verb, count: usize) -> Duration;

    /// The CPU time used so far.
    fn cpu(&self) -> Duration;
}

/// What a session costs.
struct Cost {
    /// Of each verb.
    cpu: [Cpu; 3],
    /// In Redis.
    bytes: f64,
}

/// CPU time of one call, in microseconds.
#[derive(Clone, Copy)]
struct Cpu {
    caller: f64,
    redis: f64,
}

impl Cpu {
    fn sum(self) -> f64 {
        self.caller + self.redis
    }
}

impl Cost {
    fn of(redis: &Redis, contender: &mut impl Contender) -> Self {
        let (before, mut bytes) = (used_memory(redis), 0.0);
        let cpu = VERBS.map(|verb| {
            let (caller, server) = (contender.cpu(), cpu::used_by(redis.as_ref().id));
            contender.run(verb, MANY_SESSIONS);
            if matches!(verb, Verb::Create) {
                bytes = ratio(used_memory(redis).saturating_sub(before), MANY_SESSIONS as u64);
            }
            let each = |time: Duration| time.as_secs_f64() * 1e6 / ratio(MANY_SESSIONS as u64, 1);
            Cpu {
                caller: each(contender.cpu().saturating_sub(caller)),
                redis: each(cpu::used_by(redis.as_ref().id).saturating_sub(server)),
            }
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
struct OverHttp {
    runtime: Runtime,
    tokens: Vec<String>,
    server: Keyward,
}

impl OverHttp {
    fn start(redis: &Redis) -> Self {
        // One thread, as the callers of the library have.
        let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
        Self { runtime, tokens: Vec::new(), server: Keyward::start(redis) }
    }
}

impl Contender for OverHttp {
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
struct Library {
    process: Child,
    rounds: Option<ChildStdin>,
    times: BufReader<ChildStdout>,
}

impl Library {
    fn start(redis: &Redis) -> Self {
        let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/node");
        assert!(packages.join("installed").exists(), "bench/run installs the packages of tests/node");
        let mut command = Command::new("node");
        command.args(["--input-type=module", "--eval", include_str!("redis-sessions.mjs"), "--"]);
        command.args([&redis.port.to_string(), "library", APP]).current_dir(packages);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node");
        let times = BufReader::new(process.stdout.take().expect("piped"));
        Self { rounds: process.stdin.take(), times, process }
    }
}

impl Contender for Library {
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

impl Drop for Library {
    fn drop(&mut self) {
        drop(self.rounds.take());
        drop(self.process.wait());
    }
}
