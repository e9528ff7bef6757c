//! Step-ups: what more was proved in a session is kept with it, beside whatever else becomes of it.

use std::time::Duration;

use crate::support::backends::{BackEnd, FIRST_USE, SessionsOn, SignedIn, session_back_ends};
use futures_util::future::join_all;
use keyward::{
    domain::{
        ids::SessionId,
        proved::Proved,
        refresh_token::Chain,
        session::{EndReason, Session},
        sign_in::{Method, Methods},
    },
    store::sessions::{Confirmation, Rotation, StepUp, SteppedUp},
};
use rstest_reuse::apply;

const BOTH: Methods = Methods::of(&[Method::Password, Method::Totp]);
const CODE: Methods = Methods::of(&[Method::RecoveryCode]);
const TICK: Duration = Duration::from_secs(1);

async fn found(back_end: &BackEnd, client: &SignedIn) -> Session {
    back_end.find(client.session()).await.expect("alive")
}

/// A step-up to these methods as of now, from what the session says.
async fn to(back_end: &BackEnd, client: &SignedIn, methods: Methods) -> StepUp {
    let from = found(back_end, client).await.facts.proved;
    StepUp { session: client.session(), from, to: Proved { methods, since: from.since, at: back_end.now() } }
}

async fn step_up(back_end: &BackEnd, step_up: &StepUp) -> SteppedUp {
    back_end.sessions.step_up(step_up, back_end.now()).await.expect("an answer")
}

#[track_caller]
fn done(outcome: SteppedUp) -> Proved {
    match outcome {
        SteppedUp::Done(living) => living.facts.proved,
        other => panic!("{other:?}"),
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn what_more_is_proved_is_read_back_on_all_nodes_and_nothing_else_changes(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let before = found(&back_end, &client).await;
    assert_eq!(before.facts.proved, Proved::at_once(Methods::of(&[Method::Password]), back_end.now()));
    back_end.elapse(TICK).await;
    let asked = to(&back_end, &client, BOTH).await;
    assert_eq!(done(step_up(&back_end, &asked).await), asked.to);

    let mut expected = before;
    expected.facts.proved = asked.to;
    assert_eq!(found(&back_end, &client).await, expected, "its age, its activity and its generation stay");
    let other = back_end.another_node().await;
    let read = other.sessions.find(client.session(), back_end.now()).await.expect("an answer");
    assert_eq!(read, Some(expected.clone()));
    let page = other.sessions.of_user(client.user, None, 10, back_end.now()).await.expect("a page");
    assert_eq!(page.sessions, [expected]);
    let chain = Chain::of(client.token.clone(), &back_end.secret);
    match other.sessions.rotate(&chain, &FIRST_USE, back_end.now()).await.expect("an answer") {
        Rotation::Granted(issue) => assert_eq!(issue.session.facts.proved, asked.to),
        refused => panic!("{refused:?}"),
    }
    assert_eq!(found(&back_end, &client).await.facts.proved, asked.to, "and a rotation keeps it");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_step_up_that_was_overtaken_writes_nothing_and_is_told_of_the_other(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    back_end.elapse(TICK).await;
    let (first, second) = (to(&back_end, &client, BOTH).await, to(&back_end, &client, CODE).await);
    done(step_up(&back_end, &first).await);
    for _ in 0..2 {
        assert_eq!(step_up(&back_end, &second).await, SteppedUp::Moved(first.to));
    }
    assert_eq!(found(&back_end, &client).await.facts.proved, first.to);
    assert_eq!(done(step_up(&back_end, &StepUp { from: first.to, ..second }).await), second.to);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_step_up_sent_again_after_a_lost_answer_is_the_same(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    back_end.elapse(TICK).await;
    let asked = to(&back_end, &client, BOTH).await;
    for _ in 0..3 {
        assert_eq!(done(step_up(&back_end, &asked).await), asked.to);
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn what_is_over_is_not_stepped_up_and_does_not_come_back(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (ended, expired) = (back_end.sign_in().await, back_end.sign_in().await);
    let [late, later] = [to(&back_end, &ended, BOTH).await, to(&back_end, &expired, BOTH).await];
    back_end.end(ended.session(), EndReason::Admin).await;
    assert_eq!(step_up(&back_end, &late).await, SteppedUp::Ended(EndReason::Admin));
    assert_eq!(back_end.find(ended.session()).await, None);
    assert_eq!(back_end.refresh(&ended.token).await, Rotation::Ended(EndReason::Admin));

    let unknown = StepUp { session: SessionId::random(), ..late };
    assert_eq!(step_up(&back_end, &unknown).await, SteppedUp::Expired);
    assert_eq!(back_end.find(unknown.session).await, None, "none is made");
    back_end.elapse(back_end.lifetimes.refresh + TICK).await;
    assert_eq!(step_up(&back_end, &later).await, SteppedUp::Expired);
    assert_eq!(back_end.refresh(&expired.token).await, Rotation::Expired);
}

/// Step-ups, rotations and first sights of two nodes, all at once.
#[apply(session_back_ends)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn step_ups_and_rotations_at_once_lose_nothing(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let nodes = [back_end.sessions.clone(), back_end.another_node().await.sessions];
    for _ in 0..8 {
        let client = back_end.sign_in().await;
        let asked = to(&back_end, &client, BOTH).await;
        let chain = Chain::of(client.token.clone(), &back_end.secret);
        let now = back_end.now();
        let callers = (0..12).map(|number: usize| {
            let (node, chain) = (nodes[number % 2].clone(), chain.clone());
            tokio::spawn(async move {
                match number % 3 {
                    0 => {
                        let outcome = node.step_up(&asked, now).await.expect("an answer");
                        assert_eq!(done(outcome), asked.to);
                    }
                    1 => {
                        let outcome = node.rotate(&chain, &FIRST_USE, now).await.expect("an answer");
                        assert!(matches!(outcome, Rotation::Granted(_)), "{outcome:?}");
                    }
                    _ => {
                        let outcome = node.confirm(chain.presented.session(), 1, now).await;
                        assert_eq!(outcome.expect("an answer"), Confirmation::Seen);
                    }
                }
            })
        });
        for caller in join_all(callers).await {
            caller.expect("no caller panics");
        }
        let session = found(&back_end, &client).await;
        assert_eq!((session.generation, session.facts.proved), (1, asked.to));
        assert_eq!(back_end.refreshed(&client.token.successor(&back_end.secret)).await.generation(), 2);
    }
}
