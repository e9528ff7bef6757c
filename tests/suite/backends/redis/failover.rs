//! Failovers, followed without a restart: by sentinels, and in a Cluster.

use std::time::{Duration, Instant};

use crate::support::{
    backends::{BackEnd, FIRST_USE, eventually},
    keyspace::Keyspace,
    servers::redis_sets::{Cluster, MASTER, Watched},
};
use keyward::{
    domain::{app::AppName, ids::UserId, refresh_token::RefreshToken, session::EndReason},
    store::{
        error::StoreError,
        redis::connection::target::Mode,
        sessions::{Ended, Rotation},
    },
};

/// Long enough for a failover on any machine.
const BOUND: Duration = Duration::from_secs(30);

impl BackEnd {
    /// Presents a token until Redis answers; until then it is away, and says so in time.
    async fn refresh_until_answered(&self, token: &RefreshToken) -> Rotation {
        let since = Instant::now();
        loop {
            let asked = Instant::now();
            let chain = keyward::domain::refresh_token::Chain::of(token.clone(), &self.secret);
            let answer = self.sessions.rotate(&chain, &FIRST_USE, self.now()).await;
            assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
            match answer {
                Ok(rotation) => return rotation,
                Err(error) => assert!(error.is_away(), "{error:?}"),
            }
            assert!(since.elapsed() < BOUND, "not in {BOUND:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything works: sign-in, rotation, and the feed of another node.
    async fn works(&self, other: &crate::support::backends::Node) {
        eventually("both follow", || self.set.is_following() && other.set.is_following()).await;
        let client = self.sign_in_as(UserId::new(self.now()), &AppName::default_app()).await;
        self.refreshed(&client.token).await;
        let claims = self.claims(&client);
        assert_eq!(self.end(client.session(), EndReason::Logout).await, Ended::Now);
        eventually("the other node knows", || other.set.find(&claims, self.now()).is_some()).await;
    }
}

fn sentinels(watched: &Watched) -> Keyspace {
    Keyspace::of(watched.urls(), Mode::Sentinel { master: MASTER.to_owned() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_dies_is_replaced_without_a_restart() {
    let mut watched = Watched::start();
    let back_end = BackEnd::in_keyspace(sentinels(&watched)).await;
    let other = back_end.another_node().await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    back_end.works(&other).await;
    let old = watched.master();
    // Every replica has what was written so far.
    let acknowledged: i64 = watched.servers[old].ask("WAIT 2 5000");
    assert_eq!(acknowledged, 2);

    watched.servers[old].kill();
    eventually("blind", || !back_end.set.is_following() && !other.set.is_following()).await;
    let answer = back_end.refresh_until_answered(&child).await;
    assert!(matches!(answer, Rotation::Granted(_)), "{answer:?}");
    assert_ne!(watched.master(), old);
    back_end.works(&other).await;

    // The old master comes back as one of its own time, and is not listened to.
    watched.servers[old].restart();
    back_end.works(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_is_demoted_is_written_to_no_longer() {
    let watched = Watched::start();
    let back_end = BackEnd::in_keyspace(sentinels(&watched)).await;
    let other = back_end.another_node().await;
    let client = back_end.sign_in().await;
    let old = watched.master();
    watched.sentinels[0].ask::<()>(&format!("SENTINEL FAILOVER {MASTER}"));
    eventually("another master", || watched.master() != old).await;

    let mut token = client.token;
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(2) {
        if let Rotation::Granted(_) = back_end.refresh_until_answered(&token).await {
            token = token.successor(&back_end.secret);
        }
    }
    back_end.works(&other).await;
    // What was answered last is where the sentinels say that the truth is.
    let key = format!("{}session:{}", back_end.keyspace().prefix, token.session());
    let master = &watched.servers[watched.master()];
    assert_eq!(master.ask::<u32>(&format!("HGET {key} n")), token.generation());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_master_that_dies_is_replaced_without_a_restart() {
    let mut cluster = Cluster::start(3);
    let space = Keyspace::of(cluster.urls(), Mode::Cluster);
    let back_end = BackEnd::in_keyspace(space).await;
    let other = back_end.another_node().await;
    let mut clients = Vec::new();
    for _ in 0..12 {
        clients.push(back_end.sign_in().await);
    }
    for master in cluster.masters() {
        assert_eq!(master.ask::<i64>("WAIT 1 5000"), 1);
    }

    cluster.nodes[0].kill();
    eventually("blind", || !back_end.set.is_following() && !other.set.is_following()).await;
    for client in &clients {
        let answer = back_end.refresh_until_answered(&client.token).await;
        assert!(matches!(answer, Rotation::Granted(_)), "{answer:?}");
    }
    for _ in 0..6 {
        back_end.works(&other).await;
    }
    cluster.nodes[0].restart();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_has_lost_a_master_for_good_is_away_until_it_is_back() {
    let mut cluster = Cluster::start(0);
    let back_end = BackEnd::in_keyspace(Keyspace::of(cluster.urls(), Mode::Cluster)).await;
    cluster.nodes[1].kill();
    eventually("blind", || !back_end.set.is_following()).await;
    let since = Instant::now();
    loop {
        match back_end.sessions.ping().await {
            Err(error) => break assert!(matches!(error, StoreError::Away { .. }), "{error:?}"),
            Ok(()) => assert!(since.elapsed() < BOUND, "still there"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cluster.nodes[1].restart();
    let since = Instant::now();
    while back_end.sessions.ping().await.is_err() {
        assert!(since.elapsed() < BOUND, "not back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eventually("following", || back_end.set.is_following()).await;
}
