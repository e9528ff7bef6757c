//! Sessions that live by their use: each sight lets them go on, up to their longest life, and none
//! brings one back.

use std::time::Duration;

use crate::support::backends::{BackEnd, LIFETIMES, SessionsOn, session_back_ends};
use keyward::{
    domain::{
        app::AppName,
        ids::{SessionId, UserId},
        limits::Lifetimes,
        session::{Device, EndReason, NewSession},
    },
    store::sessions::Slide,
};
use rstest_reuse::apply;

const HOUR: Duration = Duration::from_hours(1);

impl BackEnd {
    /// Opens a session without tokens.
    async fn visit(&self) -> (UserId, SessionId) {
        let (user, id) = (UserId::new(self.now()), SessionId::random());
        let new = NewSession {
            id,
            user,
            app: AppName::default_app(),
            device: Device::new(None, None, None),
            created_at: self.now(),
        };
        self.sessions.open(&new, None, None).await.expect("opened");
        (user, id)
    }

    async fn slide(&self, session: SessionId) -> Slide {
        self.sessions.slide(session, self.now()).await.expect("an answer")
    }

    async fn goes_on(&self, session: SessionId) -> bool {
        matches!(self.slide(session).await, Slide::Alive(_))
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn each_sight_lets_it_go_on_and_silence_ends_it(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (user, session) = back_end.visit().await;
    for _ in 0..3 {
        back_end.elapse_almost(LIFETIMES.refresh).await;
        let Slide::Alive(granted) = back_end.slide(session).await else { panic!("over too early") };
        assert_eq!((granted.user, granted.expires_at), (user, back_end.now() + LIFETIMES.refresh));
        assert_eq!(back_end.ids_of_user(user).await, [session]);
    }
    back_end.elapse(LIFETIMES.refresh).await;
    assert_eq!(back_end.slide(session).await, Slide::Expired);
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
    let Slide::Alive(granted) = back_end.slide(session).await else { panic!("over too early") };
    assert_eq!(granted.expires_at, end);
    back_end.elapse(HOUR).await;
    assert_eq!(back_end.slide(session).await, Slide::Expired);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn once_ended_no_sight_brings_it_back(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (user, session) = back_end.visit().await;
    let node = back_end.another_node().await;
    back_end.end(session, EndReason::LogoutAll).await;
    for store in [&back_end.sessions, &node.sessions] {
        let answer = store.slide(session, back_end.now()).await.expect("an answer");
        assert_eq!(answer, Slide::Ended(EndReason::LogoutAll));
    }
    assert!(back_end.ids_of_user(user).await.is_empty());
    assert_eq!(back_end.slide(SessionId::random()).await, Slide::Expired);
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
            tokio::spawn(async move { store.slide(session, now).await.expect("an answer") })
        });
        let sights: Vec<_> = sights.collect();
        back_end.end(session, EndReason::Logout).await;
        assert_eq!(back_end.slide(session).await, Slide::Ended(EndReason::Logout));
        for sight in sights {
            sight.await.expect("no panic");
        }
        assert_eq!(back_end.slide(session).await, Slide::Ended(EndReason::Logout));
        assert!(back_end.ids_of_user(user).await.is_empty(), "not listed again");
    }
}
