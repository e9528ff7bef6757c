//! What the verbs promise beyond one store: throttle, rate, ends that reach every session, races
//! between sign-in and the changes that must end it, outages.

mod accounts;
mod app_policies;
mod app_sessions;
mod bound;
mod by_hand;
mod events;
mod floods;
mod guessing;
mod held_up;
pub mod mails;
mod outage;
mod second_factor;
mod watching;
use std::{sync::Arc, time::Duration};

use crate::support::{
    actor::{Options, PASSWORD, Server, USER, at_once, name, occasion, password},
    backends::{BackEnd, SessionsOn, session_back_ends},
};
use keyward::{
    auth::{accounts::NewAccount, error::AuthError},
    domain::session::{EndReason, Transport},
};
use rstest::rstest;
use rstest_reuse::apply;

const OTHER: &str = "another passphrase of seven odd words";

#[apply(session_back_ends)]
#[tokio::test]
async fn fifty_callers_with_one_token_all_get_the_same_child(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let first = server.login().await;
    let answers = server.refresh_at_once(first.refresh_token.expose(), 50).await;
    let children: Vec<_> = answers.into_iter().map(|answer| answer.expect("granted").refresh_token).collect();
    assert_eq!(children.len(), 50);
    assert!(children.iter().all(|child| child.generation() == 1 && child == &children[0]));
}

#[rstest]
#[tokio::test]
async fn fifty_callers_on_two_nodes_all_get_the_same_child(
    #[values(SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
) {
    let one = Server::on(BackEnd::on(on).await).await;
    let two = one.second_node(Options::default()).await;
    let first = one.login().await;
    let token = first.refresh_token.expose();
    let (left, right) = tokio::join!(one.refresh_at_once(token, 25), at_once(&two, token, 25));
    let children: Vec<_> =
        left.into_iter().chain(right).map(|answer| answer.expect("granted").refresh_token).collect();
    assert_eq!(children.len(), 50);
    assert!(children.iter().all(|child| child.generation() == 1 && child == &children[0]));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_never_gets_more_than_its_limit_in_a_window(on: SessionsOn) {
    let options = Options { session_limit: 20, ..Options::default() };
    let server = Server::with(BackEnd::on(on).await, options).await;
    let tokens = server.login().await;
    let calls = (0..60).map(|_| {
        let (auth, token) = (Arc::clone(&server.auth), tokens.access_token.clone());
        tokio::spawn(async move { auth.check(&token, &[] as &[&str]).await })
    });
    let mut passed = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.expect("no caller panics") {
            Ok(_) => passed += 1,
            Err(AuthError::RateLimited(rate)) => {
                assert!(rate.remaining == 0 && rate.resets_in <= rate.window);
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(passed, 20);
    server.elapse(Duration::from_mins(1)).await;
    assert_eq!(server.pass(&tokens.access_token).await.expect("a new window").rate.remaining, 19);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn ten_failures_from_one_address_stop_that_pair_and_nobody_else(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    for _ in 0..10 {
        let refused = server.try_login(USER, "wrong", Some("192.0.2.1")).await;
        assert_eq!(refused.err().map(|error| error.code()), Some("invalid_credentials"));
    }
    let stopped = server.try_login(USER, PASSWORD, Some("192.0.2.1")).await;
    assert_eq!(stopped.err().map(|error| error.code()), Some("too_many_attempts"));
    server.try_login("ADA", PASSWORD, Some("192.0.2.2")).await.expect("the owner gets in from elsewhere");
    server.elapse(Duration::from_mins(15)).await;
    server.try_login(USER, PASSWORD, Some("192.0.2.1")).await.expect("the window is over");
}

#[tokio::test]
async fn attempts_that_wait_together_cannot_all_pass_on_one_count() {
    let options = Options { hash_threads: 8, ..Options::default() };
    let server = Server::with(BackEnd::on(SessionsOn::Sqlite).await, options).await;
    let calls = (0..40).map(|_| {
        let auth = Arc::clone(&server.auth);
        let device = keyward::domain::session::Device::new(None, "192.0.2.1".parse().ok(), None);
        let login = keyward::auth::sign_in::login::Login {
            username: name(USER),
            password: password("wrong"),
            app: None,
            device,
            transport: Transport::Body,
            key: None,
            kept: Vec::new(),
        };
        tokio::spawn(async move { auth.login(login, &occasion()).await.err().map(|error| error.code()) })
    });
    let mut hashed = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.expect("no caller panics") {
            Some("invalid_credentials") => hashed += 1,
            other => assert_eq!(other, Some("too_many_attempts")),
        }
    }
    assert_eq!(hashed, 10);
}

#[tokio::test]
async fn a_full_queue_is_refused_at_once_and_clears() {
    let options = Options { hash_queue: 1, ..Options::default() };
    let server = Arc::new(Server::with(BackEnd::on(SessionsOn::Sqlite).await, options).await);
    let calls = (0..12).map(|_| {
        let server = Arc::clone(&server);
        tokio::spawn(
            async move { server.try_login(USER, PASSWORD, None).await.err().map(|error| error.code()) },
        )
    });
    let mut refused = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.expect("no caller panics") {
            None => {}
            other => {
                assert_eq!(other, Some("overloaded"));
                refused += 1;
            }
        }
    }
    assert!(refused > 0 && refused <= 9, "{refused}");
    server.login().await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_password_change_ends_every_other_session(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let (mine, other) = (server.login().await, server.login().await);
    let caller = server.auth.identify(&mine.access_token).await.expect("signed in");
    server
        .auth
        .change_password(&caller, &password(PASSWORD), &password(OTHER), &occasion())
        .await
        .expect("changed");
    server.check(&mine.access_token).await.expect("this one stays");
    let refused = server.check(&other.access_token).await.expect_err("ended");
    assert_eq!((refused.code(), refused.reason()), ("token_revoked", Some(EndReason::PasswordChanged)));
    let refused = server.refresh(other.refresh_token.expose()).await.err().expect("ended");
    assert_eq!((refused.code(), refused.reason()), ("session_ended", Some(EndReason::PasswordChanged)));
    assert!(server.try_login(USER, PASSWORD, None).await.is_err());
    server.try_login(USER, OTHER, None).await.expect("the new one");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_disabled_account_is_out_at_once_and_an_enabled_one_signs_in_anew(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let tokens = server.login().await;
    server.check(&tokens.access_token).await.expect("passes");
    server.auth.disable(server.user.id, &occasion()).await.expect("disabled");
    let refused = server.check(&tokens.access_token).await.expect_err("out");
    assert_eq!((refused.code(), refused.reason()), ("token_revoked", Some(EndReason::AccountDisabled)));
    let wrong = server.try_login(USER, "wrong", None).await.err().expect("refused");
    assert_eq!(wrong.code(), "invalid_credentials", "only the right password is told");
    let right = server.try_login(USER, PASSWORD, None).await.err().expect("refused");
    assert_eq!(right.code(), "account_disabled");
    server.auth.enable(server.user.id, &occasion()).await.expect("enabled");
    assert!(server.refresh(tokens.refresh_token.expose()).await.is_err(), "nothing revoked comes back");
    assert!(server.check(&tokens.access_token).await.is_err(), "nothing revoked comes back");
    let fresh = server.login().await;
    server.check(&fresh.access_token).await.expect("passes");
}

#[tokio::test]
async fn a_sign_in_beside_a_password_change_does_not_survive_it() {
    let server = Arc::new(Server::on(BackEnd::on(SessionsOn::Sqlite).await).await);
    let mine = server.login().await;
    let caller = server.auth.identify(&mine.access_token).await.expect("signed in");
    let sign_ins = (0..8).map(|_| {
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.try_login(USER, PASSWORD, None).await })
    });
    let sign_ins: Vec<_> = sign_ins.collect();
    server
        .auth
        .change_password(&caller, &password(PASSWORD), &password(OTHER), &occasion())
        .await
        .expect("changed");
    for sign_in in sign_ins {
        if let Ok(tokens) = sign_in.await.expect("no caller panics") {
            assert!(
                server.check(&tokens.access_token).await.is_err(),
                "a sign-in with the old password lives on"
            );
        }
    }
    let sessions = server.auth.own_sessions(&caller, None, 10).await.expect("listed");
    assert_eq!(sessions.sessions.len(), 1, "only the one that changed it");
}

#[tokio::test]
async fn a_deleted_account_leaves_no_token_that_passes() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let tokens = server.login().await;
    server.auth.delete(server.user.id, &occasion()).await.expect("deleted");
    assert!(server.check(&tokens.access_token).await.is_err());
    assert_eq!(
        server.try_login(USER, PASSWORD, None).await.err().map(|error| error.code()),
        Some("invalid_credentials")
    );
}

#[tokio::test]
async fn the_first_account_is_made_once() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    assert!(server.auth.add_first_account().await.expect("asked").is_none(), "there is a user already");
}

#[tokio::test]
async fn names_differ_by_more_than_case() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let new = NewAccount { username: name("aDA"), password: password(OTHER), email: None, roles: Vec::new() };
    assert_eq!(
        server.auth.add_account(new, &occasion()).await.err().map(|error| error.code()),
        Some("username_taken")
    );
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_token_is_over_at_its_exact_second(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let tokens = server.login().await;
    let claims = server.pass(&tokens.access_token).await.expect("passes").caller.claims().clone();
    server.elapse(server.now().until(claims.expires_at).checked_sub(Duration::from_millis(1)).unwrap()).await;
    server.check(&tokens.access_token).await.expect("a millisecond is left");
    server.elapse(Duration::from_millis(1)).await;
    let refused = server.check(&tokens.access_token).await.expect_err("over");
    assert_eq!(refused.code(), "token_expired");
}
