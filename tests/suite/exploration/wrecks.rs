//! Crashes between the commands of one request: what they leave in a real Redis is what the exploration has them
//! leave, and a retry makes of it what the exploration says.

use std::cell::RefCell;

use super::{
    homes::{Call, Home, Keeper, Reply, Verb},
    kept::{Generations, Rest, Store},
    record::{Record, timestamp},
    shelves::{Keys, Laid},
    stores::Meeting,
};
use crate::{backends::redis::crash::Way, support::backends::retried};
use keyward::domain::rotation::{Confirm, Contested, Progress};
use rstest::rstest;

fn keeper(home: Home) -> Keeper {
    Keeper { home, confirm: Confirm::FirstUse, contested: Contested::Alarm, flaw: None }
}

/// Refreshed twice, some time ago; its client has not shown the second token yet. Before a refresh in a Cluster, as
/// crashes may have left it.
fn before(keeper: Keeper, verb: Verb) -> Store {
    let policy = keeper.policy();
    let progress = Progress::first(timestamp(-8));
    let progress = progress.rotated(0, &policy, timestamp(-7)).rotated(1, &policy, timestamp(-6));
    let store = Store { record: Record::of(&progress), ..Store::signed_in() };
    match (keeper.home, verb) {
        (Home::Cluster, Verb::Refresh(1 | 2)) => Store { indexes: [false; 2], ..store },
        (Home::Cluster, _) => Store { keys: Generations::with_parent(2).and(store.keys), ..store },
        _ => Store { keys: Generations::with_parent(2), ..store },
    }
}

/// All that a crash may leave of a request.
fn wrecks(keeper: Keeper, before: Store, verb: Verb) -> Vec<Store> {
    let mut store = before;
    let reply = match keeper.carry_out(&mut store, verb, 0, Call::First) {
        Reply::AskAgain => keeper.carry_out(&mut store, verb, 0, Call::Second { in_time: true }),
        reply => reply,
    };
    let Reply::Done(rest, _) = reply else { unreachable!("it is in time") };
    let mut wrecks = vec![before];
    break_off(store, rest, &mut wrecks);
    wrecks
}

fn break_off(store: Store, rest: Rest, wrecks: &mut Vec<Store>) {
    wrecks.push(store);
    for write in rest.next(true) {
        let (mut store, mut rest) = (store, rest);
        rest.write(&mut store, write);
        break_off(store, rest, wrecks);
    }
}

#[rstest]
#[case::a_rotation(Home::Cluster, Verb::Refresh(2))]
#[case::a_late_reissue(Home::Cluster, Verb::Refresh(1))]
#[case::a_theft(Home::Cluster, Verb::Refresh(0))]
#[case::a_sign_out(Home::Cluster, Verb::SignOut)]
#[case::a_theft_on_one_server(Home::OneServer, Verb::Refresh(0))]
#[case::a_sign_out_on_one_server(Home::OneServer, Verb::SignOut)]
#[tokio::test]
async fn what_a_crash_leaves_was_explored(#[case] home: Home, #[case] verb: Verb) {
    let keeper = keeper(home);
    let way = match home {
        Home::Cluster => Way::to_a_cluster().await,
        _ => Way::to_one_server().await,
    };
    let store = &*way.back_end.sessions;
    let keys = RefCell::new(Keys::of(way.back_end.keyspace()));
    let (before, seen) = (before(keeper, verb), RefCell::new(Vec::new()));
    let possible = wrecks(keeper, before, verb);
    let prepare = async || {
        let laid = [(Laid::sign_in(store, before.is_bound).await, before)];
        keys.borrow_mut().lay(&laid);
        laid.map(|(laid, _)| laid)
    };
    let request = Meeting { store: before, verb, arrived: 0 };
    way.crash_everywhere(
        prepare,
        async |[laid]| request.real(&keeper, store, laid).await.is_ok(),
        async |[laid]| {
            let wreck = keys.borrow_mut().look_at(&laid);
            let same = |explored: &&Store| wreck.is(explored);
            let explored = possible.iter().find(same).unwrap_or_else(|| panic!("never explored: {wreck:?}"));
            seen.borrow_mut().push(wreck);
            let retry = Meeting { store: *explored, ..request };
            let expected = retry.expected(keeper);
            let answer = retried(async || retry.real(&keeper, store, &laid).await).await;
            assert_eq!(answer, (expected.outcome, expected.told));
            let after = keys.borrow_mut().look_at(&laid);
            assert!(after.is(&expected.store), "a retry makes {after:?} of {wreck:?}");
        },
    )
    .await;
    let mut seen = seen.into_inner();
    seen.dedup();
    assert!(seen.len() > 3, "{seen:?}");
}
