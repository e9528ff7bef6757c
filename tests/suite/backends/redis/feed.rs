//! The feed: how fast news travels, what happens when it stops, and whose news it is.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{back_end, back_end_on};
use crate::support::{
    backends::{BackEnd, LIFETIMES, START, SessionsOn, eventually},
    keyspace::Keyspace,
    servers::{redis::Server, redis_sets::Cluster},
};
use keyward::{
    domain::{
        clock::{Clock, ManualClock},
        ids::{SessionId, TokenId, UserId},
        session::EndReason,
    },
    store::{
        redis::connection::target::Mode,
        revocations::{RevocationStore, Subject},
        sessions::{Ending, SessionStore},
    },
};
use rstest::rstest;

impl BackEnd {
    fn knows(&self, subject: Subject) -> bool {
        self.set.snapshot(self.now()).iter().any(|revocation| revocation.subject == subject)
    }
}

#[rstest]
#[tokio::test]
async fn another_node_knows_of_a_logout_within_100_ms(
    #[values(SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
) {
    let back_end = BackEnd::on(on).await;
    let other = back_end.another_node().await;
    let mut delays = Vec::new();
    for _ in 0..21 {
        let client = back_end.sign_in().await;
        let claims = back_end.claims(&client);
        back_end.end(client.session(), EndReason::Logout).await;
        let answered = Instant::now();
        while other.set.find(&claims, back_end.now()).is_none() {
            assert!(answered.elapsed() < Duration::from_secs(10), "never");
            tokio::task::yield_now().await;
        }
        delays.push(answered.elapsed());
    }
    delays.sort();
    eprintln!("after the answer: median {:?}, longest {:?}", delays[10], delays[20]);
    assert!(delays[10] < Duration::from_millis(100), "{delays:?}");
}

#[rstest]
#[tokio::test]
async fn a_key_that_another_hand_writes_is_followed(#[values("SET", "HSET")] verb: &str) {
    let back_end = back_end().await;
    let id = TokenId::random();
    let key = format!("blacklist:{id}");
    back_end.keyspace().ask::<()>(verb, &key, if verb == "SET" { "x EX 60" } else { "a b" });
    eventually("followed", || back_end.knows(Subject::Token(id))).await;
    assert!(back_end.set.is_following());
    back_end.keyspace().ask::<()>("EXPIRE", &key, "60");

    // And found by a node that comes later.
    let node = back_end.another_node().await;
    assert!(node.set.snapshot(back_end.now()).iter().any(|found| found.subject == Subject::Token(id)));
}

#[tokio::test]
async fn a_feed_whose_connection_breaks_knows_it_and_heals() {
    let server = Server::start(&[]);
    let back_end = back_end_on(&server).await;
    for _ in 0..5 {
        server.ask::<()>("CLIENT KILL TYPE normal");
        eventually("blind", || !back_end.set.is_following()).await;
        let client = back_end.sign_in().await;
        back_end.end(client.session(), EndReason::Logout).await;
        eventually("following", || back_end.set.is_following()).await;
    }
}

#[tokio::test]
async fn what_happened_while_it_was_blind_is_known_when_it_follows_again() {
    let space = Keyspace::single();
    let clock = Arc::new(ManualClock::at(START));
    let (node, other) = (space.open(LIFETIMES, &clock).await, space.open(LIFETIMES, &clock).await);
    let now = clock.now();
    let [refused, admitted] = [UserId::new(now), UserId::new(now)];
    let session = SessionId::random();
    let knows = |subject| node.set.snapshot(now).iter().any(|revocation| revocation.subject == subject);
    other.store.refuse_user(admitted, EndReason::AccountDisabled, now).await.expect("refused");
    eventually("known", || knows(Subject::User(admitted))).await;

    drop(node.feed);
    assert!(!node.set.is_following());
    let ending = Ending { session, owner: None, token: None, reason: EndReason::Admin };
    other.store.end(&ending, now).await.expect("ended");
    other.store.refuse_user(refused, EndReason::AccountDisabled, now).await.expect("refused");
    other.store.admit_user(admitted).await.expect("admitted");
    assert!(knows(Subject::User(admitted)) && !knows(Subject::Session(session)), "it cannot know");

    let _feed = node.store.follow().expect("a thread");
    eventually("following", || node.set.is_following()).await;
    assert!(knows(Subject::Session(session)) && knows(Subject::User(refused)));
    assert!(!knows(Subject::User(admitted)));
}

#[tokio::test]
async fn a_server_that_hangs_is_noticed_and_followed_again() {
    let server = Server::start(&[]);
    let back_end = back_end_on(&server).await;
    let hung = server.hang();
    let since = Instant::now();
    eventually("blind", || !back_end.set.is_following()).await;
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    drop(hung);
    eventually("following", || back_end.set.is_following()).await;
}

#[tokio::test]
async fn an_emptied_redis_is_read_anew() {
    let server = Server::start(&[]);
    let back_end = back_end_on(&server).await;
    let client = back_end.sign_in().await;
    back_end
        .revocations
        .refuse_user(client.user, EndReason::AccountDisabled, back_end.now())
        .await
        .expect("refused");
    server.ask::<()>("FLUSHALL");
    eventually("lifted", || !back_end.knows(Subject::User(client.user))).await;
    eventually("following", || back_end.set.is_following()).await;
}

#[tokio::test]
async fn a_master_that_joins_a_cluster_is_followed_before_it_has_a_slot() {
    let cluster = Cluster::start(0);
    let back_end = BackEnd::in_keyspace(Keyspace::of(cluster.urls(), Mode::Cluster)).await;
    let newcomer = cluster.join();
    eventually("tracked", || newcomer.ask::<String>("CLIENT LIST").contains("flags=tB")).await;
    eventually("following", || back_end.set.is_following()).await;
    let client = back_end.sign_in().await;
    back_end.end(client.session(), EndReason::Logout).await;
}

/// What the others hold is not all there is: a node that began to follow them would let in who signed out.
#[tokio::test]
async fn a_cluster_that_lost_a_master_is_not_followed() {
    let mut cluster = Cluster::start(0);
    let keyspace = Keyspace::of(cluster.urls(), Mode::Cluster).not_ours();
    let back_end = BackEnd::in_keyspace(keyspace).await;
    cluster.nodes[2].kill();
    let is_down = |node: &Server| node.ask::<String>("CLUSTER INFO").contains("cluster_state:fail");
    eventually("the cluster is down", || cluster.nodes[..2].iter().all(is_down)).await;
    // Time enough to connect to the others several times.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!back_end.set.is_following());
    cluster.nodes[2].restart();
    eventually("following", || back_end.set.is_following()).await;
}
