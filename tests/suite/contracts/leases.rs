//! Leases: of those that do the same background work, one at a time does it.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use keyward::{
    domain::{clock::Timestamp, limits::CLOCK_SKEW},
    store::leases::{Holder, Leased},
};
use rstest_reuse::apply;

use crate::support::{
    backends::{AccountsOn, START, TICK, account_back_ends},
    database::{Database, Node},
};

const WORK: &str = "sweep";
const SPAN: Duration = Duration::from_mins(3);

/// A node with a process of its own on it.
struct Process {
    store: Arc<dyn Node>,
    holder: Holder,
}

impl Process {
    async fn on(database: &Database) -> Self {
        Self { store: database.node().await, holder: Holder::random() }
    }

    async fn takes(&self, work: &'static str, now: Timestamp) -> bool {
        let leased = self.store.take_lease(work, &self.holder, SPAN, now).await.expect("an answer");
        leased == Leased::Ours
    }
}

#[apply(account_back_ends)]
#[tokio::test]
async fn of_many_that_take_a_lease_at_once_one_has_it(on: AccountsOn) {
    let database = Database::on(on);
    let nodes = [Process::on(&database).await, Process::on(&database).await];
    // First where nobody has it, then where it is over for all.
    for now in [START, START + SPAN] {
        let holders: Vec<_> = (0..16).map(|_| Holder::random()).collect();
        let takes = holders.iter().enumerate().map(async |(number, holder)| {
            nodes[number % 2].store.take_lease(WORK, holder, SPAN, now).await.expect("an answer")
        });
        let leased = join_all(takes).await;
        assert_eq!(leased.iter().filter(|one| **one == Leased::Ours).count(), 1, "{leased:?}");
    }
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_lease_is_its_holders_for_as_long_as_it_is_renewed_and_no_longer(on: AccountsOn) {
    let database = Database::on(on);
    let (one, other) = (Process::on(&database).await, Process::on(&database).await);
    let mut now = START;
    for _ in 0..5 {
        assert!(one.takes(WORK, now).await, "renewed in time");
        assert!(!other.takes(WORK, now + SPAN / 2 - TICK).await);
        now = now + SPAN / 2;
    }
    let last = now - SPAN / 2;
    assert!(!other.takes(WORK, last + SPAN / 2).await, "half of it is there in any case");
    // The holder has died, or stalls: when its time is over the work goes on elsewhere.
    assert!(other.takes(WORK, last + SPAN).await);
    assert!(!one.takes(WORK, last + SPAN + TICK).await, "it hears of that before its next step");
    assert!(one.takes(WORK, last + SPAN + SPAN).await);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn one_lease_is_not_another(on: AccountsOn) {
    let database = Database::on(on);
    let (one, other) = (Process::on(&database).await, Process::on(&database).await);
    assert!(one.takes(WORK, START).await);
    assert!(other.takes("post", START).await);
    assert!(!one.takes("post", START).await);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_lease_is_given_back_by_its_holder_alone(on: AccountsOn) {
    let database = Database::on(on);
    let (one, other) = (Process::on(&database).await, Process::on(&database).await);
    assert!(one.takes(WORK, START).await);
    other.store.release_lease(WORK, &other.holder).await.expect("an answer");
    assert!(!other.takes(WORK, START).await);
    // Again, as after an answer that was lost.
    for _ in 0..2 {
        one.store.release_lease(WORK, &one.holder).await.expect("an answer");
    }
    assert!(other.takes(WORK, START).await);
    assert!(!one.takes(WORK, START).await);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_process_that_starts_again_waits_for_the_end_of_its_former_self(on: AccountsOn) {
    let database = Database::on(on);
    assert!(Process::on(&database).await.takes(WORK, START).await);
    let again = Process::on(&database).await;
    assert!(!again.takes(WORK, START + SPAN - TICK).await);
    assert!(again.takes(WORK, START + SPAN).await);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_clock_that_is_far_ahead_keeps_nobody_from_the_work_for_long(on: AccountsOn) {
    let database = Database::on(on);
    let (wrong, right) = (Process::on(&database).await, Process::on(&database).await);
    assert!(wrong.takes(WORK, START + CLOCK_SKEW).await);
    assert!(!right.takes(WORK, START).await, "so far apart clocks may be");
    assert!(wrong.takes(WORK, START + Duration::from_hours(24)).await);
    assert!(right.takes(WORK, START).await, "and no further");
    assert!(!wrong.takes(WORK, START + TICK).await, "once its clock is set");
}
