//! Keyward over HTTP against the library redis-sessions in Node, on the same Redis, in turn: creating,
//! getting and ending a thousand sessions, and the memory they take.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    APP, IP, SESSIONS_A_USER,
    connection::Connection,
    data, median, per_second,
    servers::{Keyward, Redis},
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
    let our_bytes = bytes(&redis, |verb| ours.run(verb, MANY_SESSIONS));
    let their_bytes = bytes(&redis, |verb| theirs.run(verb, MANY_SESSIONS));
    println!("  {:<40} {our_bytes:>10} {their_bytes:>10}", "bytes in Redis a session");
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

fn bytes(redis: &Redis, mut run: impl FnMut(Verb) -> Duration) -> u64 {
    let before = redis.used_memory();
    run(Verb::Create);
    let grown = redis.used_memory().saturating_sub(before);
    run(Verb::End);
    grown / u64::try_from(MANY_SESSIONS).expect("a count")
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
    connections: Vec<Connection>,
    tokens: Vec<String>,
    _server: Keyward,
}

impl Ours {
    fn start(redis: &Redis) -> Self {
        let server = Keyward::start(redis);
        let connect = |_| Connection::open(server.address, APP, &server.secret);
        Self { connections: (0..CONNECTIONS).map(connect).collect(), tokens: Vec::new(), _server: server }
    }

    fn run(&mut self, verb: Verb, count: usize) -> Duration {
        self.tokens.resize_with(count, String::new);
        let mut shares = [const { Vec::new() }; CONNECTIONS];
        for (number, token) in self.tokens.iter_mut().enumerate() {
            shares[number % CONNECTIONS].push((number, token));
        }
        let begun = Instant::now();
        thread::scope(|scope| {
            for (connection, share) in self.connections.iter_mut().zip(shares) {
                scope.spawn(move || {
                    for (number, token) in share {
                        ask(connection, verb, number, token);
                    }
                });
            }
        });
        begun.elapsed()
    }
}

fn ask(connection: &mut Connection, verb: Verb, number: usize, token: &mut String) {
    match verb {
        Verb::Create => {
            let path = format!("create/{}?ip={IP}", user(number / SESSIONS_A_USER));
            let created = connection.ask("PUT", &path, &data().to_string());
            token.replace_range(.., created["token"].as_str().expect("a token"));
        }
        Verb::Get => {
            let session = connection.ask("GET", &format!("get/{token}"), "");
            assert_eq!(session["id"], json!(user(number / SESSIONS_A_USER)));
        }
        Verb::End => {
            let ended = connection.ask("DELETE", &format!("kill/{token}"), "");
            assert_eq!(ended, json!({ "kill": 1 }));
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
        command.args([&redis.port().to_string(), "library", APP]).current_dir(packages);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node");
        let times = BufReader::new(process.stdout.take().expect("piped"));
        Self { rounds: process.stdin.take(), times, process }
    }

    fn run(&mut self, verb: Verb, count: usize) -> Duration {
        let users: Vec<_> = (0..count).map(|number| user(number / SESSIONS_A_USER)).collect();
        let round = json!({ "verb": verb.name(), "users": users, "ip": IP, "d": data() });
        let mut rounds = self.rounds.as_ref().expect("piped");
        writeln!(rounds, "{round}").expect("told");
        let mut took = String::new();
        self.times.read_line(&mut took).expect("an answer");
        Duration::from_secs_f64(took.trim().parse::<f64>().expect("milliseconds") / 1000.0)
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        drop(self.rounds.take());
        drop(self.process.wait());
    }
}
