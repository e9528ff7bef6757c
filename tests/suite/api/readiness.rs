//! What balancers are told (contract 1): whether a node is of use, to checks or to all, and when it is about
//! to stop.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    actor::{Actor, Answer},
    install::{Install, PATIENCE, Server, wait_for},
    raw::Raw,
};
use crate::support::servers::{postgres, redis};

async fn ask(server: &Server, path: &str) -> Answer {
    Actor::new(&server.management_url).get(path).await
}

/// Asks until the status is this.
async fn comes_to(server: &Server, path: &str, status: u16) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask(server, path).await;
        if answer.status == status {
            return answer;
        }
        assert!(Instant::now() < deadline, "{path} never came to {status}: {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn told(answer: &Answer) -> (Value, [Value; 3]) {
    let body = answer.json();
    let part = |name: &str| body["parts"][name].clone();
    (body["state"].clone(), ["accounts", "sessions", "revocations"].map(part))
}

#[tokio::test]
async fn a_node_stays_ready_for_checks_for_as_long_as_it_answers_them() {
    let mut redis = redis::Server::start(&["--appendonly", "yes"]);
    let install = Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_OUTAGE_CHECK", "4s");
    let server = install.start().await;
    let admin = server.admin().await;
    let well = comes_to(&server, "/readyz?for=check", 200).await;
    assert_eq!(told(&well).0, "ready", "{well:?}");
    assert_eq!(admin.check().await.status, 200);

    redis.kill();
    let away = comes_to(&server, "/readyz", 503).await;
    away.problem(503, "store_unavailable");
    let (state, [accounts, sessions, _]) = told(&away);
    assert_eq!((state, accounts, sessions), ("unavailable".into(), "ready".into(), "unavailable".into()));
    let meanwhile = ask(&server, "/readyz?for=check").await;
    assert_eq!((meanwhile.status, told(&meanwhile).0), (200, "degraded".into()), "{meanwhile:?}");
    assert_eq!(admin.check().await.status, 200);
    let over = comes_to(&server, "/readyz?for=check", 503).await;
    assert_eq!(told(&over).1[2], "unavailable", "{over:?}");
    admin.check().await.refused(503, "store_unavailable");
    assert_eq!(ask(&server, "/healthz").await.status, 200);
    assert!(!over.text.contains("127.0.0.1") && !over.text.contains("redis"), "{over:?}");

    redis.restart();
    comes_to(&server, "/readyz?for=check", 200).await;
    comes_to(&server, "/readyz", 200).await;
    ask(&server, "/readyz?for=lunch").await.problem(400, "invalid_request");
}

#[tokio::test]
async fn with_no_outage_allowed_a_node_is_not_ready_for_checks_at_once() {
    let mut redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_OUTAGE_CHECK", "0");
    let server = install.start().await;
    redis.kill();
    comes_to(&server, "/readyz?for=check", 503).await;
}

#[tokio::test]
async fn checks_need_no_accounts() {
    let redis = redis::Server::start(&[]);
    let mut postgres = postgres::Server::start();
    let install = Install::new().with("REDIS_URL", redis.url()).with("DATABASE_URL", postgres.database());
    let server = install.start().await;
    let admin = server.admin().await;
    postgres.kill();
    comes_to(&server, "/readyz", 503).await;
    let answer = ask(&server, "/readyz?for=check").await;
    assert_eq!((answer.status, told(&answer).0), (200, "degraded".into()), "{answer:?}");
    assert_eq!(told(&answer).1[0], "unavailable", "{answer:?}");
    assert_eq!(admin.check().await.status, 200);
}

#[tokio::test]
async fn a_stop_is_announced_before_the_listeners_close() {
    let install = Install::new()
        .with("KEYWARD_SERVER_DRAIN_DELAY", "4s")
        .with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", "100000");
    let server = install.start().await;
    let admin = server.admin().await;
    let mut kept = Raw::connect(&server.url);
    kept.head("GET /healthz", &[]);
    assert!(kept.answer().headers.get("connection").is_none());
    let asked = Instant::now();
    server.ask_to_stop();
    for path in ["/readyz", "/readyz?for=check"] {
        let announced = comes_to(&server, path, 503).await;
        assert_eq!(told(&announced).0, "draining", "{announced:?}");
    }
    assert_eq!(server.client().get("/readyz").await.status, 503);
    assert_eq!(ask(&server, "/healthz").await.status, 200);
    kept.head("GET /healthz", &[]);
    assert_eq!(kept.answer().header("connection"), "close", "who keeps a connection moves on");
    assert!(kept.answer_or_end().is_none());
    while asked.elapsed() < Duration::from_secs(3) {
        assert_eq!(admin.check().await.status, 200);
        assert_eq!(admin.at(&server.check_url).check().await.status, 200);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.admin().await;
    wait_for(|| TcpStream::connect(install.listen).is_err().then_some(())).expect("they close");
    assert!(asked.elapsed() >= Duration::from_secs(4));
    server.terminate();
}

#[tokio::test]
async fn who_asks_to_stop_twice_does_not_wait() {
    let install = Install::new().with("KEYWARD_SERVER_DRAIN_DELAY", "5m");
    let server = install.start().await;
    server.ask_to_stop();
    comes_to(&server, "/readyz", 503).await;
    server.terminate();
}
