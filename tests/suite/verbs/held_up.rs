//! A check that is held up in the middle, while the set learns what it has looked for already.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use keyward::{
    domain::session::EndReason,
    store::{
        revocations::{Revocation, Subject},
        revoked::set::RevocationSet,
    },
};

use crate::support::backends::{BackEnd, SessionsOn, eventually};

const ROUNDS: usize = 5_000;

/// One that follows, and whose feed has been silent since long ago.
fn silent_set(long_ago: Instant) -> RevocationSet {
    let set = RevocationSet::default();
    set.set_following(Duration::ZERO);
    set.beat_of_feed(long_ago);
    set
}

/// Waits until both threads have come that far.
fn meet(round: usize, mine: &AtomicUsize, others: &AtomicUsize) {
    mine.store(round, Ordering::SeqCst);
    while others.load(Ordering::SeqCst) < round {
        thread::yield_now();
    }
}

#[tokio::test]
async fn what_a_silent_set_learns_together_with_its_heartbeat_is_found_or_doubted() {
    let back_end = BackEnd::on(SessionsOn::Sqlite).await;
    let client = back_end.sign_in().await;
    let (claims, now) = (back_end.claims(&client), back_end.now());
    let (subject, until) = (Subject::Session(client.session()), claims.expires_at);
    let revocation = Revocation { subject, reason: EndReason::Logout, until };
    let long_ago = Instant::now();
    let sets: Arc<Vec<_>> = Arc::new((0..ROUNDS).map(|_| silent_set(long_ago)).collect());
    let youngest = sets.last().expect("some");
    eventually("the feed is silent", || youngest.find_surely(&claims, now).is_none()).await;

    let places: Arc<[AtomicUsize; 2]> = Arc::default();
    let (learning, met) = (Arc::clone(&sets), Arc::clone(&places));
    let learner = thread::spawn(move || {
        for (round, set) in learning.iter().enumerate() {
            meet(round + 1, &met[0], &met[1]);
            set.insert(&revocation);
            set.beat_of_feed(Instant::now());
        }
    });
    let let_in = sets.iter().enumerate().filter(|(round, set)| {
        meet(round + 1, &places[1], &places[0]);
        set.find_surely(&claims, now) == Some(None)
    });
    assert_eq!(let_in.count(), 0, "of {ROUNDS} who had signed out");
    learner.join().expect("no panic");
}
