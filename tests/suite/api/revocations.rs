//! Contract 2.5: the stream of revocations, for verifiers that check tokens by themselves.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    actor::{Actor, send},
    app_server::AppServer,
    install::{Install, PATIENCE, Server},
};
use crate::support::servers::redis;

const PASSWORD: &str = "correct horse battery";

/// An event of the stream.
#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Event {
    /// Whose tokens it is about: a claim and its value.
    fn subject(&self) -> (String, String) {
        subject(&self.data)
    }
}

fn subject(entry: &Value) -> (String, String) {
    let text = |name: &str| entry[name].as_str().expect(name).to_owned();
    (text("claim"), text("value"))
}

struct Listener {
    response: Response,
    unread: String,
    /// Of the last event that had one.
    id: String,
}

impl Listener {
    async fn open(app: &AppServer, url: &str, id: &str) -> Self {
        let client = Actor::new(url);
        let request = client.request("GET", "/v1/revocations").basic_auth(&app.name, Some(&app.secret));
        let request = if id.is_empty() { request } else { request.header("last-event-id", id) };
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{response:?}");
        Self { response, unread: String::new(), id: id.to_owned() }
    }

    /// The next event; `None` = the stream has ended.
    async fn read(&mut self) -> Option<Event> {
        let whole = loop {
            if let Some((whole, rest)) = self.unread.split_once("\n\n") {
                let (whole, rest) = (whole.to_owned(), rest.to_owned());
                self.unread = rest;
                break whole;
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("something in time");
            self.unread += std::str::from_utf8(&chunk.expect("no error")?).expect("UTF-8");
        };
        let fields: BTreeMap<_, _> =
            whole.lines().map(|line| line.split_once(": ").expect("a field")).collect();
        let text = |name: &str| fields.get(name).map(|&text| text.to_owned());
        let data = serde_json::from_str(fields["data"]).expect("JSON");
        let event = Event { name: text("event").expect("a name"), id: text("id").unwrap_or_default(), data };
        if !event.id.is_empty() {
            self.id.clone_from(&event.id);
        }
        Some(event)
    }

    /// The next event that is no heartbeat.
    async fn next(&mut self) -> Event {
        loop {
            let event = self.read().await.expect("no end");
            if event.name != "status" {
                return event;
            }
        }
    }

    async fn status(&mut self) -> Value {
        let event = self.read().await.expect("no end");
        assert_eq!((event.name.as_str(), event.id.as_str()), ("status", ""), "{event:?}");
        event.data
    }

    async fn snapshot(&mut self) -> BTreeMap<(String, String), Value> {
        let mut all = BTreeMap::new();
        loop {
            let event = self.next().await;
            assert_eq!((event.name.as_str(), &event.data["first"]), ("snapshot", &all.is_empty().into()));
            let entries = event.data["entries"].as_array().expect("an array").clone();
            all.extend(entries.into_iter().map(|entry| (subject(&entry), entry)));
            assert_eq!(event.id.is_empty(), event.data["last"] == false, "{event:?}");
            if event.data["last"] == true {
                return all;
            }
        }
    }

    /// The end of a session, which is two events: of the token it was signed out with, and of all others.
    async fn end_of(&mut self, session: &str) -> Vec<Event> {
        let events = vec![self.next().await, self.next().await];
        assert!(events.iter().all(|event| event.name == "revoked"), "{events:?}");
        assert!(events.iter().any(|event| event.subject() == of(session)), "{events:?}");
        assert!(events.iter().any(|event| event.data["claim"] == "jti"), "{events:?}");
        events
    }
}

fn of(session: &str) -> (String, String) {
    ("sid".to_owned(), session.to_owned())
}

async fn start(install: &Install) -> (Server, AppServer) {
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let app = AppServer::register(install, &server, "reports");
    (server, app)
}

async fn alice(server: &Server) -> Actor {
    server.client().signed_in("alice", PASSWORD).await
}

#[tokio::test]
async fn only_a_confidential_app_may_listen() {
    let install = Install::new();
    let (server, app) = start(&install).await;
    let user = alice(&server).await;
    let get = || app.anonymous("GET", "/v1/revocations");
    let secret = Some(app.secret.as_str());
    for request in [
        get(),
        get().bearer_auth(&user.access),
        get().basic_auth("reports", Some("wrong")),
        get().basic_auth("default", secret),
        get().basic_auth("nobody", secret),
    ] {
        let answer = send(request).await;
        answer.problem(401, "invalid_credentials");
        assert_eq!(answer.header("www-authenticate"), r#"Basic realm="keyward""#);
    }
    send(app.request("POST", "/v1/revocations")).await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_listener_is_told_what_is_revoked_and_then_each_revocation() {
    let install = Install::new();
    let (server, app) = start(&install).await;
    let [gone, stays, other] = [alice(&server).await, alice(&server).await, alice(&server).await];
    assert_eq!(gone.logout().await.status, 204);

    let mut listener = Listener::open(&app, &server.url, "").await;
    let headers = listener.response.headers();
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(headers[name], value, "{headers:?}");
    }
    let known = listener.snapshot().await;
    assert_eq!((known.len(), &known[&of(&gone.session)]["reason"]), (2, &"logout".into()), "{known:?}");
    let status = listener.status().await;
    assert_eq!(status["following"], true, "{status}");
    assert!(status["good_for"].as_u64() >= status["heartbeat"].as_u64(), "{status}");
    assert_eq!(listener.status().await, status, "a heartbeat");

    assert_eq!(stays.logout().await.status, 204);
    for event in listener.end_of(&stays.session).await {
        let left = event.data["until"].as_i64().expect("a number") - now();
        // Up to a minute more, where the check allows for clocks that differ.
        assert!((890..=965).contains(&left) && event.data["reason"] == "logout", "{event:?}");
    }
    install.good(&["user", "disable", "alice"]);
    let mut subjects = [listener.next().await.subject(), listener.next().await.subject()];
    subjects.sort();
    assert_eq!((&subjects[0], subjects[1].0.as_str()), (&of(&other.session), "sub"));
    install.good(&["user", "enable", "alice"]);
    let event = listener.next().await;
    assert_eq!((event.name.as_str(), event.subject()), ("restored", subjects[1].clone()));
    assert_eq!(event.data["until"], 0);
}

fn now() -> i64 {
    let output = std::process::Command::new("date").arg("+%s").output().expect("date");
    String::from_utf8(output.stdout).expect("UTF-8").trim().parse().expect("a number")
}

#[tokio::test]
async fn a_logout_on_one_node_is_told_by_another_within_100_ms_and_none_is_lost_by_a_cut() {
    let redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url());
    let (first, app) = start(&install).await;
    let data = install.path("data").display().to_string();
    let beside = Install::new()
        .with("REDIS_URL", redis.url())
        .with("KEYWARD_KEYS_DIR", install.path("keys").display())
        .with("KEYWARD_STORAGE_DATA_DIR", data)
        .with("KEYWARD_SERVER_PUBLIC_URL", &first.url);
    let second = beside.start().await;
    let mut listener = Listener::open(&app, &second.url, "").await;
    assert!(listener.snapshot().await.is_empty());

    let mut delays = Vec::new();
    for _ in 0..21 {
        let user = alice(&first).await;
        assert_eq!(user.logout().await.status, 204);
        let answered = Instant::now();
        listener.end_of(&user.session).await;
        delays.push(answered.elapsed());
    }
    delays.sort();
    eprintln!("after the 204 of another node: median {:?}, longest {:?}", delays[10], delays[20]);
    assert!(delays[10] < Duration::from_millis(100), "{delays:?}");

    let id = listener.id.clone();
    drop(listener);
    let missed = [alice(&first).await, alice(&second).await];
    for user in &missed {
        assert_eq!(user.logout().await.status, 204);
    }
    let mut elsewhere = Listener::open(&app, &first.url, &id).await;
    assert_eq!(elsewhere.snapshot().await.len(), 46, "the other node has counted otherwise");
    let mut listener = Listener::open(&app, &second.url, &id).await;
    // The one that ended here was known here first, perhaps.
    let mut told = Vec::new();
    for _ in 0..2 * missed.len() {
        told.push(listener.next().await);
    }
    for user in &missed {
        assert_eq!(told.iter().filter(|event| event.subject() == of(&user.session)).count(), 1, "{told:?}");
    }
    listener.status().await;
    let id = listener.id.clone();
    Listener::open(&app, &second.url, &id).await.status().await;
}

#[tokio::test]
async fn a_restart_is_answered_with_a_snapshot() {
    let install = Install::new();
    let (server, app) = start(&install).await;
    let user = alice(&server).await;
    let mut listener = Listener::open(&app, &server.url, "").await;
    assert!(listener.snapshot().await.is_empty());
    assert_eq!(user.logout().await.status, 204);
    listener.end_of(&user.session).await;
    server.kill();
    let server = install.start().await;
    for id in [listener.id.as_str(), "nonsense", "-", "0-0"] {
        let mut listener = Listener::open(&app, &server.url, id).await;
        assert!(listener.snapshot().await.contains_key(&of(&user.session)), "{id}");
    }
}

#[tokio::test]
async fn a_node_that_has_lost_redis_says_so() {
    let mut redis = redis::Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let install = Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_OUTAGE_CHECK", "4s");
    let (server, app) = start(&install).await;
    let mut listener = Listener::open(&app, &server.url, "").await;
    listener.snapshot().await;
    while listener.status().await["following"] == false {}
    redis.kill();
    let mut status = listener.status().await;
    while status["following"] == true {
        status = listener.status().await;
    }
    while status["good_for"] != 0 {
        let good_for = status["good_for"].as_u64();
        assert!(good_for <= Some(4), "{status}");
        status = listener.status().await;
        assert!(status["following"] == false && status["good_for"].as_u64() <= good_for, "{status}");
    }
    redis.restart();
    while status["following"] == false {
        status = listener.status().await;
    }
    assert_eq!(status["good_for"], 4);
    let user = alice(&server).await;
    assert_eq!(user.logout().await.status, 204);
    listener.end_of(&user.session).await;
}

#[tokio::test]
async fn a_stop_ends_the_streams_at_once() {
    let install = Install::new();
    let (server, app) = start(&install).await;
    let mut listeners = Vec::new();
    for _ in 0..8 {
        listeners.push(Listener::open(&app, &server.url, "").await);
    }
    let begun = Instant::now();
    server.terminate();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    for mut listener in listeners {
        while listener.read().await.is_some() {}
    }
}

#[tokio::test]
async fn the_stream_of_a_removed_app_ends() {
    let install = Install::new();
    let (server, app) = start(&install).await;
    let mut listener = Listener::open(&app, &server.url, "").await;
    install.good(&["app", "remove", "reports"]);
    let begun = Instant::now();
    while listener.read().await.is_some() {
        assert!(begun.elapsed() < PATIENCE, "it goes on");
    }
    send(app.request("GET", "/v1/revocations")).await.problem(401, "invalid_credentials");
}
