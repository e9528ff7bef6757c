//! The rotation of refresh tokens, explored completely: every order in which tabs, a thief, lost answers, stalled nodes,
//! crashes and time can act on one session, up to a number of generations and of requests at once. Whatever request
//! meets whatever record on the way is then made of the real store.
//!
//! `EXPLORE_DEEPER=1` explores one request more at once, and any order of what is written: for minutes rather than
//! seconds, and each world up to a bound.

mod explorer;
mod flaws;
mod homes;
mod kept;
mod promises;
mod record;
mod shelves;
mod steps;
mod stores;
mod world;
mod wrecks;

use self::{
    homes::{Home, Keeper},
    record::WHOLE_GRACE,
    stores::Meeting,
    world::{Client, Order, World},
};
use keyward::domain::rotation::{Confirm, Contested};
use rstest::rstest;

/// With how many states a deeper exploration of a world is cut off.
const MOST: usize = 2_000_000;

/// The owner alone, with two requests at once.
fn alone(home: Home) -> World {
    World {
        keeper: Keeper { home, confirm: Confirm::FirstUse, contested: Contested::Alarm, flaw: None },
        client: Client::Careful,
        generations: 2,
        requests: 2,
        has_thief: false,
        is_bound: false,
        signs_out: false,
        steps_up: false,
        fails_over: false,
        order: Order::AsSent,
        slowest_way: WHOLE_GRACE - 1,
    }
}

/// With a thief.
fn with_thief(home: Home) -> World {
    let generations = if home == Home::Cluster { 1 } else { 2 };
    World { has_thief: true, generations, ..alone(home) }
}

/// With a thief, and the owner may sign out.
fn that_signs_out(home: Home) -> World {
    World { signs_out: true, generations: 1, ..with_thief(home) }
}

/// With a key, and a thief who has all tokens but that.
fn that_is_bound(home: Home) -> World {
    World { is_bound: true, ..with_thief(home) }
}

/// Where more is shown beside refreshes and a sign-out.
fn that_steps_up(home: Home) -> World {
    World { is_bound: true, signs_out: true, steps_up: true, generations: 1, ..alone(home) }
}

fn under_the_timer(home: Home) -> World {
    let world = alone(home);
    let generations = if home == Home::Cluster { 1 } else { 2 };
    World { keeper: Keeper { confirm: Confirm::Timer, ..world.keeper }, generations, ..world }
}

/// Where a session that two seem to share is ended: after three generations.
fn that_ends_contested(home: Home) -> World {
    let world = alone(home);
    let keeper = Keeper { contested: Contested::End, ..world.keeper };
    World { keeper, generations: 4, requests: 1, ..world }
}

/// Where a replica may take over, which lacks the last writes.
fn that_fails_over(home: Home) -> World {
    World { fails_over: true, ..alone(home) }
}

impl World {
    /// What is explored, and up to how many states.
    fn or_deeper(self) -> (Self, usize) {
        if std::env::var_os("EXPLORE_DEEPER").is_none() {
            return (self, usize::MAX);
        }
        (Self { requests: self.requests + 1, order: Order::Any, ..self }, MOST)
    }
}

/// And the store does the same as was explored.
async fn every_promise_is_kept(world: World) {
    let (world, most) = world.or_deeper();
    let exploration = tokio::task::spawn_blocking(move || Meeting::all_in(&world, most));
    let (explored, meetings) = exploration.await.expect("explored");
    explored.assert_kept(most);
    let count = meetings.len();
    stores::compare(&world.keeper, meetings.into_iter().collect()).await;
    eprintln!("{explored}; {count} requests made of the store: {world:?}");
}

#[rstest]
#[case::alone(alone)]
#[case::with_a_thief(with_thief)]
#[case::that_signs_out(that_signs_out)]
#[case::that_is_bound_to_a_key(that_is_bound)]
#[case::that_steps_up(that_steps_up)]
#[case::under_the_timer(under_the_timer)]
#[case::that_ends_contested_sessions(that_ends_contested)]
#[tokio::test]
async fn every_promise_is_kept_to_an_owner(
    #[values(Home::Embedded, Home::OneServer, Home::Cluster)] home: Home,
    #[case] world: fn(Home) -> World,
) {
    every_promise_is_kept(world(home)).await;
}

#[tokio::test]
async fn every_promise_is_kept_where_a_replica_takes_over() {
    every_promise_is_kept(that_fails_over(Home::OneServer)).await;
}
