//! A Cluster under load whose masters stall, crash, hang or move their slots: the store works with it
//! again as soon as it is whole, and what is away is said to be so at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::support::{
    backends::{BackEnd, eventually},
    keyspace::Keyspace,
    servers::{redis::Server, redis_sets::Cluster},
};
use futures_util::future::join_all;
use keyward::{
    domain::{ids::SessionId, session::EndReason},
    store::{redis::connection::target::Mode, sessions::Rotation},
};
use tokio::task::JoinSet;

/// As many as one node has at a busy moment.
const CLIENTS: usize = 60;
/// How long the Cluster may take to be itself again, and the store after it.
const BOUND: Duration = Duration::from_secs(10);
/// What a caller waits for at most, whatever happened: the store's own limits, and the machine's.
const LIMIT: Duration = Duration::from_secs(4);

async fn back_end_in(cluster: &Cluster) -> Arc<BackEnd> {
    Arc::new(BackEnd::in_keyspace(Keyspace::of(cluster.urls(), Mode::Cluster)).await)
}

/// Clients that sign in, refresh, count and sign out without a pause, until they are told to stop.
struct Load {
    stops: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Load {
    fn start(back_end: &Arc<BackEnd>) -> Self {
        let stops = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (back_end, stops) = (Arc::clone(back_end), Arc::clone(&stops));
            clients.spawn(async move {
                while !stops.load(Ordering::Relaxed) {
                    let since = Instant::now();
                    if let Ok(token) = back_end.try_sign_in().await {
                        let _ = back_end.try_refresh(&token).await;
                        let _ = back_end.try_count(token.session()).await;
                        let _ = back_end.try_end(token.session()).await;
                    }
                    assert!(since.elapsed() < LIMIT * 4, "{:?}", since.elapsed());
                }
            });
        }
        Self { stops, clients }
    }

    async fn stop(mut self) {
        self.stops.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.expect("no panic");
        }
    }
}

/// Every verb, on every master, and the push from node to node.
async fn is_whole(back_end: &BackEnd) {
    let since = Instant::now();
    let mut in_a_row = 0;
    while in_a_row < 30 {
        assert!(since.elapsed() < BOUND, "not whole again");
        let works = async {
            let token = back_end.try_sign_in().await?;
            back_end.try_refresh(&token).await?;
            back_end.try_count(token.session()).await?;
            back_end.sessions.ping().await
        };
        in_a_row = if works.await.is_ok() { in_a_row + 1 } else { 0 };
    }
    let other = back_end.another_node().await;
    eventually("both follow", || back_end.set.is_following() && other.set.is_following()).await;
    let client = back_end.sign_in().await;
    let claims = back_end.claims(&client);
    back_end.end(client.session(), EndReason::Logout).await;
    eventually("the other node knows", || other.set.find(&claims, back_end.now()).is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_stalls_under_load_and_drops_its_connections_is_worked_with_again() {
    let cluster = Cluster::start(0);
    let back_end = back_end_in(&cluster).await;
    for round in 0..4 {
        let load = Load::start(&back_end);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let master = &cluster.masters()[round % 3];
        let hung = master.hang();
        tokio::time::sleep(Duration::from_millis(1300)).await;
        drop(hung);
        master.ask::<()>("CLIENT KILL TYPE normal");
        tokio::time::sleep(Duration::from_millis(300)).await;
        load.stop().await;
        is_whole(&back_end).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_crashes_under_load_and_starts_again_is_worked_with_again() {
    let mut cluster = Cluster::start(0);
    let back_end = back_end_in(&cluster).await;
    for round in 0..3 {
        let load = Load::start(&back_end);
        tokio::time::sleep(Duration::from_millis(300)).await;
        cluster.nodes[round].kill();
        tokio::time::sleep(Duration::from_millis(1300)).await;
        cluster.nodes[round].restart();
        tokio::time::sleep(Duration::from_millis(300)).await;
        load.stop().await;
        is_whole(&back_end).await;
    }
}

/// Sessions whose counters that master has, or has not.
fn counted_at(back_end: &BackEnd, master: &Server, is_there: bool) -> Vec<SessionId> {
    let view: String = master.ask("CLUSTER NODES");
    let own = view.lines().find(|line| line.contains("myself")).expect("a line");
    let (first, last) = own.rsplit(' ').next().and_then(|slots| slots.split_once('-')).expect("a range");
    let own = first.parse::<u16>().expect("a slot")..=last.parse().expect("a slot");
    let slot = |session: &SessionId| -> u16 {
        master.ask(&format!("CLUSTER KEYSLOT {}rate:session:{session}", back_end.keyspace().prefix))
    };
    let sessions = std::iter::repeat_with(SessionId::random);
    sessions.filter(|session| own.contains(&slot(session)) == is_there).take(CLIENTS).collect()
}

/// Counts them all at once; how many were counted, and how long the slowest took to be answered.
async fn count_all(back_end: &BackEnd, sessions: &[SessionId]) -> (usize, Duration) {
    let since = Instant::now();
    let counted = join_all(sessions.iter().map(async |session| {
        let counted = back_end.try_count(*session).await;
        assert!(counted.as_ref().err().is_none_or(keyward::store::error::StoreError::is_away), "{counted:?}");
        (counted.is_ok(), since.elapsed())
    }));
    let counted = counted.await;
    (
        counted.iter().filter(|(is_ok, _)| *is_ok).count(),
        counted.iter().map(|(_, took)| *took).max().expect("some"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_hangs_holds_up_nobody_but_its_own_keys() {
    let cluster = Cluster::start(0);
    let back_end = back_end_in(&cluster).await;
    let master = &cluster.masters()[1];
    let (stuck, free) = (counted_at(&back_end, master, true), counted_at(&back_end, master, false));
    count_all(&back_end, &stuck).await;
    count_all(&back_end, &free).await;
    let hung = master.hang();
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(900) {
        let (stuck, free) = tokio::join!(count_all(&back_end, &stuck), async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            count_all(&back_end, &free).await
        });
        assert_eq!((stuck.0, free.0), (0, CLIENTS));
        assert!(stuck.1 < LIMIT && free.1 < Duration::from_millis(400), "{stuck:?} {free:?}");
    }
    drop(hung);
    is_whole(&back_end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_away_is_said_to_be_so_at_once() {
    let mut cluster = Cluster::start(0);
    let back_end = back_end_in(&cluster).await;
    let load = Load::start(&back_end);
    for node in &mut cluster.nodes {
        node.kill();
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    load.stop().await;
    let sessions: Vec<_> = std::iter::repeat_with(SessionId::random).take(CLIENTS).collect();
    for _ in 0..5 {
        let (counted, slowest) = count_all(&back_end, &sessions).await;
        assert!(counted == 0 && slowest < Duration::from_millis(300), "{counted} {slowest:?}");
    }
    for node in &mut cluster.nodes {
        node.restart();
    }
    is_whole(&back_end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_hangs_gives_way_to_its_replica() {
    let cluster = Cluster::start(3);
    let back_end = back_end_in(&cluster).await;
    let hung = cluster.nodes[2].hang();
    is_whole(&back_end).await;
    // It comes back as what it no longer is, and is not listened to.
    drop(hung);
    is_whole(&back_end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_move_under_load_are_followed_and_nothing_is_lost() {
    let cluster = Cluster::start(0);
    let newcomer = cluster.join();
    let back_end = back_end_in(&cluster).await;
    let (from, id): (_, String) = (&cluster.masters()[0], newcomer.ask("CLUSTER MYID"));
    let own: String = from.ask("CLUSTER MYID");
    let (token, slot) = loop {
        let token = back_end.sign_in().await.token;
        let key = format!("{}session:{}", back_end.keyspace().prefix, token.session());
        let slot: u16 = from.ask(&format!("CLUSTER KEYSLOT {key}"));
        if slot <= 5460 {
            break (token, slot);
        }
    };
    let load = Load::start(&back_end);
    eventually("the newcomer is known", || {
        let knows = |master: &Server| master.ask::<String>("CLUSTER NODES").contains(&id);
        cluster.masters().iter().all(knows)
            && newcomer.ask::<String>("CLUSTER INFO").contains("cluster_state:ok")
    })
    .await;

    newcomer.ask::<()>(&format!("CLUSTER SETSLOT {slot} IMPORTING {own}"));
    from.ask::<()>(&format!("CLUSTER SETSLOT {slot} MIGRATING {id}"));
    let refreshed = back_end.try_refresh(&token).await.expect("answered where it still is");
    assert!(matches!(refreshed, Rotation::Granted(_)), "{refreshed:?}");
    let keys: Vec<String> = from.ask(&format!("CLUSTER GETKEYSINSLOT {slot} 100"));
    for key in &keys {
        from.ask::<()>(&format!("MIGRATE 127.0.0.1 {} {key} 0 5000", newcomer.port()));
    }
    // By ASK,
    let again = back_end.try_refresh(&token).await.expect("answered where it is on its way to");
    assert!(matches!(again, Rotation::Granted(_)), "{again:?}");
    for node in [&newcomer, from] {
        node.ask::<()>(&format!("CLUSTER SETSLOT {slot} NODE {id}"));
    }
    // and by MOVED.
    let again = back_end.try_refresh(&token).await.expect("answered where it is");
    assert!(matches!(again, Rotation::Granted(_)), "{again:?}");
    load.stop().await;
    drop(back_end);
}
