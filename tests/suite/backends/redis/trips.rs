//! How often a verb waits for Redis: once where all keys are on one server, and in a Cluster, where no step
//! touches two keys, once more at most.

use std::time::Duration;

use super::crash::Way;
use crate::support::backends::{SignedIn, facts_of};
use keyward::{
    domain::{
        ids::{SessionId, UserId},
        refresh_token::RefreshToken,
        session::{NewSession, SessionKind},
        session_token::SessionToken,
    },
    store::sessions::{Confirmation, NOTED_EVERY, Renewal},
};
use rstest::rstest;

/// What a verb took.
#[derive(Debug, PartialEq, Eq)]
struct Took {
    trips: u32,
    commands: u32,
}

async fn took<T>(way: &Way, verb: impl Future<Output = T>) -> (Took, T) {
    let (commands, trips, done) = way.proxy.count(verb).await;
    (Took { trips, commands }, done)
}

async fn signed_in(way: &Way) -> SignedIn {
    let client = way.back_end.sign_in().await;
    // The first call of a script may have to bring its text.
    way.back_end.confirm(&way.back_end.refreshed(&client.token).await).await;
    way.back_end.sign_in().await
}

#[rstest]
#[case::one_server(Way::to_one_server(), Took { trips: 1, commands: 1 })]
// The record; then two refresh keys, one that goes, and two indexes.
#[case::cluster(Way::to_a_cluster(), Took { trips: 2, commands: 6 })]
#[tokio::test]
async fn of_a_refresh(
    #[future(awt)]
    #[case]
    way: Way,
    #[case] expected: Took,
) {
    let client = signed_in(&way).await;
    let child = way.back_end.refreshed(&client.token).await;
    let (refresh, _) = took(&way, way.back_end.refreshed(&child)).await;
    assert_eq!(refresh, expected);
}

#[rstest]
#[case::one_server(Way::to_one_server(), Took { trips: 1, commands: 1 })]
#[case::cluster(Way::to_a_cluster(), Took { trips: 2, commands: 3 })]
#[tokio::test]
async fn of_a_first_sight(
    #[future(awt)]
    #[case]
    way: Way,
    #[case] later: Took,
) {
    let client = signed_in(&way).await;
    let seen = async |token: &RefreshToken| {
        let (took, seen) = took(&way, way.back_end.confirm(token)).await;
        assert_eq!(seen, Confirmation::Seen);
        took
    };
    let child = way.back_end.refreshed(&client.token).await;
    assert_eq!(seen(&child).await, Took { trips: 1, commands: 1 }, "just after the refresh");
    way.back_end.elapse(NOTED_EVERY).await;
    assert_eq!(seen(&child).await, later, "when activity is noted as well");
}

#[rstest]
#[case::one_server(Way::to_one_server(), Took { trips: 1, commands: 1 })]
#[case::cluster(Way::to_a_cluster(), Took { trips: 2, commands: 3 })]
#[tokio::test]
async fn of_the_sight_of_a_session_cookie(
    #[future(awt)]
    #[case]
    way: Way,
    #[case] expected: Took,
) {
    signed_in(&way).await;
    let now = way.back_end.now();
    let cookie = SessionToken::new(SessionId::random(), &way.back_end.secret);
    let (id, kind) = (cookie.session(), SessionKind::Cookie(cookie.clone()));
    let new = NewSession { id, kind, facts: facts_of(UserId::new(now), now) };
    way.back_end.sessions.open(&new, None).await.expect("opened");
    let renew = async || way.back_end.sessions.renew(&cookie, way.back_end.now()).await.expect("an answer");
    assert!(matches!(renew().await, Renewal::Alive(_)));
    way.back_end.elapse(Duration::from_secs(1)).await;
    let (renewal, _) = took(&way, renew()).await;
    assert_eq!(renewal, expected);
}
