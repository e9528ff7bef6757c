//! Attempts: what a sign-in that has only begun is good for, and for how long.

use std::time::Duration;

use futures_util::future::join_all;
use keyward::{
    auth::sign_in::login::{Login, LoginOutcome},
    domain::{app::AppName, session::Transport},
};
use rstest_reuse::apply;
use rusqlite::Connection;

use super::{Owner, add_app, answer, begin, begin_at, code, login};
use crate::support::{
    actor::{Options, PASSWORD, Server, occasion, password},
    backends::{BackEnd, SessionsOn, session_back_ends},
};

/// 3: an attempt that is answered again.
#[apply(session_back_ends)]
#[tokio::test]
async fn an_attempt_is_good_for_one_session(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let nodes = [server.auth.clone(), server.second_node(Options::default()).await];
    let owner = Owner::of(&server).await;
    let asked = begin(&server.auth).await;
    // The same code over and over, as who has lost the answer does; and codes that are right by themselves.
    let answers = (0..6).map(|number: usize| {
        let proof = if number < 3 { owner.totp(&server, 0) } else { owner.recovery(number) };
        answer(&nodes[number % 2], &asked, proof)
    });
    let answers = join_all(answers).await;
    let codes: Vec<_> = answers.iter().map(code).collect();
    assert_eq!(codes.iter().filter(|code| **code == "granted").count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| ["granted", "token_invalid"].contains(code)), "{codes:?}");
    assert_eq!(server.back_end.ids_of_user(server.user.id).await.len(), 2, "that of the enrolment, and one");
    let late = answer(&server.auth, &asked, owner.recovery(8)).await;
    assert_eq!(code(&late), "token_invalid");
}

/// 7: the token of an attempt where other tokens go.
#[tokio::test]
async fn an_attempt_opens_nothing_else_and_nothing_else_is_one() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let owner = Owner::of(&server).await;
    let asked = begin(&server.auth).await;
    let token = asked.token.expose();
    assert_eq!(code(&server.check(token).await), "token_invalid");
    assert_eq!(code(&server.refresh(token).await), "refresh_invalid");
    assert!(!format!("{asked:?}").contains(&token[4..]), "it is not printed");
    let sealer = server.auth.keys().sealer();
    let purpose = keyward::keys::sealer::Purpose::new("totp secret", "");
    let foreign = format!("kwm_{}", sealer.seal(purpose, b"{}").expect("sealed"));
    let (mut changed, last) = (token.to_owned(), token.len() - 1);
    changed.replace_range(last..=last, if token.ends_with('A') { "B" } else { "A" });
    let others =
        [owner.tokens.access_token.as_str(), owner.tokens.refresh_token.expose(), &foreign, &changed];
    for other in others.into_iter().chain(["", "kwm_", &token[4..]]) {
        assert_eq!(code(&server.auth.attempt(other)), "token_invalid", "{other}");
    }
}

/// 8: what was changed between the two steps.
#[apply(session_back_ends)]
#[tokio::test]
async fn an_attempt_dies_with_what_it_was_begun_with(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    add_app(&server, "shop").await;

    let (late, gone) = (begin(&server.auth).await, begin_at(&server.auth, Some("shop")).await);
    let shop = AppName::parse("shop").expect("a name");
    server.auth.remove_app(&shop, &occasion()).await.expect("removed");
    server.elapse(Duration::from_millis(1)).await;
    add_app(&server, "shop").await;
    let of_another_app = answer(&server.auth, &gone, owner.totp(&server, 0)).await;
    assert_eq!(code(&of_another_app), "invalid_request", "an app of the same name is another");
    server.elapse(Duration::from_mins(10)).await;
    assert_eq!(code(&answer(&server.auth, &late, owner.totp(&server, 0)).await), "token_expired");

    let disabled = begin(&server.auth).await;
    server.auth.disable(server.user.id, &occasion()).await.expect("disabled");
    assert_eq!(code(&answer(&server.auth, &disabled, owner.totp(&server, 0)).await), "account_disabled");
    let at_once = server.auth.login(login(None, Transport::Body), &occasion()).await;
    assert_eq!(code(&at_once), "account_disabled", "said before a second factor is asked for");
    server.auth.enable(server.user.id, &occasion()).await.expect("enabled");

    let stolen = begin(&server.auth).await;
    let new = password("another passphrase of seven odd words");
    server.auth.set_password(&server.user, &new, &occasion()).await.expect("set");
    let refused = answer(&server.auth, &stolen, owner.totp(&server, 0)).await;
    assert_eq!(code(&refused), "token_revoked");
    assert!(server.back_end.ids_of_user(server.user.id).await.is_empty());
}

/// 8: the password is changed while the second factor is on its way.
#[apply(session_back_ends)]
#[tokio::test]
async fn no_session_of_an_attempt_survives_a_password_change_beside_it(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    for round in 0..4 {
        let typed = if round == 0 { PASSWORD.to_owned() } else { format!("{PASSWORD} {round}") };
        let sign_in = Login { password: password(&typed), ..login(None, Transport::Body) };
        let asked = match server.auth.login(sign_in, &occasion()).await.expect("the right password") {
            LoginOutcome::Needs(asked) => asked,
            LoginOutcome::SignedIn(_) => panic!("no more was asked for"),
        };
        let new = password(&format!("{PASSWORD} {}", round + 1));
        let occasion = occasion();
        let set = server.auth.set_password(&server.user, &new, &occasion);
        let (answered, set) = tokio::join!(answer(&server.auth, &asked, owner.recovery(round)), set);
        set.expect("set");
        if let Ok(tokens) = answered {
            let refused = server.check(&tokens.access_token).await;
            assert_eq!(code(&refused), "token_revoked", "it was let in before, and is out now");
        }
        assert!(server.back_end.ids_of_user(server.user.id).await.is_empty());
    }
}

#[tokio::test]
async fn a_new_sealing_key_breaks_no_attempt_and_no_factor() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let other = server.second_node(Options::default()).await;
    let owner = Owner::of(&server).await;
    let old = server.auth.keys().sealer().sealing();
    server.auth.keys().sealer().rotate().expect("rotated");
    server.elapse(Duration::from_mins(14)).await;
    let asked = begin(&server.auth).await;
    server.elapse(Duration::from_mins(2)).await;
    assert_ne!(server.auth.keys().sealer().sealing(), old, "the new one seals");
    answer(&other, &asked, owner.totp(&server, 0)).await.expect("begun with the old one");
    // Sealed with the new one, for a node that has not read it yet.
    answer(&other, &begin(&server.auth).await, owner.recovery(0)).await.expect("signed in");
}

/// A flood of sign-ins that are never finished.
#[tokio::test]
async fn nothing_is_kept_of_attempts_that_are_not_answered() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    Owner::of(&server).await;
    let rows = || {
        let file = Connection::open(server.accounts_file()).expect("opened");
        let tables = ["once", "sessions", "factors", "recovery_codes", "users"];
        tables.map(|table| -> u32 {
            let count = format!("SELECT count(*) FROM {table}");
            file.query_row(&count, [], |row| row.get(0)).expect("a count")
        })
    };
    let (before, sessions) = (rows(), server.back_end.ids_of_user(server.user.id).await);
    for _ in 0..20 {
        begin(&server.auth).await;
    }
    assert_eq!(rows(), before);
    assert_eq!(server.back_end.ids_of_user(server.user.id).await, sessions);
}
