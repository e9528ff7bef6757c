//! Contract 5.3, step-up: the owner of a session proves more, and the session says so on all nodes. What is tried here
//! besides: codes that were used, guesses, proofs of others, and what happens at the same moment.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use keyward::{
    auth::{
        Auth,
        accounts::NewAccount,
        error::AuthError,
        sign_in::answer::SecondProof,
        step_up::{KeptBy, ShownProofs, StepUpGrant},
        tokens::issue::TokenSet,
    },
    domain::{
        admin::AdminRole,
        auth_context::{AuthContext, WantedSignIn},
        event::{EventFilter, EventKind},
        proved::Proved,
        session::EndReason,
        sign_in::{Method, Methods},
        user::{Role, RoleChange},
    },
    store::sessions::{StepUp, SteppedUp},
};
use rstest_reuse::apply;

use super::{Owner, STEP, answer, begin, code, wrong};
use crate::support::{
    actor::{Options, PASSWORD, Server, name, occasion, password},
    backends::{BackEnd, GRACE, SessionsOn, session_back_ends},
};

const WEAK: &str = "insufficient_user_authentication";
const OTHER: &str = "another seven words that nobody would guess";
/// Longer than a proof counts with another.
const LONG: Duration = Duration::from_mins(16);

fn shows(password: Option<&str>, second: Option<SecondProof>) -> ShownProofs {
    ShownProofs { password: password.map(self::password), second }
}

fn by_password() -> ShownProofs {
    shows(Some(PASSWORD), None)
}

fn by(second: SecondProof) -> ShownProofs {
    shows(None, Some(second))
}

async fn step_up(auth: &Auth, token: &str, proofs: &ShownProofs) -> Result<StepUpGrant, AuthError> {
    let caller = auth.identify(token).await?;
    auth.step_up(&caller, proofs, KeptBy::Tokens, &occasion()).await
}

/// The fresh access token.
async fn stepped_up(auth: &Auth, token: &str, proofs: &ShownProofs) -> String {
    let granted = step_up(auth, token, proofs).await.expect("stepped up");
    granted.access.expect("a token").token
}

async fn refused(auth: &Auth, token: &str, proofs: &ShownProofs) -> &'static str {
    code(&step_up(auth, token, proofs).await)
}

/// What a gateway that asks so tells the holder of a token.
async fn asked(auth: &Auth, token: &str, acr: &str, max_age: &str) -> &'static str {
    let mut wanted = WantedSignIn::default();
    wanted.add("acr", acr);
    wanted.add("max_age", max_age);
    let caller = auth.identify(token).await.expect("signed in");
    code(&auth.require_sign_in(&caller, &wanted))
}

async fn says(auth: &Auth, token: &str) -> AuthContext {
    auth.identify(token).await.expect("signed in").claims().auth
}

async fn strong(server: &Server, owner: &Owner) -> TokenSet {
    answer(&server.auth, &begin(&server.auth).await, owner.totp(server, 0)).await.expect("signed in")
}

#[apply(session_back_ends)]
#[tokio::test]
async fn any_factor_renews_what_a_session_says_on_all_nodes(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let other = server.second_node(Options::default()).await;
    let owner = Owner::of(&server).await;
    let token = &owner.tokens.access_token;
    for (proof, methods) in [
        (by_password(), Methods::of(&[Method::Password])),
        (by(owner.totp(&server, 0)), Methods::of(&[Method::Password, Method::Totp])),
        (by(owner.recovery(0)), Methods::of(&[Method::Password, Method::Totp, Method::RecoveryCode])),
    ] {
        server.elapse(Duration::from_secs(1)).await;
        let granted = step_up(&other, token, &proof).await.expect("stepped up");
        let expected = AuthContext::new(server.now(), methods);
        assert_eq!((granted.session, granted.auth), (owner.tokens.session, expected));
        let access = granted.access.expect("a token").token;
        for node in [&server.auth, &other] {
            assert_eq!(says(node, &access).await, expected);
        }
    }
    let refreshed = server.refresh(owner.tokens.refresh_token.expose()).await.expect("it goes on");
    let all = Methods::of(&[Method::Password, Method::Totp, Method::RecoveryCode]);
    assert_eq!(says(&server.auth, &refreshed.access_token).await, AuthContext::new(server.now(), all));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_gateway_that_refused_lets_the_new_token_in(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let other = server.second_node(Options::default()).await;
    let owner = Owner::of(&server).await;
    server.elapse(Duration::from_mins(5)).await;
    let before = &owner.tokens.access_token;
    assert_eq!(asked(&server.auth, before, "2", "60").await, WEAK);
    let after = stepped_up(&server.auth, before, &by(owner.totp(&server, 0))).await;
    for node in [&server.auth, &other] {
        assert_eq!(asked(node, &after, "2", "60").await, "granted");
        assert_eq!(asked(node, before, "1", "3600").await, "granted", "the one before says what was true");
        assert_eq!(asked(node, before, "2", "3600").await, WEAK);
    }
    server.elapse(Duration::from_secs(62)).await;
    assert_eq!(asked(&other, &after, "2", "60").await, WEAK, "a minute later");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn who_loses_the_answer_is_not_signed_out(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    let first = &owner.tokens;
    drop(step_up(&server.auth, &first.access_token, &by(owner.totp(&server, 0))).await.expect("lost"));
    server.elapse(Duration::from_hours(3)).await;
    let next = server.refresh(first.refresh_token.expose()).await.expect("the refresh token stays good");
    assert_eq!(says(&server.auth, &next.access_token).await.acr(), "2", "and brings what was lost");
}

/// What a refresh takes, its token and an app's secret, is not got around by a stolen access token and a password.
#[apply(session_back_ends)]
#[tokio::test]
async fn the_token_of_a_step_up_lives_no_longer_than_the_one_that_was_shown(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let mut access = server.login().await.access_token;
    let session = server.auth.identify(&access).await.expect("signed in").claims().session;
    let ends_at = server.auth.identify(&access).await.expect("signed in").claims().expires_at;
    for _ in 0..3 {
        server.elapse(Duration::from_mins(4)).await;
        access = stepped_up(&server.auth, &access, &by_password()).await;
        assert_eq!(server.auth.identify(&access).await.expect("signed in").claims().expires_at, ends_at);
    }
    server.back_end.end(session, EndReason::Logout).await;
    assert_eq!(code(&server.auth.identify(&access).await), "token_revoked");
    server.elapse(Duration::from_mins(4)).await;
    assert_eq!(refused(&server.auth, &access, &by_password()).await, "token_expired");
}

/// The token of a step-up shows nobody that a refresh has arrived which its client may never have got.
#[apply(session_back_ends)]
#[tokio::test]
async fn a_step_up_after_a_lost_refresh_signs_nobody_out(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    let first = &owner.tokens;
    drop(server.refresh(first.refresh_token.expose()).await.expect("lost"));
    let access = stepped_up(&server.auth, &first.access_token, &by_password()).await;
    server.check(&access).await.expect("passes");
    server.elapse(GRACE * 2).await;
    server.refresh(first.refresh_token.expose()).await.expect("no theft");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_code_that_was_used_elsewhere_proves_nothing(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let other = server.second_node(Options::default()).await;
    let owner = Owner::of(&server).await;
    let signed_in = strong(&server, &owner).await;
    for node in [&server.auth, &other] {
        // At the sign-in.
        let replayed = refused(node, &signed_in.access_token, &by(owner.totp(&server, 0))).await;
        assert_eq!(replayed, "wrong_code");
    }
    server.elapse(STEP).await;
    let proofs = by(owner.totp(&server, 0));
    stepped_up(&server.auth, &signed_in.access_token, &proofs).await;
    // By another session's step-up, and then at a sign-in.
    assert_eq!(refused(&other, &owner.tokens.access_token, &proofs).await, "wrong_code");
    let replayed = answer(&other, &begin(&other).await, owner.totp(&server, 0)).await;
    assert_eq!(code(&replayed), "wrong_code");
    // Whose answer was lost may ask again.
    stepped_up(&other, &signed_in.access_token, &proofs).await;

    stepped_up(&server.auth, &signed_in.access_token, &by(owner.recovery(0))).await;
    assert_eq!(refused(&other, &owner.tokens.access_token, &by(owner.recovery(0))).await, "wrong_code");
    stepped_up(&other, &signed_in.access_token, &by(owner.recovery(0))).await;
}

/// A step-up is no way around the brake on guessing, nor the sign-in around that of step-ups.
#[apply(session_back_ends)]
#[tokio::test]
async fn wrong_codes_are_counted_together_with_those_of_sign_ins(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    let token = &owner.tokens.access_token;
    let attempt = begin(&server.auth).await;
    for _ in 0..5 {
        assert_eq!(code(&answer(&server.auth, &attempt, wrong(&owner, &server)).await), "wrong_code");
        assert_eq!(refused(&server.auth, token, &by(wrong(&owner, &server))).await, "wrong_code");
    }
    assert_eq!(refused(&server.auth, token, &by(owner.totp(&server, 0))).await, "too_many_attempts");
    let right = answer(&server.auth, &attempt, owner.totp(&server, 0)).await;
    assert_eq!(code(&right), "too_many_attempts", "at the sign-in as well");
    assert_eq!(refused(&server.auth, token, &by(owner.recovery(0))).await, "too_many_attempts");
    let both = shows(Some(PASSWORD), Some(owner.totp(&server, 0)));
    assert_eq!(
        refused(&server.auth, token, &both).await,
        "too_many_attempts",
        "the password changes nothing"
    );
    assert_eq!(says(&server.auth, token).await.acr(), "1");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn wrong_passwords_lock_out_and_a_code_alone_forgives_none(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    let token = &owner.tokens.access_token;
    for number in 0..10 {
        if number == 9 {
            stepped_up(&server.auth, token, &by(owner.recovery(0))).await;
        }
        let wrong = shows(Some("not the password at all"), Some(owner.totp(&server, 0)));
        assert_eq!(refused(&server.auth, token, &wrong).await, "wrong_password");
    }
    assert_eq!(refused(&server.auth, token, &by_password()).await, "too_many_attempts");
    let refreshed = server.refresh(owner.tokens.refresh_token.expose()).await.expect("the session goes on");
    // No code was spent on the way.
    stepped_up(&server.auth, &refreshed.access_token, &by(owner.totp(&server, 0))).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn proofs_of_another_user_prove_nothing(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    let new =
        NewAccount { username: name("mallory"), password: password(OTHER), email: None, roles: Vec::new() };
    server.auth.add_account(new, &occasion()).await.expect("added");
    let mallory = server.try_login("mallory", OTHER, None).await.expect("signed in").access_token;
    assert_eq!(refused(&server.auth, &mallory, &by_password()).await, "wrong_password");
    for second in [owner.totp(&server, 0), owner.recovery(0)] {
        assert_eq!(refused(&server.auth, &mallory, &by(second)).await, "invalid_request", "she has none");
    }
    let victims = &owner.tokens.access_token;
    let hers = shows(Some(OTHER), None);
    assert_eq!(refused(&server.auth, victims, &hers).await, "wrong_password");
    stepped_up(&server.auth, victims, &by(owner.recovery(0))).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn one_factor_makes_no_less_of_a_session_and_spends_nothing(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    let session = strong(&server, &owner).await;
    server.elapse(LONG).await;
    let session = server.refresh(session.refresh_token.expose()).await.expect("it goes on");
    let token = &session.access_token;
    for one in [by(owner.totp(&server, 0)), by(owner.recovery(0)), by_password()] {
        assert_eq!(refused(&server.auth, token, &one).await, "mfa_required");
    }
    assert_eq!(says(&server.auth, token).await.acr(), "2");
    let both = shows(Some(PASSWORD), Some(owner.totp(&server, 0)));
    let after = stepped_up(&server.auth, token, &both).await;
    assert_eq!(asked(&server.auth, &after, "2", "60").await, "granted");

    // Where there is no second factor any more, one is all that can be shown, and is what is said.
    server.auth.remove_factors(server.user.id, &occasion()).await.expect("removed");
    server.elapse(LONG).await;
    let session = server.refresh(session.refresh_token.expose()).await.expect("it goes on");
    let granted = step_up(&server.auth, &session.access_token, &by_password()).await.expect("stepped up");
    assert_eq!((granted.auth.acr(), granted.auth.at), ("1", server.now()));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_step_up_is_the_recent_sign_in_that_a_change_of_the_account_takes(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let token = server.login().await;
    server.elapse(LONG).await;
    let token = server.refresh(token.refresh_token.expose()).await.expect("it goes on").access_token;
    let caller = server.auth.identify(&token).await.expect("signed in");
    assert_eq!(code(&server.auth.begin_totp(&caller).await), WEAK);
    stepped_up(&server.auth, &token, &by_password()).await;
    assert_eq!(
        code(&server.auth.begin_totp(&caller).await),
        "granted",
        "the session is asked, not the token"
    );
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_step_up_is_the_recent_sign_in_that_an_operator_needs(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let role = RoleChange { add: vec![Role::parse("admin").expect("a role")], ..RoleChange::default() };
    server.auth.change_roles(server.user.id, &role, &occasion()).await.expect("changed");
    let tokens = server.login().await;
    server.elapse(LONG).await;
    let token = server.refresh(tokens.refresh_token.expose()).await.expect("it goes on").access_token;
    let caller = server.auth.identify(&token).await.expect("signed in");
    assert_eq!(code(&server.auth.operator(&caller, AdminRole::Full).await), WEAK);
    stepped_up(&server.auth, &token, &by_password()).await;
    assert_eq!(code(&server.auth.operator(&caller, AdminRole::Full).await), "granted");
}

/// By different factors, on two nodes, beside refreshes: none takes back what another has shown.
#[apply(session_back_ends)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn step_ups_at_once_lose_nothing(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let nodes = [server.auth.clone(), server.second_node(Options::default()).await];
    let owner = Arc::new(Owner::of(&server).await);
    let proofs = [by_password(), by(owner.totp(&server, 0)), by_password(), by(owner.recovery(0))];
    let (token, refresh) = (&owner.tokens.access_token, &owner.tokens.refresh_token);
    let step_ups = proofs.iter().enumerate().map(async |(number, proofs)| {
        let granted = step_up(&nodes[number % 2], token, proofs).await.expect("stepped up");
        server.check(&granted.access.expect("a token").token).await.expect("passes");
        server.refresh(refresh.expose()).await.expect("it goes on");
    });
    join_all(step_ups).await;
    let session = server.back_end.find(owner.tokens.session).await.expect("alive");
    assert!(session.facts.proved.methods.are_two_factors(), "{:?}", session.facts.proved);
    assert_eq!(session.generation, 1);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_disabled_account_is_not_stepped_up_and_an_end_stays_one(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let tokens = server.login().await;
    let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
    // After it was let in, and before it is stepped up.
    server.auth.disable(server.user.id, &occasion()).await.expect("disabled");
    let refused = server.auth.step_up(&caller, &by_password(), KeptBy::Tokens, &occasion()).await;
    assert_eq!(code(&refused), "token_revoked");
    server.auth.enable(server.user.id, &occasion()).await.expect("enabled");
    let refused = server.auth.step_up(&caller, &by_password(), KeptBy::Tokens, &occasion()).await;
    assert_eq!(code(&refused), "token_revoked", "its session has ended by that");
    assert_eq!(server.back_end.find(tokens.session).await, None);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn after_a_change_of_the_password_the_former_one_proves_nothing(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let (own, stolen) = (server.login().await, server.login().await);
    let callers = [&own, &stolen].map(|tokens| tokens.access_token.clone());
    let thief = server.auth.identify(&callers[1]).await.expect("signed in");
    let caller = server.auth.identify(&callers[0]).await.expect("signed in");
    server
        .auth
        .change_password(&caller, &password(PASSWORD), &password(OTHER), &occasion())
        .await
        .expect("changed");
    assert_eq!(refused(&server.auth, &callers[0], &by_password()).await, "wrong_password");
    stepped_up(&server.auth, &callers[0], &shows(Some(OTHER), None)).await;
    for proofs in [by_password(), shows(Some(OTHER), None)] {
        let late = server.auth.step_up(&thief, &proofs, KeptBy::Tokens, &occasion()).await;
        assert_eq!(code(&late), "token_revoked", "the other session is over");
    }
}

#[tokio::test]
async fn a_step_up_is_told_with_what_was_shown() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let owner = Owner::of(&server).await;
    let proofs = shows(Some(PASSWORD), Some(owner.totp(&server, 0)));
    stepped_up(&server.auth, &owner.tokens.access_token, &proofs).await;
    let kind = Some(EventKind::SteppedUp);
    let told = server.auth.events(&EventFilter { kind, ..EventFilter::default() }, None, 10).await;
    let told = told.expect("a list").events;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].user, told[0].session), (Some(server.user.id), Some(owner.tokens.session)));
    assert_eq!(told[0].detail.as_deref(), Some("password totp"));
}

/// A clock of a node that is behind, or was set back, neither adds to what counts nor takes a session's claim into the
/// future.
#[apply(session_back_ends)]
#[tokio::test]
async fn what_another_node_has_proved_a_moment_ahead_counts(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    let session = server.back_end.find(owner.tokens.session).await.expect("alive");
    let ahead = Proved::at_once(Methods::of(&[Method::Password]), server.now() + Duration::from_secs(2));
    let moved = StepUp { session: session.id, from: session.facts.proved, to: ahead };
    let outcome = server.back_end.sessions.step_up(&moved, server.now()).await.expect("an answer");
    assert!(matches!(outcome, SteppedUp::Done(_)), "{outcome:?}");
    let access = stepped_up(&server.auth, &owner.tokens.access_token, &by(owner.totp(&server, 0))).await;
    let both = Methods::of(&[Method::Password, Method::Totp]);
    assert_eq!(says(&server.auth, &access).await, AuthContext::new(server.now(), both));
}
