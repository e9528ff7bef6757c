//! Kept sessions on two nodes at once: what has ended is never seen again and never brought back, and
//! no save is lost.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::support::{
    app_sessions::{MINUTE, app, merge, of, sliding, user},
    backends::{BackEnd, SessionsOn, session_back_ends},
};
use keyward::{
    domain::{clock::Timestamp, ids::SessionId},
    store::app_sessions::{AppSessionStore, Listing, Saved},
};
use rstest_reuse::apply;
use serde_json::json;

const ROUNDS: usize = 24;

/// Uses sessions in every way, over and over, until it is told to stop; counts the calls.
async fn use_them(
    store: Arc<dyn AppSessionStore>,
    ids: Vec<SessionId>,
    now: Timestamp,
    through: Arc<AtomicUsize>,
    first: usize,
    stop: Arc<AtomicBool>,
) {
    for (number, id) in ids.into_iter().cycle().enumerate().skip(first) {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        match number % 4 {
            0 | 1 => drop(store.get(&app("shop"), id, now).await.expect("an answer")),
            2 => {
                let change = merge(json!({"n": number}));
                drop(store.set(&app("shop"), id, &change, None, now).await.expect("an answer"));
            }
            _ => drop(store.list(&app("shop"), &of("ada"), None, 9, now).await.expect("a page")),
        }
        through.fetch_add(1, Ordering::SeqCst);
    }
}

#[apply(session_back_ends)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_end_that_races_everything_is_final(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let nodes = [back_end.node().app_sessions, back_end.another_node().await.app_sessions];
    for round in 0..ROUNDS {
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(back_end.keep("ada", sliding(MINUTE), json!({})).await);
        }
        let (through, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let users: Vec<_> = (0..8)
            .map(|task| {
                let (node, through, stop) = (nodes[task % 2].clone(), through.clone(), stop.clone());
                let uses = use_them(node, ids.clone(), back_end.now(), through, task, stop);
                tokio::spawn(uses)
            })
            .collect();
        // In the midst of them.
        while through.load(Ordering::SeqCst) < 8 + round {
            assert!(users.iter().any(|one| !one.is_finished()), "none is under way");
            tokio::task::yield_now().await;
        }
        let (one, other) = (&nodes[round % 2], &nodes[(round + 1) % 2]);
        let ended = match round % 3 {
            0 => one.end_all(&app("shop"), None, back_end.now()).await.expect("ended"),
            1 => one.end_all(&app("shop"), Some(&user("ada")), back_end.now()).await.expect("ended"),
            _ => {
                let ends = ids.iter().map(async |id| one.end(&app("shop"), *id, back_end.now()).await);
                futures_util::future::join_all(ends)
                    .await
                    .into_iter()
                    .map(|end| u64::from(end.expect("ended")))
                    .sum()
            }
        };
        assert_eq!(ended, 3);
        // At once on the other node, while the losers are still under way.
        for id in &ids {
            assert_eq!(other.get(&app("shop"), *id, back_end.now()).await.expect("an answer"), None);
        }
        let listed = other.list(&app("shop"), &of("ada"), None, 9, back_end.now()).await.expect("a page");
        assert!(listed.sessions.is_empty(), "{listed:?}");
        stop.store(true, Ordering::SeqCst);
        for one in users {
            one.await.expect("no caller panics");
        }
        for id in &ids {
            assert_eq!(back_end.get(*id).await, None, "a loser has brought it back");
        }
        assert!(back_end.ids_listed(&Listing::ActiveSince(back_end.now()), 9).await.is_empty());
        assert_eq!(back_end.activity(MINUTE).await, 0, "or counted it");
    }
}

#[apply(session_back_ends)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_created_beside_an_end_of_all_is_either_whole_or_gone(on: SessionsOn) {
    let back_end = Arc::new(BackEnd::on(on).await);
    let other = back_end.another_node().await.app_sessions;
    for _ in 0..12 {
        let creations: Vec<_> = (0..6)
            .map(|_| {
                let back_end = back_end.clone();
                tokio::spawn(async move { back_end.keep("ada", sliding(MINUTE), json!({})).await })
            })
            .collect();
        let ended = other.end_all(&app("shop"), Some(&user("ada")), back_end.now()).await.expect("ended");
        let mut alive = 0;
        for creation in creations {
            alive += u64::from(back_end.get(creation.await.expect("created")).await.is_some());
        }
        assert_eq!(ended + alive, 6, "each of them once");
        assert_eq!(back_end.listed(&of("ada"), 9).await.len() as u64, alive);
        assert_eq!(back_end.activity(MINUTE).await, u64::from(alive > 0));
        assert_eq!(back_end.end_all_kept(Some("ada")).await, alive, "and what lives can be ended");
    }
}

#[apply(session_back_ends)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_saves_that_expect_one_version_one_wins(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let nodes = [back_end.node().app_sessions, back_end.another_node().await.app_sessions];
    let id = back_end.keep("ada", sliding(MINUTE), json!({})).await;
    for version in 1..8_u64 {
        let saves: Vec<_> = (0..8_u64)
            .map(|number| {
                let (store, now) = (nodes[usize::from(number % 2 == 0)].clone(), back_end.now());
                let change = merge(json!({"winner": number, "of": version}));
                tokio::spawn(async move { store.set(&app("shop"), id, &change, Some(version), now).await })
            })
            .collect();
        let mut won = Vec::new();
        for save in saves {
            match save.await.expect("no panic").expect("an answer") {
                Saved::Now(session) => won.push(session.data),
                other => assert_eq!(other, Saved::Conflict { version: version + 1 }),
            }
        }
        assert_eq!(won, [back_end.get(id).await.expect("alive").data]);
    }
}
