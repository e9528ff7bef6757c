//! A log that nobody can write or reads: what is lost is lines.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::timeout;

use super::{
    actor::Actor,
    install::{Install, PATIENCE, Server},
};
use crate::support::servers::redis;

const PASSWORD: &str = "seven words make a fine passphrase indeed";

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
    let install = Install::new().with("REDIS_URL", redis.url());
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
async fn a_closed_standard_error_is_no_matter() {
    let install = Install::new();
    let server = start(&install, r#""$@" 2>&-"#).await;
    go_on(&server).await;
    server.terminate();
}
