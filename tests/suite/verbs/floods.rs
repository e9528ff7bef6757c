//! What one client that asks too much can do to the others.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::support::{
    actor::{Options, PASSWORD, Server, USER, name, occasion, occasion_from, password},
    backends::{BackEnd, SessionsOn, session_back_ends},
};
use futures_util::future::join_all;
use keyward::{
    auth::{Auth, accounts::NewAccount, error::AuthError, sessions::logout::Shown, sign_in::login::Login},
    domain::{
        app::AppName,
        session::{Device, Transport},
    },
    store::revocations::Subject,
};
use rstest_reuse::apply;

fn code<T>(answer: Result<T, AuthError>) -> &'static str {
    answer.err().map_or("granted", |error| error.code())
}

async fn sign_in(auth: &Auth, user: &str, from: &str) -> &'static str {
    let device = Device::new(None, from.parse().ok(), None);
    let (username, password) = (name(user), password(PASSWORD));
    code(
        auth.login(
            Login {
                username,
                password,
                app: None,
                device,
                transport: Transport::Body,
                key: None,
                kept: Vec::new(),
            },
            &occasion(),
        )
        .await,
    )
}

fn new(user: &str) -> NewAccount {
    NewAccount { username: name(user), password: password(PASSWORD), email: None, roles: Vec::new() }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A hundred connections on which somebody asks again and again, until told to stop.
fn flood<F: Future<Output = &'static str> + Send + 'static>(
    ask: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
    stop: &Arc<AtomicBool>,
) -> Vec<tokio::task::JoinHandle<()>> {
    let connection = |number: usize| {
        let (ask, stop) = (ask.clone(), Arc::clone(stop));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                if ask(number).await != "granted" {
                    // As fast as a network would bring it.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        })
    };
    (0..100).map(connection).collect()
}

async fn others_sign_in_beside<F: Future<Output = &'static str> + Send + 'static>(
    server: &Server,
    from: impl Fn(usize) -> String,
    ask: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
) {
    for user in 0..23 {
        server.auth.add_account(new(&format!("user{user}")), &occasion()).await.expect("an account");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let flood = flood(ask, &stop);
    let mut answers = Vec::new();
    for round in 0..2 {
        for user in 0..23 {
            answers.push(sign_in(&server.auth, &format!("user{user}"), &from(round * 23 + user)).await);
        }
    }
    stop.store(true, Ordering::Relaxed);
    join_all(flood).await;
    assert_eq!(answers, ["granted"; 46]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_users_hundred_connections_keep_nobody_from_signing_in() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let auth = Arc::clone(&server.auth);
    let ask = move |_| {
        let auth = Arc::clone(&auth);
        async move { sign_in(&auth, USER, "192.0.2.66").await }
    };
    others_sign_in_beside(&server, |number| format!("198.51.100.{number}"), ask).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_those_behind_the_same_address() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let auth = Arc::clone(&server.auth);
    let ask = move |_| {
        let auth = Arc::clone(&auth);
        async move { sign_in(&auth, USER, "192.0.2.66").await }
    };
    others_sign_in_beside(&server, |_| "192.0.2.66".to_owned(), ask).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_users_from_a_hundred_addresses() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let auth = Arc::clone(&server.auth);
    let ask = move |number| {
        let auth = Arc::clone(&auth);
        async move { sign_in(&auth, USER, &format!("203.0.113.{number}")).await }
    };
    others_sign_in_beside(&server, |number| format!("198.51.100.{number}"), ask).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sign_ups_keeps_nobody_from_signing_in() {
    let options = Options { signup_open: true, ..Options::default() };
    let server = Server::with(BackEnd::on(SessionsOn::Sqlite).await, options).await;
    let auth = Arc::clone(&server.auth);
    let ask = move |number| {
        let auth = Arc::clone(&auth);
        let new = new(&format!("bot{number}"));
        async move {
            code(auth.signup(new, AppName::default_app(), &occasion_from(Some(address("192.0.2.66")))).await)
        }
    };
    others_sign_in_beside(&server, |number| format!("198.51.100.{number}"), ask).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_household_that_signs_in_at_once_on_an_idle_server_all_gets_in() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let sign_ins = (0..60).map(|_| {
        let auth = Arc::clone(&server.auth);
        tokio::spawn(async move { sign_in(&auth, USER, "192.0.2.1").await })
    });
    for answer in join_all(sign_ins).await {
        assert_eq!(answer.expect("no caller panics"), "granted");
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn one_address_makes_only_so_many_accounts_in_a_window(on: SessionsOn) {
    let options = Options { signup_open: true, ..Options::default() };
    let server = Server::with(BackEnd::on(on).await, options).await;
    for taken in 0..25 {
        let refused = server
            .auth
            .signup(new(USER), AppName::default_app(), &occasion_from(Some(address("2001:db8::1"))))
            .await;
        assert_eq!(code(refused), "username_taken", "{taken}: what is not made does not count");
    }
    let sign_up = |number: usize| {
        let auth = Arc::clone(&server.auth);
        let from = Some(address(&format!("2001:db8::{number}")));
        tokio::spawn(async move {
            code(
                auth.signup(new(&format!("bot{number}")), AppName::default_app(), &occasion_from(from)).await,
            )
        })
    };
    let answers = join_all((0..40).map(sign_up)).await;
    let made = answers.into_iter().filter(|answer| *answer.as_ref().expect("no panic") == "granted").count();
    assert_eq!(made, 20);
    let refused = server
        .auth
        .signup(new("late"), AppName::default_app(), &occasion_from(Some(address("2001:db8::1"))))
        .await;
    match refused {
        Err(AuthError::TooManyAttempts { retry_after }) => {
            assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_hours(1));
        }
        other => panic!("{other:?}"),
    }
    server
        .auth
        .signup(new("neighbour"), AppName::default_app(), &occasion_from(Some(address("2001:db8:0:1::1"))))
        .await
        .expect("another address");
    server.elapse(Duration::from_hours(1)).await;
    server
        .auth
        .signup(new("late"), AppName::default_app(), &occasion_from(Some(address("2001:db8::1"))))
        .await
        .expect("another window");
}

#[tokio::test]
async fn a_refused_sign_up_costs_no_hash() {
    let options = Options { signup_open: true, hash_threads: 1, hash_queue: 0, ..Options::default() };
    let server = Server::with(BackEnd::on(SessionsOn::Sqlite).await, options).await;
    for number in 0..20 {
        server
            .auth
            .signup(new(&format!("bot{number}")), AppName::default_app(), &occasion())
            .await
            .expect("made");
    }
    let late = async |number| {
        server.auth.signup(new(&format!("late{number}")), AppName::default_app(), &occasion()).await
    };
    let refused = join_all((0..50).map(late));
    for answer in refused.await {
        assert_eq!(code(answer), "too_many_attempts", "and none is overloaded: nobody came to the queue");
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn one_session_leaves_only_so_many_revoked_tokens_for_everybody_to_keep(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let app = AppName::default_app();
    let mut tokens = server.login().await;
    let mut refused = 0;
    let mut others = Vec::new();
    for _ in 0..100 {
        match server.auth.revoke_token(&app, &tokens.access_token, &occasion()).await {
            Ok(()) => assert!(server.check(&tokens.access_token).await.is_err()),
            Err(AuthError::TooManyAttempts { retry_after }) => {
                assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_mins(15));
                refused += 1;
                others.push(tokens.access_token.clone());
            }
            Err(other) => panic!("{other}"),
        }
        tokens = server.refresh(tokens.refresh_token.expose()).await.expect("the session goes on");
    }
    assert_eq!(refused, 40);
    for access in &others {
        server.auth.logout(&[Shown::Access(access)], &occasion()).await.expect("signed out");
        assert!(server.check(access).await.is_err());
    }
    assert!(server.check(&tokens.access_token).await.is_err(), "a sign-out is never refused");
    let kept = server.back_end.set.snapshot(server.now());
    let by_name = kept.iter().filter(|entry| matches!(entry.subject, Subject::Token(_))).count();
    assert!(by_name <= 60, "{by_name}");
}
