//! What strangers who guess passwords can do, and what they cannot keep an owner from.

use std::{sync::Arc, time::Duration};

use crate::support::{
    actor::{Options, PASSWORD, Server, USER, name, occasion, occasion_from, password, signed_in},
    backends::{BackEnd, SessionsOn, session_back_ends},
};
use keyward::{
    auth::{
        Auth,
        error::AuthError,
        sign_in::login::{Login, SessionGrant},
        tokens::issue::TokenSet,
    },
    domain::session::{Device, Transport},
};
use rstest_reuse::apply;

const HOME: &str = "192.0.2.1";
const ELSEWHERE: &str = "198.51.100.7";

fn login(user: &str, typed: &str, from: &str, kept: &[&str]) -> Login {
    Login {
        username: name(user),
        password: password(typed),
        app: None,
        device: Device::new(None, from.parse().ok(), None),
        transport: Transport::Body,
        key: None,
        kept: kept.iter().map(|&token| token.to_owned()).collect(),
    }
}

async fn try_with(server: &Server, typed: &str, from: &str, kept: &[&str]) -> Result<TokenSet, AuthError> {
    server.auth.login(login(USER, typed, from, kept), &occasion()).await.map(signed_in)
}

fn code<T>(answer: Result<T, AuthError>) -> &'static str {
    answer.err().map_or("granted", |error| error.code())
}

/// Strangers in ten networks fail at the account until it is locked.
async fn lock(server: &Server) {
    for network in 0..10 {
        for host in 0..10 {
            let from = format!("2001:db8:0:{network}::{host}");
            assert_eq!(code(try_with(server, "wrong", &from, &[]).await), "invalid_credentials");
        }
    }
    assert_eq!(code(try_with(server, PASSWORD, ELSEWHERE, &[]).await), "too_many_attempts");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn no_more_passwords_are_compared_than_may_fail_on_however_many_threads_and_nodes(on: SessionsOn) {
    let options = Options { hash_threads: 8, ..Options::default() };
    let server = Server::with(BackEnd::on(on).await, options).await;
    let nodes = match on {
        // An embedded one has no second node.
        SessionsOn::Sqlite => [Arc::clone(&server.auth), Arc::clone(&server.auth)],
        _ => [Arc::clone(&server.auth), server.second_node(options).await],
    };
    let guess = |number: usize| {
        let (auth, login) = (Arc::clone(&nodes[number % 2]), login(USER, "wrong", HOME, &[]));
        tokio::spawn(async move { code(auth.login(login, &occasion()).await) })
    };
    let guesses: Vec<_> = (0..60).map(guess).collect();
    let mut compared = 0;
    for guess in guesses {
        match guess.await.expect("no caller panics") {
            "invalid_credentials" => compared += 1,
            other => assert_eq!(other, "too_many_attempts"),
        }
    }
    assert_eq!(compared, 10);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn right_passwords_of_one_user_at_once_are_no_failures_of_each_other(on: SessionsOn) {
    let options = Options { hash_threads: 16, ..Options::default() };
    let server = Server::with(BackEnd::on(on).await, options).await;
    for round in 0..3 {
        let sign_in = |_| {
            let (auth, login) = (Arc::clone(&server.auth), login(USER, PASSWORD, HOME, &[]));
            tokio::spawn(async move { code(auth.login(login, &occasion()).await) })
        };
        for answer in (0..40).map(sign_in).collect::<Vec<_>>() {
            assert_eq!(answer.await.expect("no caller panics"), "granted", "round {round}");
        }
    }
    for _ in 0..10 {
        assert_eq!(code(try_with(&server, "wrong", HOME, &[]).await), "invalid_credentials");
    }
    assert_eq!(code(try_with(&server, "wrong", HOME, &[]).await), "too_many_attempts");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn an_owner_gets_in_from_an_address_of_theirs_while_strangers_fail_at_the_account(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    try_with(&server, PASSWORD, HOME, &[]).await.expect("signed in");
    server.elapse(Duration::from_hours(24 * 20)).await;
    try_with(&server, PASSWORD, HOME, &[]).await.expect("signed in");
    server.elapse(Duration::from_hours(24 * 14)).await;
    lock(&server).await;
    try_with(&server, PASSWORD, HOME, &[]).await.expect("an address of theirs, known anew");
    for _ in 0..10 {
        assert_eq!(code(try_with(&server, "wrong", HOME, &[]).await), "invalid_credentials");
    }
    let stopped = try_with(&server, PASSWORD, HOME, &[]).await;
    assert_eq!(code(stopped), "too_many_attempts", "it has a limit of its own");
}

#[tokio::test]
async fn an_address_is_known_for_a_month_and_to_one_account() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    try_with(&server, PASSWORD, HOME, &[]).await.expect("signed in");
    server.elapse(Duration::from_hours(24 * 31)).await;
    lock(&server).await;
    assert_eq!(code(try_with(&server, PASSWORD, HOME, &[]).await), "too_many_attempts");
    let wrong = server.auth.login(login("nobody", "wrong", HOME, &[]), &occasion()).await;
    assert_eq!(code(wrong), "invalid_credentials");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn an_owner_gets_in_on_a_device_of_theirs_from_wherever_it_is(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let device = server.auth.device_token(server.user.id, &[]).expect("one to keep");
    assert!(server.auth.device_token(server.user.id, &[device.expose().to_owned()]).is_none(), "it has one");
    lock(&server).await;
    let kept = [device.expose()];
    try_with(&server, PASSWORD, ELSEWHERE, &kept).await.expect("a device of theirs");
    assert_eq!(code(try_with(&server, PASSWORD, "198.51.100.8", &[]).await), "too_many_attempts");
    let forged = device.expose().replace("kwd_A", "kwd_B");
    assert_eq!(code(try_with(&server, PASSWORD, "198.51.100.8", &[&forged]).await), "too_many_attempts");
    let strangers = server.auth.device_token(keyward::domain::ids::UserId::new(server.now()), &[]);
    let strangers = strangers.expect("one to keep");
    let answer = try_with(&server, PASSWORD, "198.51.100.8", &[strangers.expose()]).await;
    assert_eq!(code(answer), "too_many_attempts", "another account's device");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_stolen_device_token_opens_no_more_than_a_few_guesses(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let device = server.auth.device_token(server.user.id, &[]).expect("one to keep");
    lock(&server).await;
    let mut compared = 0;
    for thief in 0..30 {
        let from = format!("203.0.113.{thief}");
        compared += usize::from(
            code(try_with(&server, "wrong", &from, &[device.expose()]).await) == "invalid_credentials",
        );
    }
    assert_eq!(compared, 10);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_living_session_of_the_account_speaks_for_its_browser(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let tokens = try_with(&server, PASSWORD, HOME, &[]).await.expect("signed in");
    let SessionGrant { token, .. } = signed_in(
        server.auth.login_to_session(login(USER, PASSWORD, HOME, &[]), &occasion()).await.expect("an answer"),
    );
    lock(&server).await;
    for kept in [tokens.refresh_token.expose(), token.expose()] {
        try_with(&server, PASSWORD, ELSEWHERE, &[kept]).await.expect("a browser of theirs");
    }
    server.logout(None, Some(tokens.refresh_token.expose())).await;
    let gone = [tokens.refresh_token.expose()];
    assert_eq!(code(try_with(&server, PASSWORD, "198.51.100.8", &gone).await), "too_many_attempts");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_password_is_changed_in_a_session_while_strangers_fail_at_the_account(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let tokens = try_with(&server, PASSWORD, HOME, &[]).await.expect("signed in");
    lock(&server).await;
    let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
    let (old, new) = (password(PASSWORD), password("another passphrase of seven odd words"));
    for _ in 0..10 {
        let from = ELSEWHERE.parse().ok();
        assert!(
            server
                .auth
                .change_password(&caller, &password("wrong"), &new, &occasion_from(from))
                .await
                .is_err()
        );
    }
    let stopped =
        server.auth.change_password(&caller, &old, &new, &occasion_from(ELSEWHERE.parse().ok())).await;
    assert_eq!(code(stopped), "too_many_attempts", "a stolen token opens no more than a few guesses");
    server.elapse(Duration::from_mins(15)).await;
    let tokens = server.refresh(tokens.refresh_token.expose()).await.expect("granted");
    lock(&server).await;
    let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
    server
        .auth
        .change_password(&caller, &old, &new, &occasion_from(ELSEWHERE.parse().ok()))
        .await
        .expect("changed");
}

/// What an operator does in a process of their own.
async fn forgiven(on: SessionsOn, forgive: impl AsyncFn(&Auth, &Server)) {
    let server = Server::on(BackEnd::on(on).await).await;
    let device = server.auth.device_token(server.user.id, &[]).expect("one to keep");
    let elsewhere = server.second_node(Options::default()).await;
    for network in 1..11 {
        let kept: &[&str] = if network == 1 { &[device.expose()] } else { &[] };
        for _ in 0..10 {
            let answer = try_with(&server, "wrong", &format!("2001:db8:0:{network}::1"), kept).await;
            assert_eq!(code(answer), "invalid_credentials", "{network}");
        }
    }
    for from in ["2001:db8:0:1::1", "2001:db8:0:2::1", ELSEWHERE] {
        assert_eq!(code(try_with(&server, PASSWORD, from, &[]).await), "too_many_attempts", "{from}");
    }
    forgive(&elsewhere, &server).await;
    for (from, kept) in
        [("2001:db8:0:1::1", vec![device.expose()]), ("2001:db8:0:2::1", vec![]), (ELSEWHERE, vec![])]
    {
        let answer = try_with(&server, "wrong", from, &kept).await;
        assert_eq!(code(answer), "invalid_credentials", "{from}: it is compared again");
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn unlocking_an_account_forgives_its_failures_wherever_they_were(on: SessionsOn) {
    forgiven(on, async |operator, server| {
        operator.unlock(&server.user.username, &occasion()).await.expect("unlocked");
        assert_eq!(code(operator.unlock(&name("nobody"), &occasion()).await), "not_found");
    })
    .await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_password_that_an_operator_sets_forgives_the_failures_at_the_old_one(on: SessionsOn) {
    forgiven(on, async |operator, server| {
        let new = password("another passphrase of seven odd words");
        operator.set_password(&server.user, &new, &occasion()).await.expect("set");
    })
    .await;
}
