//! Sessions: opened, found, listed, and over when their time is over.

use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

use crate::support::backends::{
    BackEnd, LIFETIMES, SessionsOn, SignedIn, TICK, facts_of, session_back_ends, with_tokens,
};
use keyward::{
    domain::{
        app::AppName,
        ids::{SessionId, UserId},
        key_proof::KeyThumbprint,
        limits::Lifetimes,
        proved::Proved,
        refresh_token::RefreshToken,
        session::{Device, EndReason, NewSession, Session, SessionFacts},
        sign_in::{Method, Methods},
    },
    store::sessions::{Confirmation, Ended, NOTED_EVERY, Rotation},
};
use rstest_reuse::apply;

const DAY: Duration = Duration::from_hours(24);

fn app(name: &str) -> AppName {
    AppName::parse(name).expect("a name")
}

impl BackEnd {
    /// Every page of an app's sessions, `limit` at a time.
    async fn ids_of_app(&self, app: &AppName, limit: u32) -> Vec<SessionId> {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = self.sessions.of_app(app, after.as_ref(), limit, self.now()).await.expect("a page");
            assert!(page.sessions.len() <= limit as usize);
            ids.extend(page.sessions.iter().map(|session| session.id));
            match page.next {
                Some(next) => after = Some(next),
                None => return ids,
            }
        }
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_is_read_back_as_it_was_opened(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let devices = [
        Device::new(Some("Zoë's téléphone"), "2001:db8::7".parse().ok(), Some("Browser/1 (\"x\"; y)")),
        Device::new(None, None, None),
    ];
    for device in devices {
        let user = UserId::new(back_end.now());
        let facts = SessionFacts {
            user,
            app: app("shop"),
            created_at: back_end.now(),
            proved: Proved::at_once(Methods::of(&[Method::Password]), back_end.now()),
            bound_to: device.name.as_ref().map(|_| KeyThumbprint::from_bytes([7; 32])),
            device,
        };
        let (new, _) = with_tokens(facts, &back_end.secret);
        back_end.sessions.open(&new, None).await.unwrap();
        let (last_seen_at, expires_at) = (back_end.now(), back_end.now() + back_end.lifetimes.refresh);
        let NewSession { id, facts, .. } = new;
        let read = Session { id, facts, generation: 0, last_seen_at, expires_at };
        assert_eq!(back_end.find(id).await, Some(read.clone()));
        assert_eq!(back_end.sessions.of_user(user, None, 10, back_end.now()).await.unwrap().sessions, [read]);
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_opened_again_after_a_lost_answer_is_the_same(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let user = UserId::new(back_end.now());
    let (new, token) = with_tokens(facts_of(user, back_end.now()), &back_end.secret);
    let id = new.id;
    for _ in 0..2 {
        back_end.sessions.open(&new, None).await.unwrap();
    }
    assert_eq!(back_end.ids_of_user(user).await, [id]);
    back_end.refreshed(&token).await;

    back_end.end(id, EndReason::Logout).await;
    back_end.sessions.open(&new, None).await.unwrap();
    assert_eq!(back_end.find(id).await, None, "late news does not bring it back");
    assert!(back_end.ids_of_user(user).await.is_empty());
    assert_eq!(back_end.refresh(&token).await, Rotation::Ended(EndReason::Logout));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_nobody_opened_is_not_found(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let token = RefreshToken::first(SessionId::random(), &back_end.secret);
    assert_eq!(back_end.find(token.session()).await, None);
    assert_eq!(back_end.refresh(&token).await, Rotation::Expired);
    assert_eq!(back_end.confirm(&token).await, Confirmation::Ended(EndReason::Expired));
    back_end.sessions.touch(token.session(), back_end.now()).await.unwrap();
    assert_eq!(back_end.find(token.session()).await, None, "and a touch makes none");
    assert!(back_end.ids_of_user(UserId::new(back_end.now())).await.is_empty());
    assert!(back_end.ids_of_app(&AppName::default_app(), 10).await.is_empty());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_users_sessions_are_listed_the_most_recently_active_first(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (user, other) = (UserId::new(back_end.now()), UserId::new(back_end.now()));
    let mut clients = Vec::new();
    for name in ["shop", "default", "shop"] {
        clients.push(back_end.sign_in_as(user, &app(name)).await);
        back_end.sign_in_as(other, &app(name)).await;
        back_end.elapse(TICK).await;
    }
    let [first, second, third] = [0, 1, 2].map(|number: usize| clients[number].session());
    assert_eq!(back_end.ids_of_user(user).await, [third, second, first]);

    back_end.refreshed(&clients[0].token).await;
    assert_eq!(back_end.ids_of_user(user).await, [first, third, second], "a refresh is activity");
    back_end.elapse(TICK).await;
    back_end.sessions.touch(second, back_end.now()).await.unwrap();
    assert_eq!(back_end.ids_of_user(user).await, [second, first, third], "and so is a touch");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn the_first_sight_of_a_token_is_activity_to_the_minute(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    let refreshed_at = back_end.now();
    let last_seen_at = async || back_end.find(client.session()).await.expect("alive").last_seen_at;

    back_end.elapse(NOTED_EVERY.saturating_sub(TICK)).await;
    let other = back_end.sign_in_as(client.user, &AppName::default_app()).await.session();
    assert_eq!(back_end.confirm(&child).await, Confirmation::Seen);
    assert_eq!(last_seen_at().await, refreshed_at, "which is exact enough");
    back_end.elapse(TICK).await;
    assert_eq!(back_end.confirm(&child).await, Confirmation::Seen);
    assert_eq!(last_seen_at().await, refreshed_at + NOTED_EVERY);
    assert_eq!(back_end.ids_of_user(client.user).await, [client.session(), other]);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn an_apps_sessions_are_listed_page_by_page(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let mut opened = Vec::new();
    for _ in 0..5 {
        opened.push(back_end.sign_in_as(UserId::new(back_end.now()), &app("shop")).await.session());
        back_end.sign_in_as(UserId::new(back_end.now()), &app("other")).await;
        back_end.elapse(TICK).await;
    }
    opened.reverse();
    for limit in [1, 2, 5, 6] {
        assert_eq!(back_end.ids_of_app(&app("shop"), limit).await, opened, "{limit} at a time");
    }
    assert!(back_end.ids_of_app(&app("empty"), 2).await.is_empty());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn sessions_of_one_moment_are_each_listed_once(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let mut opened = Vec::new();
    for _ in 0..7 {
        opened.push(back_end.sign_in().await.session());
    }
    let mut listed = back_end.ids_of_app(&AppName::default_app(), 2).await;
    opened.sort();
    listed.sort();
    assert_eq!(listed, opened);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_touch_is_noted_and_lengthens_nothing(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let opened = back_end.find(client.session()).await.expect("alive");
    back_end.elapse(DAY).await;
    back_end.sessions.touch(client.session(), back_end.now()).await.unwrap();
    let touched = back_end.find(client.session()).await.expect("alive");
    assert_eq!(touched, Session { last_seen_at: back_end.now(), ..opened });

    back_end.sessions.touch(client.session(), back_end.now() - DAY).await.unwrap();
    assert_eq!(back_end.find(client.session()).await, Some(touched), "late news changes nothing");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_left_alone_is_over_after_the_refresh_lifetime(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let moment = back_end.elapse_almost(back_end.lifetimes.refresh).await;
    assert!(back_end.find(client.session()).await.is_some());
    assert_eq!(back_end.confirm(&client.token).await, Confirmation::Seen);
    assert_eq!(back_end.ids_of_user(client.user).await.len(), 1);

    back_end.elapse(moment).await;
    assert_eq!(back_end.find(client.session()).await, None);
    assert!(back_end.ids_of_user(client.user).await.is_empty());
    assert!(back_end.ids_of_app(&AppName::default_app(), 10).await.is_empty());
    assert_eq!(back_end.refresh(&client.token).await, Rotation::Expired);
    assert_eq!(back_end.confirm(&client.token).await, Confirmation::Ended(EndReason::Expired));
    back_end.sessions.touch(client.session(), back_end.now()).await.unwrap();
    assert_eq!(back_end.find(client.session()).await, None, "and a touch does not revive it");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn each_refresh_begins_the_lifetime_anew(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let mut token = back_end.sign_in().await.token;
    for _ in 0..5 {
        back_end.elapse_almost(back_end.lifetimes.refresh).await;
        token = back_end.refreshed(&token).await;
        let session = back_end.find(token.session()).await.expect("alive");
        assert_eq!(session.expires_at, back_end.now() + back_end.lifetimes.refresh);
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn no_refresh_goes_past_the_sessions_greatest_age(on: SessionsOn) {
    let back_end = BackEnd::with(on, Lifetimes { session_max_age: Some(DAY * 10), ..LIFETIMES }).await;
    let client = back_end.sign_in().await;
    let end = back_end.now() + DAY * 10;
    let expires_at = async || back_end.find(client.session()).await.expect("alive").expires_at;

    back_end.elapse(DAY * 6).await;
    let child = back_end.refreshed(&client.token).await;
    assert_eq!(expires_at().await, end);
    back_end.refreshed(&client.token).await;
    assert_eq!(expires_at().await, end, "and no repetition either");

    let moment = back_end.elapse_almost(DAY * 4).await;
    let grandchild = back_end.refreshed(&child).await;
    assert_eq!(expires_at().await, end);
    back_end.elapse(moment).await;
    assert_eq!(back_end.refresh(&grandchild).await, Rotation::Expired);
    assert_eq!(back_end.find(client.session()).await, None);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_younger_in_age_than_its_refresh_lifetime_ends_with_its_age(on: SessionsOn) {
    let back_end = BackEnd::with(on, Lifetimes { session_max_age: Some(DAY), ..LIFETIMES }).await;
    let client = back_end.sign_in().await;
    let opened = back_end.find(client.session()).await.expect("alive");
    assert_eq!(opened.expires_at, back_end.now() + DAY);
    back_end.elapse(DAY).await;
    assert_eq!(back_end.refresh(&client.token).await, Rotation::Expired);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn without_a_greatest_age_a_session_lives_as_long_as_it_is_used(on: SessionsOn) {
    let back_end = BackEnd::with(on, Lifetimes { session_max_age: None, ..LIFETIMES }).await;
    let mut token = back_end.sign_in().await.token;
    for _ in 0..100 {
        back_end.elapse(DAY * 6).await;
        token = back_end.refreshed(&token).await;
    }
    assert_eq!(back_end.end(token.session(), EndReason::Logout).await, Ended::Now);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_store_that_works_says_so(on: SessionsOn) {
    BackEnd::on(on).await.sessions.ping().await.expect("it answers");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn when_one_more_is_opened_than_a_user_may_have_the_one_unused_for_longest_ends(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let user = UserId::new(back_end.now());
    let open = async || {
        back_end.elapse(Duration::from_secs(1)).await;
        back_end.sign_in_among(user, NonZeroU32::new(3)).await
    };
    let [first, second, third] = [open().await, open().await, open().await];
    back_end.elapse(Duration::from_secs(1)).await;
    let first_child = back_end.refreshed(&first.token).await;
    let fourth = open().await;
    let living = [&fourth, &first, &third].map(SignedIn::session);
    assert_eq!(back_end.ids_of_user(user).await, living, "the second had been left alone for longest");
    assert_eq!(back_end.refresh(&second.token).await, Rotation::Ended(EndReason::TooManySessions));
    assert_eq!(back_end.refusal(&back_end.claims(&second)).await, Some(EndReason::TooManySessions));
    back_end.refreshed(&first_child).await;

    let stranger = back_end.sign_in().await;
    assert_eq!(back_end.ids_of_user(stranger.user).await, [stranger.session()], "others are counted apart");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_users_many_sessions_are_listed_by_pages_and_all_end(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let user = UserId::new(back_end.now());
    let mut opened = BTreeSet::new();
    // More than end in one step.
    for _ in 0..300 {
        opened.insert(back_end.sign_in_as(user, &AppName::default_app()).await.session());
    }
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = back_end.sessions.of_user(user, after.as_ref(), 70, back_end.now()).await.unwrap();
        assert!(page.sessions.len() <= 70);
        listed.extend(page.sessions.iter().map(|session| session.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((listed.len(), listed.iter().copied().collect()), (300, opened.clone()));
    let kept = listed[150];
    let ended =
        back_end.sessions.end_of_user(user, Some(kept), EndReason::LogoutAll, back_end.now()).await.unwrap();
    assert_eq!(ended.len(), 299);
    assert_eq!(back_end.ids_of_user(user).await, [kept]);
}
