//! What is carried out late, and nodes whose clocks differ: no honest user is signed out by it. The
//! times here are Redis's own, as in production, so they pass for real.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::support::{
    backends::{FIRST_USE, LIFETIMES, facts_of, with_tokens},
    keyspace::Keyspace,
    proxy::Proxy,
    servers::redis,
};
use keyward::{
    domain::{
        clock::{Clock, SystemClock, Timestamp},
        ids::UserId,
        refresh_token::{Chain, RefreshSecret, RefreshToken},
        rotation::{Contested, ReusePolicy},
    },
    store::{
        error::StoreError,
        redis::{Keeping, RedisStore, Times, keys::RefreshKeys},
        sessions::{Confirmation, Rotation, SessionStore},
    },
};
use tokio::time::sleep;

const GRACE: Duration = Duration::from_millis(300);
const POLICY: ReusePolicy = ReusePolicy { grace: GRACE, contested: Contested::End, ..FIRST_USE };
/// Longer than a node waits for an answer.
const GIVEN_UP: Duration = Duration::from_millis(700);

/// A clock that is wrong by so many seconds.
struct Skewed(AtomicI64);

impl Skewed {
    fn set(&self, seconds_ahead: i64) {
        self.0.store(seconds_ahead, Ordering::SeqCst);
    }
}

impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().millis() + self.0.load(Ordering::SeqCst) * 1000)
    }

    fn passed(&self) -> Duration {
        SystemClock.passed()
    }
}

/// A node with a clock of its own.
struct Node {
    store: RedisStore,
    clock: Arc<Skewed>,
}

impl Node {
    async fn on(space: &Keyspace, seconds_ahead: i64) -> Self {
        let clock = Arc::new(Skewed(seconds_ahead.into()));
        let keeping = Keeping {
            lifetimes: LIFETIMES,
            refresh_keys: RefreshKeys::Hashed,
            wait_for_replicas: 0,
            times: Times::OfServer,
        };
        let store = RedisStore::connect(&space.target(), keeping, Arc::default(), clock.clone()).await;
        Self { store: store.expect("connected"), clock }
    }

    async fn sign_in(&self) -> RefreshToken {
        let now = self.clock.now();
        let (session, token) = with_tokens(facts_of(UserId::new(now), now), &secret());
        self.store.open(&session, None).await.expect("opened");
        token
    }

    async fn refresh(&self, token: &RefreshToken) -> Result<Rotation, StoreError> {
        self.store.rotate(&Chain::of(token.clone(), &secret()), &POLICY, self.clock.now()).await
    }

    async fn refreshed(&self, token: &RefreshToken) -> RefreshToken {
        match self.refresh(token).await.expect("an answer") {
            Rotation::Granted(issue) => token.of_generation(issue.generation, &secret()),
            refused => panic!("{refused:?}"),
        }
    }

    async fn confirm(&self, token: &RefreshToken) {
        let seen = self.store.confirm(token.session(), token.generation(), self.clock.now()).await;
        assert_eq!(seen.expect("an answer"), Confirmation::Seen);
    }
}

fn secret() -> RefreshSecret {
    RefreshSecret::new(&[7; 32])
}

/// A node that reaches the same keys by a way that can be held.
async fn behind_a_proxy(space: &Keyspace) -> (Proxy, Keyspace, Node) {
    let proxy = Proxy::to(redis::shared().port()).await;
    let mut way = Keyspace::behind(format!("redis://127.0.0.1:{}", proxy.port), None, redis::shared());
    way.prefix.clone_from(&space.prefix);
    let node = Node::on(&way, 0).await;
    (proxy, way.not_ours(), node)
}

#[tokio::test]
async fn a_refresh_that_was_answered_503_and_is_done_late_ends_no_session() {
    let space = Keyspace::single();
    let node = Node::on(&space, 0).await;
    let (proxy, _way, stalled) = behind_a_proxy(&space).await;
    let token = node.sign_in().await;

    proxy.hold_after(0);
    assert!(stalled.refresh(&token).await.expect_err("no answer").is_away());
    // The client goes on at the other node.
    let child = node.refreshed(&token).await;
    node.confirm(&child).await;
    sleep(GRACE + GIVEN_UP).await;
    proxy.open();
    sleep(Duration::from_millis(200)).await;
    assert_eq!(node.refreshed(&child).await.generation(), 2);
}

#[tokio::test]
async fn an_end_that_was_given_up_is_not_carried_out_late() {
    let space = Keyspace::single();
    let node = Node::on(&space, 0).await;
    let (proxy, _way, stalled) = behind_a_proxy(&space).await;
    let token = node.sign_in().await;
    let child = node.refreshed(&token).await;
    node.confirm(&child).await;
    sleep(GRACE).await;

    // The question passes, and what should follow from its answer is held.
    proxy.hold_after(1);
    assert!(stalled.refresh(&token).await.expect_err("no answer").is_away());
    sleep(GIVEN_UP).await;
    proxy.open();
    sleep(Duration::from_millis(200)).await;
    let grandchild = node.refreshed(&child).await;
    assert_eq!(node.refresh(&token).await.expect("an answer"), Rotation::Reused, "where it is in time");
    assert!(matches!(node.refresh(&grandchild).await, Ok(Rotation::Ended(_))));
}

#[tokio::test]
async fn a_refresh_that_was_slow_on_the_way_is_judged_by_when_it_arrived() {
    let space = Keyspace::single();
    let node = Node::on(&space, 0).await;
    let (proxy, _way, slow) = behind_a_proxy(&space).await;
    let token = node.sign_in().await;
    let child = node.refreshed(&token).await;
    proxy.hold_after(0);
    let refresh = async {
        let answer = slow.refresh(&token).await;
        assert!(matches!(answer, Ok(Rotation::Granted(_))), "{answer:?}");
    };
    let meanwhile = async {
        proxy.held().await;
        node.confirm(&child).await;
        sleep(GRACE + Duration::from_millis(50)).await;
        proxy.open();
    };
    tokio::join!(refresh, meanwhile);
}

#[tokio::test]
async fn a_clock_that_is_set_meanwhile_makes_a_refresh_neither_older_nor_younger() {
    let space = Keyspace::single();
    let node = Node::on(&space, 0).await;
    let (proxy, _way, slow) = behind_a_proxy(&space).await;
    for seconds_ahead in [3600, -3600] {
        let set_meanwhile = async || {
            proxy.held().await;
            slow.clock.set(seconds_ahead);
            sleep(GRACE + Duration::from_millis(50)).await;
            proxy.open();
        };
        let token = node.sign_in().await;
        let child = node.refreshed(&token).await;
        proxy.hold_after(0);
        let (in_time, ()) = tokio::join!(slow.refresh(&token), async {
            node.confirm(&child).await;
            set_meanwhile().await;
        });
        assert!(matches!(in_time, Ok(Rotation::Granted(_))), "{seconds_ahead}: {in_time:?}");

        slow.clock.set(0);
        proxy.hold_after(0);
        let (too_late, ()) = tokio::join!(slow.refresh(&token), set_meanwhile());
        assert!(matches!(too_late, Ok(Rotation::Reused)), "{seconds_ahead}: {too_late:?}");
        slow.clock.set(0);
    }
}

#[tokio::test]
async fn nodes_whose_clocks_differ_take_no_retry_for_theft() {
    let space = Keyspace::single();
    let (ahead, behind) = (Node::on(&space, 5).await, Node::on(&space, -5).await);
    for (one, other) in [(&ahead, &behind), (&behind, &ahead)] {
        let token = one.sign_in().await;
        let child = one.refreshed(&token).await;
        one.confirm(&child).await;
        assert_eq!(other.refreshed(&token).await, child, "at the other node, in time");
        sleep(GRACE).await;
        assert_eq!(other.refresh(&token).await.expect("an answer"), Rotation::Reused, "and too late");
    }
}
