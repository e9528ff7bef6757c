//! What is good once: of all who spend it, on whichever node, one is the first, and everybody hears its outcome.

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::future::join_all;
use keyward::{
    domain::{
        clock::{ManualClock, Timestamp},
        limits::CLOCK_SKEW,
        random,
    },
    store::{
        once::{OnceKey, OnceStore, Spending, Spent},
        sqlite::SqliteStore,
    },
};
use rstest_reuse::apply;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::backends::{BackEnd, LIFETIMES, START, SessionsOn, TICK, eventually, session_back_ends};

const LIFE: Duration = Duration::from_mins(10);

/// Something that nobody has spent.
fn fresh(made_at: Timestamp, outcome: &str) -> Spending {
    let key = OnceKey::of("link", &[&random::bytes::<16>()]);
    Spending { key, made_at, until: made_at + LIFE, outcome: outcome.to_owned() }
}

/// The same by another.
fn by(outcome: &str, spending: &Spending) -> Spending {
    Spending { outcome: outcome.to_owned(), ..spending.clone() }
}

fn before(outcome: &str) -> Spent {
    Spent::Before(outcome.to_owned())
}

impl BackEnd {
    async fn spend(&self, spending: &Spending) -> Spent {
        self.once.spend(spending, self.now()).await.expect("an answer")
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn what_was_spent_is_spent_and_says_its_outcome(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let link = fresh(START, "session 1");
    assert_eq!(back_end.spend(&link).await, Spent::First);
    for _ in 0..2 {
        assert_eq!(back_end.spend(&by("session 2", &link)).await, before("session 1"));
    }
    assert_eq!(back_end.spend(&fresh(START, "session 3")).await, Spent::First, "another one");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn who_spends_again_after_a_lost_answer_hears_their_own_outcome(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let link = fresh(START, "mine");
    assert!(back_end.spend(&link).await.is_for("mine"));
    let again = back_end.spend(&link).await;
    assert_eq!(again, before("mine"));
    assert!(again.is_for("mine") && !again.is_for("another's"));
    let late = back_end.spend(&by("another's", &link)).await;
    assert!(!late.is_for("another's"), "it stays with the first");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn of_many_who_spend_at_once_on_two_nodes_one_is_the_first(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let nodes = [back_end.once.clone(), back_end.another_node().await.once];
    for _ in 0..8 {
        let link = fresh(START, "");
        let spends = (0..24).map(|number: usize| {
            let (store, spending) = (nodes[number % 2].clone(), by(&number.to_string(), &link));
            async move { (number, store.spend(&spending, START).await.expect("an answer")) }
        });
        let spent = join_all(spends).await;
        let firsts: Vec<_> = spent.iter().filter(|(_, one)| *one == Spent::First).collect();
        assert_eq!(firsts.len(), 1, "{spent:?}");
        let winner = firsts[0].0.to_string();
        assert!(spent.iter().all(|(number, one)| one.is_for(&winner) || *number == firsts[0].0), "{spent:?}");
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn what_was_spent_is_spent_after_a_restart(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let link = fresh(START, "mine");
    assert_eq!(back_end.spend(&link).await, Spent::First);
    let back_end = back_end.reopen().await;
    assert_eq!(back_end.spend(&by("another's", &link)).await, before("mine"));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn it_is_remembered_for_as_long_as_any_node_takes_it_for_good_and_no_longer(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let link = fresh(START, "mine");
    assert_eq!(back_end.spend(&link).await, Spent::First);
    // A clock that is behind has it good for so much longer.
    let last = back_end.elapse_almost(LIFE + CLOCK_SKEW).await;
    assert_eq!(back_end.spend(&by("another's", &link)).await, before("mine"));
    back_end.elapse(last + TICK).await;
    assert_eq!(back_end.spend(&by("another's", &link)).await, Spent::First, "nothing is kept for ever");
}

fn open(folder: &TempDir, clock: &Arc<ManualClock>) -> SqliteStore {
    SqliteStore::open(&folder.path().join("keyward.db"), LIFETIMES, Arc::default(), clock.clone())
        .expect("a database")
}

fn rows(file: &Path) -> u32 {
    let file = Connection::open(file).expect("opened");
    file.query_row("SELECT count(*) FROM once", [], |row| row.get(0)).expect("a count")
}

#[tokio::test]
async fn what_is_over_is_freed() {
    let (folder, clock) = (TempDir::new().expect("a folder"), Arc::new(ManualClock::at(START)));
    let store = open(&folder, &clock);
    // More than the cleaner looks at in one step.
    let spends = (0..600).map(|_| async { store.spend(&fresh(START, "mine"), START).await.expect("spent") });
    join_all(spends).await;
    let lasting = Spending { until: START + LIFE * 9, ..fresh(START, "mine") };
    store.spend(&lasting, START).await.expect("spent");
    let file = folder.path().join("keyward.db");
    assert_eq!(rows(&file), 601);
    clock.advance(LIFE + CLOCK_SKEW);
    eventually("what is over is gone", || rows(&file) == 1).await;
}

#[tokio::test]
async fn nothing_of_before_is_good_where_a_copy_was_put_back() {
    let (folder, clock) = (TempDir::new().expect("a folder"), Arc::new(ManualClock::at(START)));
    let store = open(&folder, &clock);
    let (copied, later) = (fresh(START, "mine"), fresh(START + TICK, "mine"));
    assert_eq!(store.spend(&copied, START).await.expect("an answer"), Spent::First);
    let (file, copy) = (folder.path().join("keyward.db"), folder.path().join("copy.db"));
    SqliteStore::copy(&file, &copy).expect("copied");
    // What was copied knows nothing of this one.
    assert_eq!(store.spend(&later, START + TICK).await.expect("an answer"), Spent::First);
    drop(store);
    assert_eq!(
        open(&folder, &clock).spend(&by("another's", &later), START).await.expect("an answer"),
        before("mine"),
        "the one that was copied is no copy"
    );

    for side in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("keyward.db{side}")));
    }
    std::fs::rename(&copy, &file).expect("put back");
    clock.advance(TICK * 5);
    let store = open(&folder, &clock);
    let now = START + TICK * 5;
    assert_eq!(store.spend(&copied, now).await.expect("an answer"), before(""));
    assert_eq!(
        store.spend(&later, now).await.expect("an answer"),
        before(""),
        "spent since, as far as is known"
    );
    // From here on it is a database like any other, after the next start as well.
    let new = fresh(now + TICK, "mine");
    assert_eq!(store.spend(&new, now + TICK).await.expect("an answer"), Spent::First);
    drop(store);
    clock.advance(LIFE);
    let store = open(&folder, &clock);
    assert_eq!(store.spend(&fresh(now + TICK, "mine"), now + LIFE).await.expect("an answer"), Spent::First);
    assert_eq!(store.spend(&by("another's", &new), now + LIFE).await.expect("an answer"), before("mine"));
}
