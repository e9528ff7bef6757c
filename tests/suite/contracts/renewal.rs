//! Sessions that live by their cookie: each sight lets them go on, up to their longest life, and none
//! brings one back.

use std::time::Duration;

use crate::support::backends::{BackEnd, LIFETIMES, SessionsOn, facts_of, session_back_ends};
use keyward::{
    domain::{
        ids::{SessionId, UserId},
        limits::Lifetimes,
        session::{EndReason, NewSession, SessionKind},
    },
    store::sessions::Renewal,
};
use rstest_reuse::apply;

const HOUR: Duration = Duration::from_hours(1);

impl BackEnd {
    /// Opens a session without tokens.
    async fn visit(&self) -> (UserId, SessionId) {
        let (user, id) = (UserId::new(self.now()), SessionId::random());
        let new = NewSession { id, kind: SessionKind::Cookie, facts: facts_of(user, self.now()) };
        self.sessions.open(&new, None).await.expect("opened");
        (user, id)
    }

    async fn renew(&self, session: SessionId) -> Renewal {
        self.sessions.renew(session, self.now()).await.expect("an answer")
    }

    async fn goes_on(&self, session: SessionId) -> bool {
        matches!(self.renew(session).await, Renewal::Alive(_))
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn each_sight_lets_it_go_on_and_silence_ends_it(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (user, session) = back_end.visit().await;
    for _ in 0..3 {
        back_end.elapse_almost(LIFETIMES.refresh).await;
        let Renewal::Alive(living) = back_end.renew(session).await else { panic!("over too early") };
        assert_eq!((living.facts.user, living.expires_at), (user, back_end.now() + LIFETIMES.refresh));
        assert_eq!(back_end.ids_of_user(user).await, [session]);
    }
    back_end.elapse(LIFETIMES.refresh).await;
    assert_eq!(back_end.renew(session).await, Renewal::Expired);
    assert!(back_end.ids_of_user(user).await.is_empty());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn its_longest_life_is_not_prolonged(on: SessionsOn) {
    let lifetimes = Lifetimes { refresh: HOUR * 3, session_max_age: Some(HOUR * 5), ..LIFETIMES };
    let back_end = BackEnd::with(on, lifetimes).await;
    let (_, session) = back_end.visit().await;
    let end = back_end.now() + HOUR * 5;
    back_end.elapse(HOUR * 2).await;
    assert!(back_end.goes_on(session).await);
    back_end.elapse(HOUR * 2).await;
    let Renewal::Alive(living) = back_end.renew(session).await else { panic!("over too early") };
    assert_eq!(living.expires_at, end);
    back_end.elapse(HOUR).await;
    assert_eq!(back_end.renew(session).await, Renewal::Expired);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn once_ended_no_sight_brings_it_back(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (user, session) = back_end.visit().await;
    let node = back_end.another_node().await;
    back_end.end(session, EndReason::LogoutAll).await;
    for store in [&back_end.sessions, &node.sessions] {
        let answer = store.renew(session, back_end.now()).await.expect("an answer");
        assert_eq!(answer, Renewal::Ended(EndReason::LogoutAll));
    }
    assert!(back_end.ids_of_user(user).await.is_empty());
    assert_eq!(back_end.renew(SessionId::random()).await, Renewal::Expired);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn an_end_that_races_its_sights_is_final(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let node = back_end.another_node().await;
    for _ in 0..10 {
        let (user, session) = back_end.visit().await;
        let sights = (0..8).map(|index| {
            let store = if index % 2 == 0 { back_end.sessions.clone() } else { node.sessions.clone() };
            let now = back_end.now();
            tokio::spawn(async move { store.renew(session, now).await.expect("an answer") })
        });
        let sights: Vec<_> = sights.collect();
        back_end.end(session, EndReason::Logout).await;
        assert_eq!(back_end.renew(session).await, Renewal::Ended(EndReason::Logout));
        for sight in sights {
            sight.await.expect("no panic");
        }
        assert_eq!(back_end.renew(session).await, Renewal::Ended(EndReason::Logout));
        assert!(back_end.ids_of_user(user).await.is_empty(), "not listed again");
    }
}
