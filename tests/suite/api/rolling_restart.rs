//! An upgrade that nobody notices: three nodes behind HAProxy are restarted one after the other under load, and
//! nodes that run go on while a newer version takes its steps (docs/operating.md, Upgrades).

use std::{
    fmt::Write,
    fs,
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use rusqlite::Connection;
use serde_json::json;

use super::{
    actor::{Actor, Answer},
    install::{GUARD, Install, Server, free_addresses, wait_for},
    nodes::{node, second_node},
};
use crate::support::{
    outside::ask::Ask,
    servers::{postgres, redis},
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";
const CLIENTS: usize = 4;

/// HAProxy in front of nodes, as the page on operation says, which dies with this value.
struct Balancer {
    url: String,
    guard: Child,
}

impl Balancer {
    fn before(install: &Install, nodes: &[Install]) -> Self {
        let [listen] = free_addresses();
        let mut file = format!(
            "defaults\n    mode http\n    timeout connect 2s\n    timeout client 60s\n    timeout server 60s\n    \
             option redispatch\n    retries 2\n    retry-on conn-failure empty-response\n\
             frontend all\n    bind {listen}\n    default_backend nodes\n\
             backend nodes\n    balance roundrobin\n    option httpchk GET /readyz\n    \
             default-server check inter 200ms fall 1 rise 1\n"
        );
        for (number, node) in nodes.iter().enumerate() {
            writeln!(file, "    server node{number} {}", node.listen).expect("written");
        }
        let folder = tempfile::tempdir_in(install.path("")).expect("a folder").keep();
        fs::write(folder.join("haproxy.cfg"), file).expect("written");
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "sh", "pid", "haproxy", "-db", "-f", "haproxy.cfg"]).current_dir(&folder);
        let log = fs::File::create(folder.join("log")).expect("a file");
        guard.stdin(Stdio::piped()).stdout(log.try_clone().expect("a file")).stderr(log);
        let guard = guard.spawn().expect("sh");
        wait_for(|| TcpStream::connect(listen).ok()).expect("HAProxy, which the tests need, listens");
        Self { url: format!("http://{listen}"), guard }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// What clients of the balancer have seen.
#[derive(Default)]
struct Seen {
    served: AtomicUsize,
    failed: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl Seen {
    fn asks(&self, ask: &Ask, url: &str) -> Option<Answer> {
        let answer = ask.at(url);
        if matches!(answer.status, 200 | 204) {
            self.served.fetch_add(1, Ordering::Relaxed);
            return Some(answer);
        }
        self.failed.lock().expect("no panic").push(format!("{ask:?}: {answer:?}"));
        None
    }

    /// Signs in, is checked and refreshed again and again, and signs out, until it is over.
    fn lives(&self, url: &str) {
        let client = Actor::new(url);
        let sign_in = Ask::new("POST /v1/login").json(&json!({ "username": "alice", "password": PASSWORD }));
        while !self.is_over.load(Ordering::Relaxed) {
            let Some(answer) = self.asks(&sign_in, url) else { continue };
            let mut user = client.with_tokens(&answer);
            for _ in 0..8 {
                self.asks(&Ask::new("GET /v1/check").bearer(&user.access), url);
                self.asks(&Ask::new("GET /v1/me").bearer(&user.access), url);
                let refresh = Ask::new("POST /v1/refresh").json(&json!({ "refresh_token": user.refresh }));
                if let Some(answer) = self.asks(&refresh, url) {
                    user = user.with_tokens(&answer);
                }
            }
            self.asks(&Ask::new("POST /v1/logout").bearer(&user.access), url);
        }
    }
}

/// The node is stopped as an upgrade stops it: what asks whether it is ready hears no first, while it goes on.
fn stops(node: Server) {
    node.ask_to_stop();
    let ready = || Ask::new("GET /readyz").at(&node.url).status;
    wait_for(|| (ready() == 503).then_some(())).expect("it says that it will stop");
    assert_eq!(Ask::new("GET /healthz").at(&node.url).status, 200, "and goes on until it does");
    node.stops();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run gives it the machine to itself"]
async fn in_a_rolling_restart_under_load_no_request_fails() {
    let redis = redis::Server::start(&[]);
    let database = postgres::database();
    let settings = |install: Install| {
        install
            .with("KEYWARD_SERVER_DRAIN_DELAY", "3s")
            .with("KEYWARD_SERVER_TRUSTED_PROXIES", "127.0.0.0/8")
            .with("KEYWARD_LOGIN_QUEUE", 1_000)
            .with("KEYWARD_ACCOUNTS_SESSIONS_PER_USER", 0)
            .with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 1_000_000)
    };
    let first = node(&redis, &database);
    first.add_user("alice", PASSWORD, &[]);
    let others = [(); 2].map(|()| settings(second_node(&first, &redis, &database)));
    let public = format!("http://{}", first.listen);
    let [second, third] = others;
    let installs = [settings(first).with("KEYWARD_SERVER_PUBLIC_URL", public), second, third];
    let mut nodes = Vec::new();
    for install in &installs {
        nodes.push(install.start().await);
    }
    let balancer = Balancer::before(&installs[0], &installs);
    let seen = Seen::default();
    let runtime = tokio::runtime::Handle::current();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| seen.lives(&balancer.url));
        }
        let _over = Over(&seen.is_over);
        // Forth and back: twice each.
        for place in [0, 1, 2, 2, 1, 0] {
            let before = seen.served.load(Ordering::Relaxed);
            stops(nodes.remove(place));
            nodes.insert(place, tokio::task::block_in_place(|| runtime.block_on(installs[place].start())));
            wait_for(|| (seen.served.load(Ordering::Relaxed) > before + 20).then_some(()))
                .expect("they go on");
        }
    });
    let (served, failed) = (seen.served.load(Ordering::Relaxed), seen.failed.into_inner().expect("no panic"));
    eprintln!("six restarts of three nodes: {served} requests served, {} failed", failed.len());
    assert!(failed.is_empty() && served > 200, "{served} served, {} failed: {failed:#?}", failed.len());
}

/// Ends the load, also where the test fails.
pub(super) struct Over<'a>(pub(super) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a later version may do to each table while nodes of this one run.
const LATER: [&str; 4] = [
    "ALTER TABLE users ADD COLUMN later INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE apps ADD COLUMN later TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE of_later (id INTEGER PRIMARY KEY)",
    "INSERT INTO refinery_schema_history VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')",
];

/// All that a node asks of the tables, more than once, so that statements are prepared.
async fn uses_all(node: &Server) {
    for _ in 0..3 {
        let alice = node.client().signed_in("alice", PASSWORD).await.refreshed().await;
        assert_eq!(alice.get("/v1/me").await.status, 200);
        assert_eq!(alice.check().await.status, 200);
        assert_eq!(alice.sessions().await.iter().filter(|session| session["current"] == true).count(), 1);
        let body = json!({ "username": "alice", "password": PASSWORD, "app": "web" });
        assert_eq!(node.client().post("/v1/login", &body).await.status, 200);
        assert_eq!(alice.logout().await.status, 204);
        assert_eq!(alice.check().await.status, 401);
    }
}

#[tokio::test]
async fn a_node_that_runs_goes_on_while_a_later_version_takes_its_steps() {
    let (redis, server) = (redis::Server::start(&[]), postgres::Server::start());
    let database = server.database();
    let on_postgres = node(&redis, &database);
    let embedded = Install::new();
    for (install, is_embedded) in [(&on_postgres, false), (&embedded, true)] {
        install.add_user("alice", PASSWORD, &[]);
        install.good(&["app", "add", "web"]);
        let node = install.start().await;
        uses_all(&node).await;
        for step in LATER {
            if is_embedded {
                let file = Connection::open(install.path("data/keyward.db")).expect("opened");
                file.execute_batch(step).expect(step);
            } else {
                server.sql(database.rsplit('/').next().expect("a name"), step);
            }
        }
        uses_all(&node).await;
        node.terminate();
        let refused = install.run(&["serve"]);
        assert!(refused.code == Some(1) && refused.stderr.contains("later version"), "{refused:?}");
    }
}

/// A node of the version before reads and writes the tables of this one: so no step takes away what it uses.
#[test]
fn every_step_of_a_migration_only_adds() {
    let mut count = 0;
    for folder in ["migrations/sqlite", "migrations/postgres"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("a file").path();
            let text = fs::read_to_string(&path).expect("a text");
            let code: String = text
                .lines()
                .map(|line| line.split("--").next().unwrap_or_default().to_lowercase() + "\n")
                .collect();
            for statement in code.split(';') {
                count += 1;
                let words: Vec<&str> = statement.split_whitespace().collect();
                for taken in [
                    "drop table",
                    "drop column",
                    "rename to",
                    "rename column",
                    "alter column",
                    "truncate",
                    "set not null",
                ] {
                    assert!(!words.join(" ").contains(taken), "{taken} in {}", path.display());
                }
                let adds = words.starts_with(&["alter", "table"]) && words.contains(&"add");
                let must_be_said = adds
                    && words.windows(2).any(|pair| pair == ["not", "null"])
                    && !words.contains(&"default");
                assert!(!must_be_said, "{statement} of {}: a node of before does not say it", path.display());
            }
        }
    }
    assert!(count > 30, "{count} statements");
}
