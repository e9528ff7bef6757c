//! A server that is killed, that never answers, that refuses.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use super::{account, postgres_store, whole};
use crate::support::servers::postgres::{Server, database};
use keyward::{
    domain::clock::{Clock, ManualClock, SystemClock},
    store::{accounts::AccountStore, error::StoreError, postgres::PostgresStore, schema::Schema},
};
use secrecy::SecretString;

/// Long enough for any machine; what is promised is "a few seconds".
const BOUND: Duration = Duration::from_secs(15);

async fn connect(url: &str) -> Result<(), StoreError> {
    PostgresStore::connect(&SecretString::from(url), None).await.map(drop)
}

#[tokio::test]
async fn a_killed_server_is_away_and_heals() {
    let mut server = Server::start();
    let store = postgres_store(&server.database()).await;
    let alice = account("alice");
    store.create(&alice).await.expect("made");

    server.kill();
    for _ in 0..10 {
        let error = store.by_id(alice.user.id).await.expect_err("no server");
        assert!(error.is_away(), "{error:?}");
        assert!(store.ping().await.expect_err("no server").is_away());
    }

    let _server = server.restart();
    // No retry: whoever asks after the restart is answered.
    let found = store.by_id(alice.user.id).await.expect("healed").expect("kept");
    assert_eq!(found.user, alice.user);
}

#[tokio::test]
async fn connections_the_server_ends_are_replaced() {
    let server = Server::start();
    let store = postgres_store(&server.database()).await;
    store.ping().await.expect("answered");
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'keyward'";
    server.sql("postgres", others);

    let deadline = Instant::now() + BOUND;
    while let Err(error) = store.ping().await {
        assert!(error.is_away(), "{error:?}");
        assert!(Instant::now() < deadline, "did not heal");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_away() {
    let server = Server::start();
    let url = server.database();
    let store = postgres_store(&url).await;
    server.sql("postgres", "ALTER SYSTEM SET default_transaction_read_only = on");
    server.sql("postgres", "SELECT pg_reload_conf()");

    let deadline = Instant::now() + BOUND;
    loop {
        match store.create(&account("alice")).await {
            Err(error) => break assert!(error.is_away(), "{}", whole(&error)),
            Ok(_) => assert!(Instant::now() < deadline, "still takes writes"),
        }
    }
}

#[tokio::test]
async fn nobody_there_is_away_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let error = connect(&format!("postgres://kw:s3cret@{free}/kw")).await.expect_err("nobody");
    assert!(error.is_away(), "{error:?}");
    assert!(!whole(&error).contains("s3cret"));
}

#[tokio::test]
async fn a_server_that_never_answers_is_away_after_a_few_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let asked = Instant::now();
    let address = silent.local_addr().expect("an address");
    let error = connect(&format!("postgres://kw@{address}/kw")).await.expect_err("silence");
    assert!(error.is_away(), "{error:?}");
    assert!(asked.elapsed() < BOUND, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn what_the_server_refuses_is_said_in_its_words() {
    let missing = database().replace("keyward_", "nothing_");
    let error = connect(&missing).await.expect_err("no such database");
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    assert!(whole(&error).contains("does not exist (SQLSTATE 3D000)"), "{}", whole(&error));

    let error = connect("postgres://kw:s3cret@/kw?sslmode=sometimes").await.expect_err("no such mode");
    assert_eq!(
        whole(&error),
        "postgres refused: invalid connection string: invalid value for option `sslmode`"
    );
}

#[tokio::test]
async fn the_store_says_what_to_mend() {
    let server = Server::start();
    let url = server.database();
    let store = PostgresStore::connect(&SecretString::from(url), None).await.expect("connected");
    let Schema::Missing(steps) = store.schema().await.expect("an answer") else { panic!("it has tables") };
    assert_eq!(store.migrate().await.expect("migrated"), steps);
    assert_eq!(store.schema().await.expect("an answer"), Schema::Current);
    assert_eq!(store.advice(&SystemClock).await.expect("an answer"), [] as [String; 0]);

    let behind = ManualClock::at(SystemClock.now() - Duration::from_secs(5));
    let advice = store.advice(&behind).await.expect("an answer");
    assert_eq!(advice, ["its clock and ours are more than 2 s apart: set both by NTP"]);

    server.sql("postgres", "ALTER SYSTEM SET default_transaction_read_only = on");
    server.sql("postgres", "SELECT pg_reload_conf()");
    let deadline = Instant::now() + BOUND;
    let advice = loop {
        let advice = store.advice(&SystemClock).await.expect("an answer");
        if !advice.is_empty() || Instant::now() > deadline {
            break advice;
        }
    };
    assert_eq!(advice, ["it takes no writes: point storage.database_url at the primary"]);
}
