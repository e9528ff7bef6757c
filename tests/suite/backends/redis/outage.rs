//! A Redis that is away, hangs, is full, refuses, or has forgotten what it was taught.

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{back_end, back_end_on, session_key};
use crate::support::{
    backends::{BackEnd, FIRST_USE, LIFETIMES, START, eventually, facts_of, retried, with_tokens},
    keyspace::Keyspace,
    servers::{redis::Server, redis_sets::Cluster},
};
use keyward::{
    domain::{
        clock::ManualClock,
        ids::{SessionId, UserId},
        refresh_token::{Chain, RefreshToken},
        session::EndReason,
    },
    store::{
        counters::Counter,
        error::StoreError,
        redis::connection::target::Mode,
        revoked::set::RevocationSet,
        sessions::{Ended, Ending, Rotation},
    },
};

use rstest::rstest;

/// What is promised is "a few seconds".
const BOUND: Duration = Duration::from_secs(8);
const WINDOW: Duration = Duration::from_mins(1);

impl BackEnd {
    pub(super) async fn try_sign_in(&self) -> Result<RefreshToken, StoreError> {
        let (new, token) = with_tokens(facts_of(UserId::new(self.now()), self.now()), &self.secret);
        self.sessions.open(&new, None).await.map(|_| token)
    }

    pub(super) async fn try_refresh(&self, token: &RefreshToken) -> Result<Rotation, StoreError> {
        self.sessions.rotate(&Chain::of(token.clone(), &self.secret), &FIRST_USE, self.now()).await
    }

    pub(super) async fn try_count(&self, session: SessionId) -> Result<u64, StoreError> {
        let counter = Counter::Session(session);
        self.counters.add(&counter, WINDOW, self.now()).await.map(|count| count.value)
    }

    pub(super) async fn try_end(&self, session: SessionId) -> Result<Ended, StoreError> {
        self.sessions.end(&ending(session), self.now()).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        let counter = Counter::LoginUser("x".into());
        self.counters.add(&counter, WINDOW, self.now()).await.map(|count| count.value)
    }

    async fn is_back(&self) {
        let since = Instant::now();
        while let Err(error) = self.sessions.ping().await {
            assert!(error.is_away(), "{error:?}");
            assert!(since.elapsed() < BOUND, "not back");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn start_at(url: &str, mode: Mode) -> StoreError {
    let space = Keyspace::nowhere(url, mode);
    let clock = Arc::new(ManualClock::at(START));
    let since = Instant::now();
    let error = space.connect(LIFETIMES, &Arc::new(RevocationSet::default()), &clock).await;
    assert!(since.elapsed() < BOUND, "{:?}", since.elapsed());
    error.err().expect("nobody is there")
}

#[rstest]
#[case::single(Mode::Single)]
#[case::sentinel(Mode::Sentinel { master: "keyward".to_owned() })]
#[case::cluster(Mode::Cluster)]
#[tokio::test]
async fn a_start_without_redis_fails_in_a_few_seconds(#[case] mode: Mode) {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = crate::support::servers::redis::free_port();
    for port in [nobody, silent.local_addr().expect("an address").port()] {
        let error = start_at(&format!("redis://kw:s3cret@127.0.0.1:{port}"), mode.clone()).await;
        assert!(error.is_away(), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("s3cret"));
    }
}

#[tokio::test]
async fn a_redis_that_restarts_is_away_and_comes_back() {
    let mut server = Server::start(&[]);
    let back_end = back_end_on(&server).await;
    back_end.sign_in().await;
    server.kill();
    eventually("blind", || !back_end.set.is_following()).await;
    for _ in 0..10 {
        let since = Instant::now();
        assert!(back_end.count().await.expect_err("nobody").is_away());
        assert!(back_end.try_sign_in().await.expect_err("nobody").is_away());
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    }
    server.restart();
    back_end.is_back().await;
    // Its scripts are gone, and nobody notices.
    back_end.refreshed(&back_end.sign_in().await.token).await;
    eventually("following", || back_end.set.is_following()).await;
}

#[tokio::test]
async fn a_connection_that_breaks_is_not_noticed() {
    let server = Server::start(&[]);
    let back_end = back_end_on(&server).await;
    let mut token = back_end.sign_in().await.token;
    for _ in 0..20 {
        server.ask::<()>("CLIENT KILL TYPE normal");
        token = back_end.refreshed(&token).await;
    }
}

#[tokio::test]
async fn a_redis_that_hangs_is_away_in_time_and_comes_back() {
    let server = Server::start(&[]);
    let back_end = back_end_on(&server).await;
    let hung = server.hang();
    for _ in 0..6 {
        let since = Instant::now();
        assert!(back_end.count().await.expect_err("it hangs").is_away());
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    }
    drop(hung);
    back_end.is_back().await;
    back_end.count().await.expect("counted");
}

#[tokio::test]
async fn forgotten_scripts_are_taught_again() {
    let server = Server::start(&[]);
    let back_end = back_end_on(&server).await;
    let mut token = back_end.sign_in().await.token;
    for _ in 0..3 {
        server.ask::<()>("SCRIPT FLUSH");
        token = back_end.refreshed(&token).await;
        back_end.count().await.expect("counted");
    }
    server.ask::<()>("SCRIPT FLUSH");
    back_end.sign_in().await;
}

#[tokio::test]
async fn a_full_redis_is_away_for_what_writes_and_goes_on_answering() {
    let server = Server::start(&[]);
    let back_end = back_end_on(&server).await;
    let client = back_end.sign_in().await;
    let claims = back_end.claims(&client);
    server.ask::<()>("CONFIG SET maxmemory 1");
    for error in [
        back_end.try_sign_in().await.expect_err("full"),
        back_end.try_refresh(&client.token).await.expect_err("full"),
        back_end.count().await.expect_err("full"),
        back_end.sessions.ping().await.expect_err("full"),
        back_end.sessions.end(&ending(client.session()), back_end.now()).await.expect_err("full"),
    ] {
        assert!(error.is_away(), "{error:?}");
    }
    assert_eq!(back_end.revocations.ask(&claims, back_end.now()).await.expect("an answer"), None);
    assert!(back_end.find(client.session()).await.is_some());
    server.ask::<()>("CONFIG SET maxmemory 0");
    back_end.refreshed(&client.token).await;
}

#[tokio::test]
async fn a_redis_with_a_full_disk_is_away_for_what_writes_and_goes_on_answering() {
    let server = Server::start(&[]);
    let back_end = back_end_on(&server).await;
    let client = back_end.sign_in().await;
    let claims = back_end.claims(&client);
    server.fill_disk();
    for error in [
        back_end.try_sign_in().await.expect_err("full"),
        back_end.try_refresh(&client.token).await.expect_err("full"),
        back_end.count().await.expect_err("full"),
        back_end.sessions.ping().await.expect_err("full"),
    ] {
        assert!(error.is_away(), "{error:?}");
    }
    // Longer than it takes to try the connections, and to follow anew.
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(3) {
        assert!(back_end.set.is_following(), "what is revoked is still heard of");
        assert_eq!(back_end.revocations.ask(&claims, back_end.now()).await.expect("an answer"), None);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.ask::<()>("CONFIG SET appendonly no");
    back_end.refreshed(&client.token).await;
}

fn ending(session: SessionId) -> Ending {
    Ending { session, owner: None, token: None, reason: EndReason::Logout }
}

#[tokio::test]
async fn what_another_hand_wrote_over_a_session_is_an_error_that_names_it() {
    let back_end = back_end().await;
    let client = back_end.sign_in().await;
    back_end.keyspace().ask::<()>("HSET", &session_key(&client), "s soon");
    let error = back_end.sessions.find(client.session(), back_end.now()).await.expect_err("not a time");
    let text = format!("redis: session hash s of {} is not readable", client.session());
    assert_eq!(error.to_string(), text);

    back_end.keyspace().ask::<()>("DEL", &session_key(&client), "");
    back_end.keyspace().ask::<()>("SET", &session_key(&client), "x EX 60");
    let error = back_end.try_refresh(&client.token).await.expect_err("not a hash");
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_write_that_must_be_replicated_waits_for_it_or_is_away() {
    let server = Server::start(&[]);
    let port = server.port().to_string();
    let replica = Server::start(&["--replicaof", "127.0.0.1", &port]);
    let mut space = Keyspace::of(vec![server.url()], Mode::Single);
    space.wait_for_replicas = 1;
    let back_end = BackEnd::in_keyspace(space).await;
    // The replica may still be on its way.
    let client = retried(async || back_end.try_sign_in().await).await;
    let granted = retried(async || back_end.try_refresh(&client).await).await;
    assert!(matches!(granted, Rotation::Granted(_)), "{granted:?}");
    let child = client.successor(&back_end.secret);

    let hung = replica.hang();
    let since = Instant::now();
    assert!(back_end.try_refresh(&child).await.expect_err("no replica").is_away());
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    let counted = Instant::now();
    back_end.count().await.expect("counts do not wait");
    assert!(counted.elapsed() < Duration::from_millis(400), "{:?}", counted.elapsed());
    assert!(back_end.try_end(child.session()).await.expect_err("no replica").is_away());
    drop(hung);
    retried(async || back_end.try_end(child.session()).await).await;
    let ended = retried(async || back_end.try_refresh(&child).await).await;
    assert_eq!(ended, Rotation::Ended(EndReason::Logout));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_cluster_each_write_waits_for_the_replica_of_its_own_master() {
    let cluster = Cluster::start(3);
    let mut space = Keyspace::of(cluster.urls(), Mode::Cluster);
    space.wait_for_replicas = 1;
    let back_end = BackEnd::in_keyspace(space).await;
    for _ in 0..10 {
        let client = back_end.sign_in().await;
        back_end.refreshed(&client.token).await;
        back_end.end(client.session(), EndReason::Logout).await;
    }
    let hung: Vec<_> = cluster.nodes[3..].iter().map(Server::hang).collect();
    assert!(back_end.try_sign_in().await.expect_err("no replicas").is_away());
    drop(hung);
}
