//! Codes: each is good once, for its own account, and nobody guesses one.

use std::time::Duration;

use futures_util::future::join_all;
use keyward::{
    auth::sign_in::answer::SecondProof,
    domain::event::{EventFilter, EventKind},
};
use rstest_reuse::apply;
use rusqlite::Connection;
use totp_rs::{Builder, Secret};

use super::{Owner, STEP, answer, begin, code, code_of, wrong};
use crate::support::{
    actor::{Options, PASSWORD, Server, USER, name, occasion, password},
    backends::{BackEnd, SessionsOn, session_back_ends},
};

/// 2: a code that was seen over a shoulder.
#[apply(session_back_ends)]
#[tokio::test]
async fn a_step_of_an_app_is_accepted_once_on_all_nodes(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let other = server.second_node(Options::default()).await;
    let owner = Owner::just_enrolled(&server).await;
    let replayed = answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await;
    assert_eq!(code(&replayed), "wrong_code", "it has set the app up");

    server.elapse(STEP).await;
    answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await.expect("another step");
    for auth in [&server.auth, &other] {
        let replayed = answer(auth, &begin(auth).await, owner.totp(&server, 0)).await;
        assert_eq!(code(&replayed), "wrong_code");
    }
    // A step early, and then no more once its time has come.
    answer(&other, &begin(&server.auth).await, owner.totp(&server, 1)).await.expect("a step early");
    server.elapse(STEP).await;
    let replayed = answer(&server.auth, &begin(&other).await, owner.totp(&server, 0)).await;
    assert_eq!(code(&replayed), "wrong_code");
}

/// 2, 3: the same code twice at the same moment.
#[apply(session_back_ends)]
#[tokio::test]
async fn of_attempts_that_answer_with_one_code_at_once_one_is_let_in(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let nodes = [server.auth.clone(), server.second_node(Options::default()).await];
    let owner = Owner::of(&server).await;
    for round in 0..2 {
        let mut attempts = Vec::new();
        for _ in 0..6 {
            attempts.push(begin(&server.auth).await);
        }
        let answers = attempts.iter().enumerate().map(|(number, asked)| {
            let proof = if round == 0 { owner.totp(&server, 0) } else { owner.recovery(1) };
            answer(&nodes[number % 2], asked, proof)
        });
        let answers: Vec<_> = join_all(answers).await.iter().map(code).collect();
        assert_eq!(answers.iter().filter(|code| **code == "granted").count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|code| **code == "wrong_code").count(), 5, "{answers:?}");
    }
}

#[tokio::test]
async fn a_recovery_code_is_good_again_for_the_attempt_whose_session_was_not_written() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let owner = Owner::of(&server).await;
    let (asked, other) = (begin(&server.auth).await, begin(&server.auth).await);
    let file = Connection::open(server.back_end.sqlite_file()).expect("opened");
    let full = "CREATE TRIGGER full BEFORE INSERT ON sessions BEGIN SELECT RAISE(FAIL, 'full'); END";
    file.execute_batch(full).expect("made");
    let failed = answer(&server.auth, &asked, owner.recovery(0)).await;
    assert!(["internal", "store_unavailable"].contains(&code(&failed)), "{}", code(&failed));
    file.execute_batch("DROP TRIGGER full").expect("dropped");

    let stolen = answer(&server.auth, &other, owner.recovery(0)).await;
    assert_eq!(code(&stolen), "wrong_code", "it is for the attempt that spent it");
    answer(&server.auth, &asked, owner.recovery(0)).await.expect("signed in");
    let again = answer(&server.auth, &begin(&server.auth).await, owner.recovery(0)).await;
    assert_eq!(code(&again), "wrong_code");
    let left = server.auth.factors_of(server.user.id).await.expect("a list").recovery_codes.len();
    assert_eq!(left, 9);
}

/// 3: a recovery code that somebody has found.
#[apply(session_back_ends)]
#[tokio::test]
async fn a_recovery_code_is_good_once_on_all_nodes(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let other = server.second_node(Options::default()).await;
    let owner = Owner::of(&server).await;
    answer(&server.auth, &begin(&server.auth).await, owner.recovery(0)).await.expect("signed in");
    for auth in [&server.auth, &other] {
        let again = answer(auth, &begin(auth).await, owner.recovery(0)).await;
        assert_eq!(code(&again), "wrong_code");
    }
    let left = server.auth.factors_of(server.user.id).await.expect("a list").recovery_codes.len();
    assert_eq!(left, owner.codes.len() - 1);
}

/// 10: whoever does not know the password.
#[tokio::test]
async fn who_does_not_know_the_password_is_told_nothing_of_a_second_factor() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    Owner::of(&server).await;
    for typed in [USER, "nobody"] {
        let refused = server.try_login(typed, "not the password at all", None).await;
        assert_eq!(code(&refused), "invalid_credentials", "{typed}");
    }
}

/// 1: guessing, by many attempts at once, from many nodes.
#[apply(session_back_ends)]
#[tokio::test]
async fn guesses_are_counted_for_the_account_over_all_attempts(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    // Embedded, one process counts.
    let other = match on {
        SessionsOn::Sqlite => server.auth.clone(),
        SessionsOn::Redis | SessionsOn::Cluster => server.second_node(Options::default()).await,
    };
    let nodes = [server.auth.clone(), other];
    let owner = Owner::of(&server).await;
    let mut attempts = Vec::new();
    for _ in 0..5 {
        attempts.push(begin(&server.auth).await);
    }
    let guesses = (0..40)
        .map(|number: usize| answer(&nodes[number % 2], &attempts[number % 5], wrong(&owner, &server)));
    let guesses: Vec<_> = join_all(guesses).await.iter().map(code).collect();
    assert_eq!(guesses.iter().filter(|code| **code == "wrong_code").count(), 10, "{guesses:?}");
    assert_eq!(guesses.iter().filter(|code| **code == "too_many_attempts").count(), 30, "{guesses:?}");
    let refused = answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await;
    assert_eq!(code(&refused), "too_many_attempts", "the right one too");
    for node in &nodes {
        assert_eq!(node.flush_events(Duration::from_mins(1)).await, 0, "all are written");
    }
    let kind = Some(EventKind::LockedOut);
    let told = server.auth.events(&EventFilter { kind, ..EventFilter::default() }, None, 10).await;
    assert_eq!(told.expect("a list").events[0].reason.as_deref(), Some("factor_locked_out"));

    server.elapse(Duration::from_mins(15)).await;
    answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await.expect("a new window");
}

/// 1: guessing slowly.
#[tokio::test]
async fn a_hundred_wrong_codes_in_a_row_lock_the_second_factor_until_it_is_unlocked() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let owner = Owner::of(&server).await;
    for _ in 0..10 {
        let asked = begin(&server.auth).await;
        for _ in 0..10 {
            assert_eq!(code(&answer(&server.auth, &asked, wrong(&owner, &server)).await), "wrong_code");
        }
        server.elapse(Duration::from_mins(15)).await;
    }
    let refused = answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await;
    assert_eq!(code(&refused), "too_many_attempts");
    server.auth.unlock(&name(USER), &occasion()).await.expect("unlocked");
    answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0))
        .await
        .expect("the owner is back");
}

/// 4: a code of one's own, for somebody else's attempt.
#[tokio::test]
async fn a_code_answers_for_its_own_account_alone() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let victim = Owner::of(&server).await;
    let new = keyward::auth::accounts::NewAccount {
        username: name("mallory"),
        password: password(PASSWORD),
        email: None,
        roles: Vec::new(),
    };
    server.auth.add_account(new, &occasion()).await.expect("added");
    let tokens = server.try_login("mallory", PASSWORD, None).await.expect("signed in");
    let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
    let begun = server.auth.begin_totp(&caller).await.expect("begun");
    let secret = Secret::try_from_base32(begun.secret.as_str()).expect("base 32");
    let app = Builder::new().with_secret(secret).build_noncompliant();
    let codes =
        server.auth.confirm_totp(&caller, &code_of(&app, &server, 0), &occasion()).await.expect("done");
    server.elapse(STEP * 2).await;

    let asked = begin(&server.auth).await;
    let own = [SecondProof::Totp(code_of(&app, &server, 0)), SecondProof::RecoveryCode(codes[0].clone())];
    for proof in own {
        assert_eq!(code(&answer(&server.auth, &asked, proof).await), "wrong_code");
    }
    answer(&server.auth, &asked, victim.totp(&server, 0)).await.expect("the owner's");
}
