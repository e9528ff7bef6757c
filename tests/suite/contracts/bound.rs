//! Sessions that are bound to a key (contract 3.2): without it nothing becomes of them, whatever else is shown.

use std::time::Duration;

use crate::support::backends::{
    BackEnd, FIRST_USE, GRACE, SessionsOn, SignedIn, facts_of, session_back_ends, with_tokens,
};
use keyward::{
    domain::{
        ids::UserId,
        key_proof::KeyThumbprint,
        proved::Proved,
        refresh_token::{Chain, RefreshToken},
        session::{EndReason, SessionFacts},
        sign_in::{Method, Methods},
    },
    store::sessions::{Confirmation, Rotation, StepUp, SteppedUp},
};
use rstest_reuse::apply;

const KEY: KeyThumbprint = KeyThumbprint::from_bytes([0xA5; 32]);
/// Others, one of them alike but for the last byte.
const OTHERS: [KeyThumbprint; 2] = [KeyThumbprint::from_bytes([0; 32]), KeyThumbprint::from_bytes(ALMOST)];
const ALMOST: [u8; 32] = {
    let mut bytes = [0xA5; 32];
    bytes[31] = 0xA4;
    bytes
};

async fn bound(back_end: &BackEnd) -> SignedIn {
    let user = UserId::new(back_end.now());
    let facts = SessionFacts { bound_to: Some(KEY), ..facts_of(user, back_end.now()) };
    let (session, token) = with_tokens(facts, &back_end.secret);
    back_end.sessions.open(&session, None).await.expect("opened");
    SignedIn { user, token }
}

async fn shown(back_end: &BackEnd, token: &RefreshToken, key: Option<KeyThumbprint>) -> Rotation {
    let chain = Chain::of(token.clone(), &back_end.secret).proved_by(key);
    back_end.sessions.rotate(&chain, &FIRST_USE, back_end.now()).await.expect("an answer")
}

/// Shown with the key, it must be good.
async fn refreshed(back_end: &BackEnd, token: &RefreshToken) -> RefreshToken {
    match shown(back_end, token, Some(KEY)).await {
        Rotation::Granted(issue) => {
            assert_eq!(issue.session.facts.bound_to, Some(KEY));
            token.of_generation(issue.generation, &back_end.secret)
        }
        refused => panic!("{token:?} got {refused:?}"),
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_bound_session_stays_bound_on_all_nodes_through_refreshes_and_step_ups(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = bound(&back_end).await;
    let other = back_end.another_node().await;
    let session = other.sessions.find(client.session(), back_end.now()).await.expect("an answer");
    let from = session.expect("alive").facts.proved;
    back_end.elapse(Duration::from_secs(1)).await;
    let to = Proved {
        methods: Methods::of(&[Method::Password, Method::Totp]),
        since: from.since,
        at: back_end.now(),
    };
    let step_up = StepUp { session: client.session(), from, to };
    match other.sessions.step_up(&step_up, back_end.now()).await.expect("an answer") {
        SteppedUp::Done(living) => assert_eq!(living.facts.bound_to, Some(KEY)),
        refused => panic!("{refused:?}"),
    }
    let mut token = client.token.clone();
    for _ in 0..3 {
        token = refreshed(&back_end, &token).await;
        assert_eq!(back_end.confirm(&token).await, Confirmation::Seen);
        let facts = back_end.find(client.session()).await.expect("alive").facts;
        assert_eq!((facts.bound_to, facts.proved), (Some(KEY), to));
    }
    let page = other.sessions.of_user(client.user, None, 10, back_end.now()).await.expect("a page");
    assert_eq!(page.sessions[0].facts.bound_to, Some(KEY));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn without_its_key_nothing_becomes_of_a_bound_session_whatever_the_generation(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = bound(&back_end).await;
    let child = refreshed(&back_end, &client.token).await;
    let current = refreshed(&back_end, &child).await;
    back_end.confirm(&current).await;
    // By now either of the first two is theft, and the one to come was never handed out.
    back_end.elapse(GRACE * 2).await;
    let before = back_end.find(client.session()).await.expect("alive");
    let to_come = current.successor(&back_end.secret);
    for token in [&client.token, &child, &current, &to_come] {
        for key in [None, Some(OTHERS[0]), Some(OTHERS[1])] {
            assert_eq!(shown(&back_end, token, key).await, Rotation::Unproved, "{token:?} {key:?}");
        }
    }
    assert_eq!(back_end.find(client.session()).await, Some(before), "no rotation, no life, no end");
    let next = refreshed(&back_end, &current).await;
    assert_eq!(next, to_come, "its owner goes on");
    back_end.confirm(&next).await;
    back_end.elapse(GRACE * 2).await;
    assert_eq!(
        shown(&back_end, &current, Some(KEY)).await,
        Rotation::Reused,
        "with the key it is theft as ever"
    );
}

#[apply(session_back_ends)]
#[tokio::test]
async fn late_tokens_without_the_key_do_not_make_a_session_contested(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = bound(&back_end).await;
    let mut token = client.token.clone();
    for _ in 0..4 {
        let next = refreshed(&back_end, &token).await;
        back_end.elapse(GRACE * 2).await;
        assert_eq!(shown(&back_end, &token, None).await, Rotation::Unproved);
        match shown(&back_end, &next, Some(KEY)).await {
            Rotation::Granted(issue) => assert_eq!(issue.reissue, None),
            refused => panic!("{refused:?}"),
        }
        token = next;
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_that_is_bound_to_nothing_takes_any_key_and_stays_so(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    for key in [Some(KEY), None, Some(OTHERS[0])] {
        assert!(matches!(shown(&back_end, &client.token, key).await, Rotation::Granted(_)), "{key:?}");
        assert_eq!(back_end.find(client.session()).await.expect("alive").facts.bound_to, None);
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_bound_session_that_is_over_says_so_to_whoever_has_its_token(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (ended, expired) = (bound(&back_end).await, bound(&back_end).await);
    back_end.end(ended.session(), EndReason::Logout).await;
    for key in [None, Some(KEY)] {
        assert_eq!(shown(&back_end, &ended.token, key).await, Rotation::Ended(EndReason::Logout));
    }
    back_end.elapse(back_end.lifetimes.refresh).await;
    assert_eq!(shown(&back_end, &expired.token, Some(KEY)).await, Rotation::Expired);
}
