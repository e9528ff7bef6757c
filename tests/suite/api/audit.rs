//! Events (contract 6.2), as operators and users ask for them.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    actor::{Actor, send},
    install::{Install, PATIENCE, wait_for},
    nodes::{node, second_node},
};
use crate::support::servers::{postgres, redis};

const PASSWORD: &str = "seven words make a fine passphrase indeed";

fn audit(install: &Install, arguments: &[&str]) -> Vec<Value> {
    let said = install.good(&[&["audit", "--json"], arguments].concat());
    serde_json::from_str(&said).expect("an array")
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["kind"].as_str()).collect()
}

async fn activity(of: &Actor, query: &str) -> Value {
    let answer = of.get(&format!("/v1/me/activity{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn the_command_line_answers_why_somebody_was_signed_out() {
    let install = Install::new().with("KEYWARD_LOG_FORMAT", "json");
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let client = server.client();
    let answer = client.login("alice", PASSWORD).await;
    let request = answer.header("x-request-id").to_owned();
    let alice = client.with_tokens(&answer);
    install.good(&["session", "revoke", &alice.session]);
    alice.refreshes().await.problem_with_reason(401, "session_ended", "admin");

    let ended = audit(&install, &["--user", "ALICE", "--kind", "signed_out"]);
    assert_eq!(ended.len(), 1, "{ended:?}");
    let by = ended[0]["by"].as_str().expect("who");
    assert!(by.starts_with("shell:") && by.len() > "shell:".len(), "{by}");
    assert_eq!((&ended[0]["reason"], &ended[0]["username"]), (&json!("admin"), &json!("alice")));
    let of_session = audit(&install, &["--session", &alice.session]);
    assert_eq!(kinds(&of_session), ["signed_out", "signed_in"], "newest first");
    let signed_in = &of_session[1];
    assert_eq!((&signed_in["request_id"], &signed_in["address"]), (&json!(request), &json!("127.0.0.1")));
    assert!(audit(&install, &["--session", &alice.session, "--since", "2030-01-01T00:00:00Z"]).is_empty());
    assert_eq!(audit(&install, &["--session", &alice.session, "--since", "1h"]).len(), 2);

    let table = install.good(&["audit", "--user", "alice"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("TIME") && lines[1].contains("signed_out"), "{table}");
    assert!(lines[1].contains(&alice.session) && lines[1].ends_with("admin"), "{table}");

    // The same as a line of the log, under stable names.
    let log = server.stderr();
    let log = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut told = log.filter(|line| line["audit.id"] == signed_in["id"]);
    let told = told.next().expect("a line");
    assert_eq!((&told["audit.kind"], &told["request.id"]), (&json!("signed_in"), &json!(request)));
    assert_eq!((&told["user.id"], &told["session.id"]), (&signed_in["user"], &json!(alice.session)));
}

#[test]
fn what_the_command_does_not_take_it_says() {
    let install = Install::new();
    install.migrate();
    let nobody = install.run(&["audit", "--user", "nobody"]);
    assert_eq!((nobody.code, nobody.stderr.as_str()), (Some(1), "keyward: there is no user nobody\n"));
    for arguments in [["--kind", "signed"], ["--session", "x"], ["--since", "yesterday"]] {
        let refused = install.run(&[&["audit"][..], &arguments].concat());
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains(arguments[1]) || refused.stderr.contains("signed_in"), "{refused:?}");
    }
    assert_eq!(audit(&install, &["--kind", "signed_in"]), [] as [Value; 0]);
}

#[tokio::test]
async fn users_see_their_own_events_page_by_page_and_nobody_elses() {
    let install = Install::new();
    for name in ["alice", "eve"] {
        install.add_user(name, PASSWORD, &[]);
    }
    let server = install.start().await;
    send(server.client().request("GET", "/v1/me/activity")).await.problem(401, "token_missing");
    let eve = server.client().signed_in("eve", PASSWORD).await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    server.client().login("alice", "wrong").await.problem(401, "invalid_credentials");
    let other = server.client().signed_in("alice", PASSWORD).await;
    assert_eq!(other.logout().await.status, 204);
    install.good(&["user", "role", "alice", "--add", "ops"]);
    let alice = alice.refreshed().await;

    // A failure is written a moment after its answer.
    let enough = async || activity(&alice, "").await["events"].as_array().map_or(0, Vec::len) == 6;
    let deadline = std::time::Instant::now() + PATIENCE;
    while !enough().await {
        assert!(std::time::Instant::now() < deadline, "{}", activity(&alice, "").await);
    }
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = activity(&alice, &query).await;
        let events = page["events"].as_array().expect("an array").clone();
        assert!(events.len() <= 2, "{page}");
        seen.extend(events);
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    let mut sorted = kinds(&seen);
    assert_eq!((sorted[0], sorted[5]), ("user_changed", "user_created"), "newest first");
    sorted.sort_unstable();
    let wanted = ["sign_in_failed", "signed_in", "signed_in", "signed_out", "user_changed", "user_created"];
    assert_eq!(sorted, wanted);
    let (change, leaving) = (&seen[0], seen.iter().find(|event| event["kind"] == "signed_out"));
    assert_eq!((&change["by"], &change["address"]), (&json!("operator"), &Value::Null));
    let leaving = leaving.expect("the end");
    assert_eq!((&leaving["by"], &leaving["session"]), (&json!("you"), &json!(other.session)));
    let hers = activity(&eve, "").await;
    assert_eq!(kinds(hers["events"].as_array().expect("an array")), ["signed_in", "user_created"]);
    for query in ["?limit=0", "?limit=1001", "?limit=x", "?cursor=1.x", "?cursor="] {
        alice.get(&format!("/v1/me/activity{query}")).await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn what_happened_at_one_node_is_known_at_the_other() {
    let redis = redis::Server::start(&[]);
    let database = postgres::database();
    let install = node(&redis, &database);
    install.add_user("alice", PASSWORD, &[]);
    let beside = second_node(&install, &redis, &database);
    let (one, two) = (install.start().await, beside.start().await);
    let here = one.client().signed_in("alice", PASSWORD).await;
    let there = two.client().signed_in("alice", PASSWORD).await;
    assert_eq!(there.logout().await.status, 204);
    let seen = activity(&here, "").await;
    assert_eq!(
        kinds(seen["events"].as_array().expect("an array")),
        ["signed_out", "signed_in", "signed_in", "user_created"]
    );
    assert_eq!(audit(&install, &["--session", &there.session]).len(), 2);
}

async fn lost(management: &Actor) -> String {
    let page = management.get("/metrics").await.text;
    let line = page.lines().find_map(|line| line.strip_prefix("keyward_events_lost_total "));
    line.expect("the metric").to_owned()
}

#[tokio::test]
async fn a_database_that_is_away_keeps_nobody_from_signing_out_and_is_told_when_it_is_back() {
    let redis = redis::Server::start(&[]);
    let mut database = postgres::Server::start();
    let install = node(&redis, &database.database());
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let mut leaving = Vec::new();
    for _ in 0..5 {
        leaving.push(server.client().signed_in("alice", PASSWORD).await);
    }
    database.kill();
    for one in &leaving {
        let body = json!({ "refresh_token": one.refresh });
        assert_eq!(one.post("/v1/logout", &body).await.status, 204);
    }
    let _database = database.restart();
    let ended = || {
        let events = install.run(&["audit", "--json", "--kind", "signed_out"]);
        serde_json::from_str::<Vec<Value>>(&events.stdout).ok().filter(|events| events.len() == 5)
    };
    let events = wait_for(ended).expect("none is lost");
    let mut sessions: Vec<&str> = events.iter().filter_map(|event| event["session"].as_str()).collect();
    let mut wanted: Vec<&str> = leaving.iter().map(|one| one.session.as_str()).collect();
    sessions.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(sessions, wanted);
    assert_eq!(lost(&Actor::new(&server.management_url)).await, "0");
    let log = server.stderr();
    let told = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!((told("events wait for the database"), told("takes events again")), (1, 1), "{log}");
}

#[tokio::test]
async fn a_database_that_hangs_holds_up_a_sign_out_for_a_moment_alone() {
    let redis = redis::Server::start(&[]);
    let database = postgres::Server::start();
    let install = node(&redis, &database.database());
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    let hung = database.hang();
    let body = json!({ "refresh_token": alice.refresh });
    assert_eq!(alice.post("/v1/logout", &body).await.status, 204, "answered while the database hangs");
    drop(hung);
    let ended = || {
        let events = install.run(&["audit", "--json", "--session", &alice.session]);
        serde_json::from_str::<Vec<Value>>(&events.stdout).ok().filter(|events| events.len() == 2)
    };
    wait_for(ended).expect("told once it goes on");
}

#[tokio::test]
async fn a_stop_writes_down_what_was_not_waited_for() {
    let install = Install::new();
    let server = install.start().await;
    for _ in 0..5 {
        server.client().login("nobody", "x").await.problem(401, "invalid_credentials");
    }
    server.terminate();
    let failures = audit(&install, &["--kind", "sign_in_failed"]);
    assert_eq!(failures.iter().filter_map(|event| event["count"].as_u64()).sum::<u64>(), 5);
}

/// A command that runs until it is killed, and its lines.
struct Following(Child, mpsc::Receiver<String>);

impl Following {
    fn start(install: &Install, arguments: &[&str]) -> Self {
        let mut command = install.command(Path::new(env!("CARGO_BIN_EXE_keyward")));
        command.args(["audit", "--follow", "--json"]).args(arguments).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("keyward");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self(child, receiver)
    }

    fn next(&self) -> Value {
        let line = self.1.recv_timeout(PATIENCE).expect("a line");
        serde_json::from_str(&line).expect("an object")
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn who_follows_sees_each_event_once_as_it_comes() {
    let install = Install::new();
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let before = server.client().signed_in("alice", PASSWORD).await;
    let following = Following::start(&install, &["--user", "alice"]);
    assert_eq!(following.next()["kind"], "user_created", "what was before, oldest first");
    assert_eq!(following.next()["session"], before.session.as_str());
    for _ in 0..3 {
        let alice = server.client().signed_in("alice", PASSWORD).await;
        assert_eq!(following.next()["session"], alice.session.as_str());
        assert_eq!(alice.logout().await.status, 204);
        let ended = following.next();
        assert_eq!((&ended["kind"], &ended["session"]), (&json!("signed_out"), &json!(alice.session)));
    }
    assert!(following.1.recv_timeout(Duration::from_secs(2)).is_err(), "no event comes twice");
}

#[tokio::test]
async fn keys_that_are_made_and_retired_are_told_of() {
    let install = Install::new();
    let _server = install.start().await;
    let made: Value = serde_json::from_str(&install.good(&["key", "rotate", "--json"])).expect("an object");
    let kid = made["kid"].as_str().expect("a name");
    install.good(&["key", "retire", kid, "--compromised"]);
    let events = audit(&install, &["--since", "1h"]);
    let keys: Vec<(&str, &Value)> = events
        .iter()
        .filter(|event| event["detail"] == kid)
        .map(|event| (event["kind"].as_str().expect("a word"), &event["reason"]))
        .collect();
    assert_eq!(keys, [("key_retired", &json!("compromised")), ("key_rotated", &Value::Null)]);
}
