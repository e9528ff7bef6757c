//! Factors come and go: by whom, and what is kept of them.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use keyward::{
    auth::sign_in::{answer::SecondProof, login::LoginOutcome},
    domain::{
        event::{EventFilter, EventKind},
        session::Transport,
        sign_in::{Method, SecondFactor},
    },
};
use rstest_reuse::apply;
use rusqlite::Connection;
use totp_rs::{Builder, Secret};

use super::{Owner, add_app, answer, begin, code, code_of, decide, login};
use crate::support::{
    actor::{Server, occasion},
    backends::{BackEnd, SessionsOn, session_back_ends},
};

/// 16: factors are changed by a sign-in of a moment ago, with both.
#[apply(session_back_ends)]
#[tokio::test]
async fn factors_are_changed_by_a_recent_sign_in_with_both(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    let id = server.auth.factors_of(server.user.id).await.expect("a list").totp().expect("one").id;
    let weak = "insufficient_user_authentication";
    // The password alone opened it, before there was a factor; and where none is asked for.
    add_app(&server, "lax").await;
    decide(&server, "lax", SecondFactor::Off).await;
    let lax = server.auth.login(login(Some("lax"), Transport::Body), &occasion()).await.expect("an answer");
    let LoginOutcome::SignedIn(lax) = lax else { panic!("it asks for none") };
    for tokens in [&owner.tokens, &lax] {
        let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
        assert_eq!(code(&server.auth.begin_totp(&caller).await), weak);
        assert_eq!(code(&server.auth.remove_factor(&caller, id, &occasion()).await), weak);
        assert_eq!(code(&server.auth.renew_recovery_codes(&caller, &occasion()).await), weak);
    }

    let strong = answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await.expect("in");
    let caller = server.auth.identify(&strong.access_token).await.expect("signed in");
    let renewed = server.auth.renew_recovery_codes(&caller, &occasion()).await.expect("renewed");
    let used = answer(&server.auth, &begin(&server.auth).await, owner.recovery(0)).await;
    assert_eq!(code(&used), "wrong_code", "those of before are good no more");
    let new = SecondProof::RecoveryCode(renewed[0].clone());
    answer(&server.auth, &begin(&server.auth).await, new).await.expect("signed in");
    assert_eq!(code(&server.auth.begin_totp(&caller).await), "conflict", "one app is set up");

    server.elapse(Duration::from_mins(15) - Duration::from_secs(1)).await;
    let strong = server.refresh(strong.refresh_token.expose()).await.expect("it goes on");
    let caller = server.auth.identify(&strong.access_token).await.expect("signed in");
    server.elapse(Duration::from_secs(2)).await;
    assert_eq!(code(&server.auth.remove_factor(&caller, id, &occasion()).await), weak, "too long ago");

    let again = answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await.expect("in");
    let caller = server.auth.identify(&again.access_token).await.expect("signed in");
    server.auth.remove_factor(&caller, id, &occasion()).await.expect("removed");
    assert_eq!(code(&server.auth.remove_factor(&caller, id, &occasion()).await), "not_found");
    server.login().await;
    let user = Some(server.user.id);
    let mut told = Vec::new();
    for kind in [EventKind::FactorAdded, EventKind::FactorRemoved] {
        let filter = EventFilter { user, kind: Some(kind), ..EventFilter::default() };
        let events = server.auth.events(&filter, None, 10).await.expect("a list").events;
        told.extend(events.into_iter().map(|event| event.reason.expect("which")));
    }
    assert_eq!(told, ["recovery_codes", "totp", "totp"]);
}

#[tokio::test]
async fn an_operator_takes_all_factors_from_who_has_lost_them() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    Owner::of(&server).await;
    let asked = begin(&server.auth).await;
    assert_eq!(server.auth.remove_factors(server.user.id, &occasion()).await.expect("removed"), 1);
    assert_eq!(server.auth.remove_factors(server.user.id, &occasion()).await.expect("an answer"), 0);
    let attempt = server.auth.attempt(asked.token.expose()).expect("an attempt");
    let refused = server.auth.challenge(&attempt, Method::Totp).await;
    assert_eq!(code(&refused), "invalid_request", "there is nothing left to prove by");
    server.login().await;
}

/// 19: a stolen database.
#[tokio::test]
async fn a_copy_of_the_database_yields_no_seed_and_no_code() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let owner = Owner::of(&server).await;
    let seed = owner.app.secret().to_base32();
    let mut held = Vec::new();
    for side in ["", "-wal"] {
        let file = format!("{}{side}", server.accounts_file().display());
        held.extend(std::fs::read(file).unwrap_or_default());
    }
    let holds = |secret: &[u8]| held.windows(secret.len()).any(|part| part == secret);
    assert!(holds(b"totp"), "it is all there");
    assert!(!holds(seed.as_bytes()) && !holds(owner.app.secret().as_bytes()));
    for code in &owner.codes {
        assert!(!holds(code.expose().as_bytes()) && !holds(code.expose().replace('-', "").as_bytes()));
    }
}

/// A moved row is of no use: a secret opens for its own user and factor alone.
#[tokio::test]
async fn a_seed_that_was_put_beside_another_account_is_no_seed() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let owner = Owner::of(&server).await;
    let file = Connection::open(server.accounts_file()).expect("opened");
    file.execute("UPDATE factors SET id = randomblob(16)", []).expect("moved");
    let refused = answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await;
    assert_eq!(code(&refused), "internal");
    let recovered = answer(&server.auth, &begin(&server.auth).await, owner.recovery(0)).await;
    recovered.expect("recovery codes are no secret of that kind");
}

/// Whoever begins an enrolment must end it in time.
#[tokio::test]
async fn an_enrolment_waits_for_its_code_for_a_quarter_of_an_hour() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let tokens = server.login().await;
    let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
    let begun = server.auth.begin_totp(&caller).await.expect("begun");
    let secret = Secret::try_from_base32(begun.secret.as_str()).expect("base 32");
    let app = Builder::new().with_secret(secret).build_noncompliant();
    let far = code_of(&app, &server, 7);
    assert_eq!(code(&server.auth.confirm_totp(&caller, &far, &occasion()).await), "wrong_code");
    server.login().await;

    server.elapse(Duration::from_mins(15)).await;
    let again = server.login().await;
    let caller = server.auth.identify(&again.access_token).await.expect("signed in");
    let late = server.auth.confirm_totp(&caller, &code_of(&app, &server, 0), &occasion()).await;
    assert_eq!(code(&late), "conflict");
}

#[tokio::test]
async fn of_confirmations_at_once_one_shows_the_codes() {
    let server = Arc::new(Server::on(BackEnd::on(SessionsOn::Sqlite).await).await);
    let tokens = server.login().await;
    let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
    let begun = server.auth.begin_totp(&caller).await.expect("begun");
    let secret = Secret::try_from_base32(begun.secret.as_str()).expect("base 32");
    let app = Builder::new().with_secret(secret).build_noncompliant();
    let (now, occasion) = (code_of(&app, &server, 0), occasion());
    let confirms = (0..6).map(|_| server.auth.confirm_totp(&caller, &now, &occasion));
    let codes: Vec<_> = join_all(confirms).await.iter().map(code).collect();
    assert_eq!(codes.iter().filter(|code| **code == "granted").count(), 1, "{codes:?}");
    let own = server.auth.factors_of(server.user.id).await.expect("a list");
    assert_eq!((own.factors.len(), own.recovery_codes.len()), (1, 10));
}
