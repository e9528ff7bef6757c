//! Sessions that live by their cookie: each sight lets them go on, up to their longest life, and none
//! brings one back.

use std::time::Duration;

use crate::support::backends::{BackEnd, LIFETIMES, SessionsOn, facts_of, session_back_ends};
use keyward::{
    domain::{
        ids::{SessionId, UserId},
        limits::Lifetimes,
        session::{EndReason, NewSession, SessionKind},
        session_token::SessionToken,
    },
    store::sessions::Renewal,
};
use rstest_reuse::apply;

const HOUR: Duration = Duration::from_hours(1);

impl BackEnd {
    fn cookie_of(&self, session: SessionId) -> SessionToken {
        SessionToken::new(session, &self.secret)
    }

    /// Opens a session without refresh tokens.
    async fn visit(&self) -> (UserId, SessionToken) {
        let (user, cookie) = (UserId::new(self.now()), self.cookie_of(SessionId::random()));
        let kind = SessionKind::Cookie(cookie.clone());
        let new = NewSession { id: cookie.session(), kind, facts: facts_of(user, self.now()) };
        self.sessions.open(&new, None).await.expect("opened");
        (user, cookie)
    }

    async fn renew(&self, cookie: &SessionToken) -> Renewal {
        self.sessions.renew(cookie, self.now()).await.expect("an answer")
    }

    async fn goes_on(&self, cookie: &SessionToken) -> bool {
        matches!(self.renew(cookie).await, Renewal::Alive(_))
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn each_sight_lets_it_go_on_and_silence_ends_it(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (user, cookie) = back_end.visit().await;
    for _ in 0..3 {
        back_end.elapse_almost(LIFETIMES.refresh).await;
        let Renewal::Alive(living) = back_end.renew(&cookie).await else { panic!("over too early") };
        assert_eq!((living.facts.user, living.expires_at), (user, back_end.now() + LIFETIMES.refresh));
        assert_eq!(back_end.ids_of_user(user).await, [cookie.session()]);
    }
    back_end.elapse(LIFETIMES.refresh).await;
    assert_eq!(back_end.renew(&cookie).await, Renewal::Expired);
    assert!(back_end.ids_of_user(user).await.is_empty());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn its_longest_life_is_not_prolonged(on: SessionsOn) {
    let lifetimes = Lifetimes { refresh: HOUR * 3, session_max_age: Some(HOUR * 5), ..LIFETIMES };
    let back_end = BackEnd::with(on, lifetimes).await;
    let (_, cookie) = back_end.visit().await;
    let end = back_end.now() + HOUR * 5;
    back_end.elapse(HOUR * 2).await;
    assert!(back_end.goes_on(&cookie).await);
    back_end.elapse(HOUR * 2).await;
    let Renewal::Alive(living) = back_end.renew(&cookie).await else { panic!("over too early") };
    assert_eq!(living.expires_at, end);
    back_end.elapse(HOUR).await;
    assert_eq!(back_end.renew(&cookie).await, Renewal::Expired);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn once_ended_no_sight_brings_it_back(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (user, cookie) = back_end.visit().await;
    let node = back_end.another_node().await;
    back_end.end(cookie.session(), EndReason::LogoutAll).await;
    for store in [&back_end.sessions, &node.sessions] {
        let answer = store.renew(&cookie, back_end.now()).await.expect("an answer");
        assert_eq!(answer, Renewal::Ended(EndReason::LogoutAll));
    }
    assert!(back_end.ids_of_user(user).await.is_empty());
    assert_eq!(back_end.renew(&back_end.cookie_of(SessionId::random())).await, Renewal::Expired);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn an_end_that_races_its_sights_is_final(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let node = back_end.another_node().await;
    for _ in 0..10 {
        let (user, cookie) = back_end.visit().await;
        let sights = (0..8).map(|index| {
            let store = if index % 2 == 0 { back_end.sessions.clone() } else { node.sessions.clone() };
            let (cookie, now) = (cookie.clone(), back_end.now());
            tokio::spawn(async move { store.renew(&cookie, now).await.expect("an answer") })
        });
        let sights: Vec<_> = sights.collect();
        back_end.end(cookie.session(), EndReason::Logout).await;
        assert_eq!(back_end.renew(&cookie).await, Renewal::Ended(EndReason::Logout));
        for sight in sights {
            sight.await.expect("no panic");
        }
        assert_eq!(back_end.renew(&cookie).await, Renewal::Ended(EndReason::Logout));
        assert!(back_end.ids_of_user(user).await.is_empty(), "not listed again");
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_cookie_that_was_made_with_the_secret_alone_is_refused_and_changes_nothing(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (user, cookie) = back_end.visit().await;
    let before = back_end.find(cookie.session()).await;
    back_end.elapse(HOUR).await;
    let forged = back_end.cookie_of(cookie.session());
    assert_eq!(back_end.renew(&forged).await, Renewal::Forged);
    assert_eq!(back_end.find(cookie.session()).await, before);
    assert!(back_end.goes_on(&cookie).await);
    assert_eq!(back_end.ids_of_user(user).await, [cookie.session()]);
}
