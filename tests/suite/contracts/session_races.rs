//! Sign-ins on two nodes at once: what has ended is never seen again and never brought back.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::support::backends::{BackEnd, FIRST_USE, SessionsOn, session_back_ends};
use keyward::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::UserId,
        proved::Proved,
        refresh_token::{Chain, RefreshToken},
        session::EndReason,
        sign_in::{Method, Methods},
    },
    store::sessions::{Confirmation, Ended, Ending, Rotation, SessionStore, StepUp, SteppedUp},
};
use rstest_reuse::apply;

const ROUNDS: usize = 12;
const USERS: usize = 8;

/// A client that knows no rest, at one of the nodes.
struct Busy {
    node: Arc<dyn SessionStore>,
    user: UserId,
    token: RefreshToken,
    chain: Chain,
    now: Timestamp,
}

/// From what a sign-in of that moment says to the same once more.
fn step_up_of(token: &RefreshToken, at: Timestamp) -> StepUp {
    let proved = Proved::at_once(Methods::of(&[Method::Password]), at);
    StepUp { session: token.session(), from: proved, to: proved }
}

impl Busy {
    /// Uses the session in every way, over and over, until it is told to stop; counts the calls.
    async fn use_it(self, through: Arc<AtomicUsize>, first: usize, stop: Arc<AtomicBool>) {
        let Self { node, user, token, chain, now } = self;
        for number in first.. {
            if stop.load(Ordering::SeqCst) {
                return;
            }
            match number % 5 {
                0 => drop(node.rotate(&chain, &FIRST_USE, now).await.expect("an answer")),
                // Of the child that each refresh brings.
                1 => drop(node.confirm(token.session(), 1, now).await.expect("an answer")),
                2 => node.touch(token.session(), now).await.expect("an answer"),
                3 => drop(node.step_up(&step_up_of(&token, now), now).await.expect("an answer")),
                _ => drop(node.of_user(user, None, 1000, now).await.expect("an answer")),
            }
            through.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Nothing of the session is found, listed, refreshed or confirmed.
    async fn finds_it_over(&self) {
        let Self { node, user, token, chain, now } = self;
        let answer = node.rotate(chain, &FIRST_USE, *now).await.expect("an answer");
        assert_eq!(answer, Rotation::Ended(EndReason::Logout));
        let answer = node.confirm(token.session(), 1, *now).await.expect("an answer");
        assert_eq!(answer, Confirmation::Ended(EndReason::Logout));
        let answer = node.step_up(&step_up_of(token, *now), *now).await.expect("an answer");
        assert_eq!(answer, SteppedUp::Ended(EndReason::Logout));
        assert_eq!(node.find(token.session(), *now).await.expect("an answer"), None);
        assert_eq!(node.of_user(*user, None, 1000, *now).await.expect("a list").sessions, []);
        let page = node.of_app(&AppName::default_app(), None, 100, *now).await.expect("a page");
        assert!(page.sessions.iter().all(|one| one.id != token.session()), "{page:?}");
    }
}

#[apply(session_back_ends)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_end_that_races_refreshes_checks_and_lists_is_final(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let nodes = [back_end.sessions.clone(), back_end.another_node().await.sessions];
    for round in 0..ROUNDS {
        let client = back_end.sign_in().await;
        let busy = |task: usize| Busy {
            node: nodes[task % 2].clone(),
            user: client.user,
            token: client.token.clone(),
            chain: Chain::of(client.token.clone(), &back_end.secret),
            now: back_end.now(),
        };
        let (through, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let users: Vec<_> = (0..USERS)
            .map(|task| tokio::spawn(busy(task).use_it(through.clone(), task / 2, stop.clone())))
            .collect();
        // In the midst of them.
        while through.load(Ordering::SeqCst) < USERS + round {
            assert!(users.iter().any(|one| !one.is_finished()), "none is under way");
            tokio::task::yield_now().await;
        }
        let (session, reason, now) = (client.session(), EndReason::Logout, back_end.now());
        if round % 3 == 0 {
            let ended = nodes[round % 2].end_of_user(client.user, None, reason, now).await;
            assert_eq!(ended.expect("ended"), [session]);
        } else {
            let ending = Ending { session, owner: None, token: None, reason };
            assert_eq!(nodes[round % 2].end(&ending, now).await.expect("ended"), Ended::Now);
        }
        // At once on the other node, while the losers are still under way.
        busy(round + 1).finds_it_over().await;
        stop.store(true, Ordering::SeqCst);
        for one in users {
            one.await.expect("no caller panics");
        }
        busy(0).finds_it_over().await;
        busy(1).finds_it_over().await;
    }
}
