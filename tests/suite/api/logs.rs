//! The log (contract 1): what failed below a request is in it once; where nobody can write or reads it, what is lost is
//! lines.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::timeout;

use super::{
    actor::{Actor, send},
    install::{Install, PATIENCE, Server, wait_for},
};
use crate::support::servers::redis;

const PASSWORD: &str = "seven words make a fine passphrase indeed";

/// What each request that an outage kept from its answer is told of by.
const MET: &str = "a store is away for a request";

/// Runs the server with its output as `redirected`, which ends like [`GUARD`](super::install::GUARD).
async fn start(install: &Install, redirected: &str) -> Server {
    install.add_user("alice", PASSWORD, &[]);
    let guard = format!(r#"pid=$1; shift; {redirected} & echo $! >"$pid"; read -r _; kill -9 $!; wait $!"#);
    install.start_by(&guard, &["serve"]).await
}

/// How many lines are said to be lost.
async fn lost(server: &Server) -> u64 {
    let page = Actor::new(&server.management_url).get("/metrics").await.text;
    let line = page.lines().find_map(|line| line.strip_prefix("keyward_log_lines_lost_total "));
    line.expect("the metric").parse().expect("a number")
}

/// Sign-ins, each of which is logged.
async fn go_on(server: &Server) {
    for _ in 0..5 {
        let signing_in = server.client();
        let alice = timeout(Duration::from_secs(20), signing_in.signed_in("alice", PASSWORD));
        let alice = alice.await.expect("nobody waits for the log");
        assert_eq!(alice.check().await.status, 200);
    }
}

#[tokio::test]
async fn a_full_disk_loses_log_lines_and_nothing_else() {
    let install = Install::new();
    let server = start(&install, r#""$@" 2>/dev/full"#).await;
    go_on(&server).await;
    assert!(lost(&server).await > 0, "what is lost is counted");
    server.terminate();
}

#[tokio::test]
async fn a_reader_that_has_gone_loses_log_lines_and_nothing_else() {
    let install = Install::new();
    let redirected = r#"mkfifo "$pid.log"; head -2 <"$pid.log" & "$@" >"$pid.log" 2>&1"#;
    let server = start(&install, redirected).await;
    go_on(&server).await;
    assert!(lost(&server).await > 0);
    assert_eq!(server.stdout().lines().count(), 2, "{}", server.stdout());
    server.terminate();
}

#[tokio::test]
async fn a_reader_that_sleeps_loses_log_lines_and_nothing_else() {
    let mut redis = redis::Server::start(&["--appendonly", "yes"]);
    let install = Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_LOG_LEVEL", "debug");
    // The guard holds the reading end, and does not read.
    let redirected = r#"mkfifo "$pid.log"; exec 9<>"$pid.log"; "$@" 2>"$pid.log" 9<&-"#;
    let server = start(&install, redirected).await;
    // That a store is away is told with each request that needed it.
    redis.kill();
    let deadline = Instant::now() + PATIENCE;
    while lost(&server).await == 0 {
        assert!(Instant::now() < deadline, "the pipe is never full");
        join_all((0..200).map(|_| async { server.client().get("/readyz").await })).await;
    }
    redis.restart();
    wait_until_ready(&server).await;
    go_on(&server).await;
    server.terminate();
}

async fn wait_until_ready(server: &Server) {
    let deadline = Instant::now() + PATIENCE;
    while server.client().get("/readyz").await.status != 200 {
        assert!(Instant::now() < deadline, "it does not heal");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_an_outage_keeps_from_a_request_is_logged_once_with_its_id() {
    let mut redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_OUTAGE_CHECK", "0");
    let server = install.start().await;
    let admin = server.admin().await;
    redis.kill();
    let refresh_token = admin.refresh.as_str();
    let form = [("grant_type", "refresh_token"), ("client_id", "default"), ("refresh_token", refresh_token)];
    let form = form.map(|(name, value)| format!("{name}={value}")).join("&");
    let form_type = "application/x-www-form-urlencoded";
    for (id, request) in [
        ("a-probe", admin.request("GET", "/readyz")),
        ("a-check", admin.authorized("GET", "/v1/check")),
        ("a-refresh", admin.request("POST", "/v1/refresh").json(&json!({ "refresh_token": refresh_token }))),
        ("of-oauth", admin.request("POST", "/oauth/token").header("content-type", form_type).body(form)),
    ] {
        assert_eq!(send(request.header("x-request-id", id)).await.status, 503, "{id}");
        let lines = || {
            let log = server.stderr();
            let told: Vec<String> = log
                .lines()
                .filter(|line| line.contains(id) && line.contains(MET))
                .map(str::to_owned)
                .collect();
            (!told.is_empty()).then_some(told)
        };
        let told = wait_for(lines).unwrap_or_else(|| panic!("{id} is not logged: {}", server.stderr()));
        assert!(told.len() == 1 && told[0].contains("DEBUG"), "{told:?}");
    }
    // And for all of them that it is, with the cause.
    let log = server.stderr();
    let warned: Vec<&str> = log.lines().filter(|line| line.contains("a store is away store=")).collect();
    assert!(warned.len() == 1 && warned[0].contains("WARN"), "{log}");
    server.terminate();
}

#[tokio::test]
async fn a_line_has_the_cause_in_either_format() {
    for format in ["text", "json"] {
        let mut redis = redis::Server::start(&[]);
        let install = Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_LOG_FORMAT", format);
        let server = install.start().await;
        redis.kill();
        assert_eq!(server.client().get("/readyz").await.status, 503);
        let said = lines(&server, "a store is away");
        assert!(said[0].contains("redis is away: "), "{said:?}");
        server.terminate();
    }
}

/// The lines that say so.
fn lines(server: &Server, words: &str) -> Vec<String> {
    let said = || {
        let log = server.stderr();
        let said: Vec<String> = log.lines().filter(|line| line.contains(words)).map(str::to_owned).collect();
        (!said.is_empty()).then_some(said)
    };
    wait_for(said).unwrap_or_else(|| panic!("{words} is not logged: {}", server.stderr()))
}

#[tokio::test]
async fn each_line_of_a_request_says_which_it_is() {
    for (format, level) in [("text", "info"), ("json", "info"), ("text", "debug")] {
        let install = Install::new().with("KEYWARD_LOG_FORMAT", format).with("KEYWARD_LOG_LEVEL", level);
        install.add_user("alice", PASSWORD, &[]);
        let server = install.start().await;
        let body = json!({ "username": "alice", "password": PASSWORD });
        let login =
            server.client().request("POST", "/v1/login").header("x-request-id", "one-of-mine").json(&body);
        assert_eq!(send(login).await.header("x-request-id"), "one-of-mine");
        let said = lines(&server, "signed_in");
        assert_eq!(said.len(), 1, "{said:?}");
        if format == "json" {
            let line: serde_json::Value = serde_json::from_str(&said[0]).expect("JSON");
            assert_eq!(line["spans"][0]["request.id"], "one-of-mine", "{line}");
            assert_eq!(line["spans"][0]["http.route"], "/v1/login", "{line}");
        } else {
            assert!(said[0].contains(r#"request.id="one-of-mine""#), "{said:?}");
            assert!(said[0].contains(r#"http.route="/v1/login""#), "{said:?}");
        }
    }
}

#[tokio::test]
async fn a_trace_is_in_the_lines_where_a_trusted_proxy_names_it() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (trusted, is_believed) in [("127.0.0.0/8", true), ("192.0.2.0/24", false)] {
        let install = Install::new().with("KEYWARD_SERVER_TRUSTED_PROXIES", trusted);
        install.add_user("alice", PASSWORD, &[]);
        let server = install.start().await;
        let body = json!({ "username": "alice", "password": PASSWORD });
        let login = server.client().request("POST", "/v1/login").json(&body);
        let login = login.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
        assert_eq!(send(login).await.status, 200);
        let said = lines(&server, "signed_in");
        assert_eq!(said[0].contains(&format!("trace.id={trace}")), is_believed, "{said:?}");
    }
}

#[tokio::test]
async fn a_closed_standard_error_is_no_matter() {
    let install = Install::new();
    let server = start(&install, r#""$@" 2>&-"#).await;
    go_on(&server).await;
    server.terminate();
}
