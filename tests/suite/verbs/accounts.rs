//! What an operator and an owner change of accounts and apps: that it holds at once, wherever it is cut
//! short, and whoever signs in beside it.

use std::{sync::Arc, time::Duration};

use crate::support::{
    actor::{Options, PASSWORD, Server, USER, name, occasion, occasion_from, password, signed_in},
    backends::{BackEnd, SessionsOn, session_back_ends},
};
use keyward::{
    auth::{
        apps::{AppUpdate, NewApp},
        error::AuthError,
        sessions::of_others::Whose,
        sign_in::login::{Login, LoginOutcome},
        tokens::issue::TokenSet,
    },
    domain::{
        app::{AppKind, AppName},
        ids::TokenId,
        session::{Device, EndReason, Transport},
        user::{Role, RoleChange},
    },
};
use rstest::rstest;
use rstest_reuse::apply;
use rusqlite::Connection;

const OTHER: &str = "another passphrase of seven odd words";
const SECOND: Duration = Duration::from_secs(1);

fn at(app: &AppName) -> Whose {
    Whose { user: None, app: Some(app.clone()) }
}

fn change(add: &[&str], remove: &[&str]) -> RoleChange {
    let roles = |names: &[&str]| names.iter().map(|name| Role::parse(name).expect("a role")).collect();
    RoleChange { add: roles(add), remove: roles(remove), is_whole: false }
}

fn code<T>(answer: Result<T, AuthError>) -> Option<&'static str> {
    answer.err().map(|error| error.code())
}

fn login_to(app: Option<&AppName>) -> Login {
    let device = Device::new(None, "192.0.2.1".parse().ok(), None);
    Login {
        username: name(USER),
        password: password(PASSWORD),
        app: app.cloned(),
        device,
        transport: Transport::Body,
        key: None,
        kept: Vec::new(),
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_role_that_is_taken_away_passes_no_more_and_the_session_goes_on(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let other = server.second_node(Options::default()).await;
    server.elapse(Duration::from_millis(300)).await;
    let tokens = server.login().await;
    let role = ["reader"];
    server.auth.check(&tokens.access_token, &role).await.expect("the role is there");
    other.check(&tokens.access_token, &role).await.expect("there too");

    server
        .auth
        .change_roles(server.user.id, &change(&["editor"], &["reader"]), &occasion())
        .await
        .expect("changed");
    assert_eq!(code(server.check(&tokens.access_token).await), Some("token_outdated"));
    assert!(server.auth.introspect(&tokens.access_token).await.expect("an answer").is_none());
    let deadline = tokio::time::Instant::now() + SECOND * 10;
    while other.identify(&tokens.access_token).await.is_ok() {
        assert!(tokio::time::Instant::now() < deadline, "the other node never hears of it");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(code(other.identify(&tokens.access_token).await), Some("token_outdated"));

    // In the very second of the change, by the clock of the server, which stands still.
    let renewed = server.refresh(tokens.refresh_token.expose()).await.expect("the session goes on");
    assert_eq!(renewed.session, tokens.session);
    assert_eq!(code(server.auth.check(&renewed.access_token, &role).await), Some("insufficient_role"));
    let passed = server.auth.check(&renewed.access_token, &["editor"]).await.expect("the new role");
    let claims = passed.caller.claims();
    assert!(claims.issued_at >= claims.roles_at, "for verifiers that see only when it was issued");
    other.check(&renewed.access_token, &["editor"]).await.expect("there too");
    let signed_in = server.login().await;
    server.check(&signed_in.access_token).await.expect("a sign-in in that second as well");
}

#[tokio::test]
async fn a_token_of_a_node_whose_clock_is_ahead_is_outdated_all_the_same() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let tokens = server.login().await;
    let claims = server.pass(&tokens.access_token).await.expect("passes").caller.claims().clone();
    let [ahead, far_later] = [30, 120].map(|seconds| {
        let mut claims = claims.clone();
        (claims.id, claims.issued_at) = (TokenId::random(), claims.issued_at + SECOND * seconds);
        server.auth.keys().sign(&claims).expect("signed")
    });
    server.check(&ahead).await.expect("a clock may be ahead");
    server.auth.change_roles(server.user.id, &change(&[], &["reader"]), &occasion()).await.expect("changed");
    assert_eq!(code(server.check(&ahead).await), Some("token_outdated"));
    // As where the accounts were restored from a copy of before the change: nobody is locked out for long.
    server.elapse(SECOND * 61).await;
    assert_eq!(code(server.check(&ahead).await), Some("token_outdated"));
    server.check(&far_later).await.expect("issued well after it");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_change_of_roles_that_was_cut_short_is_completed_by_the_next_try(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let tokens = server.login().await;
    let wanted = change(&[], &["reader"]);
    server.cut.next();
    assert_eq!(
        code(server.auth.change_roles(server.user.id, &wanted, &occasion()).await),
        Some("store_unavailable")
    );
    server.check(&tokens.access_token).await.expect("nobody was told of it");
    let user = server
        .auth
        .change_roles(server.user.id, &wanted, &occasion())
        .await
        .expect("the roles are so already");
    assert_eq!(code(server.check(&tokens.access_token).await), Some("token_outdated"));

    let renewed = server.refresh(tokens.refresh_token.expose()).await.expect("the session goes on");
    let same = server.auth.change_roles(server.user.id, &wanted, &occasion()).await.expect("so already");
    assert_eq!(same.roles_at, user.roles_at);
    server.check(&renewed.access_token).await.expect("nothing has changed");
}

#[tokio::test]
async fn changes_in_one_second_outdate_what_was_issued_between_them() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let tokens = server.login().await;
    server.auth.change_roles(server.user.id, &change(&["a"], &[]), &occasion()).await.expect("changed");
    let between = server.refresh(tokens.refresh_token.expose()).await.expect("granted");
    server.check(&between.access_token).await.expect("passes");
    server.auth.change_roles(server.user.id, &change(&["b"], &[]), &occasion()).await.expect("changed");
    assert_eq!(code(server.check(&between.access_token).await), Some("token_outdated"));
    let after = server.refresh(between.refresh_token.expose()).await.expect("granted");
    server.auth.check(&after.access_token, &["a", "b"]).await.expect("both");
}

#[tokio::test]
async fn a_session_cookie_has_the_roles_of_now_and_is_never_outdated() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let granted =
        signed_in(server.auth.login_to_session(login_to(None), &occasion()).await.expect("an answer"));
    server
        .auth
        .change_roles(server.user.id, &change(&["editor"], &["reader"]), &occasion())
        .await
        .expect("changed");
    let caller = server.auth.identify_session(granted.token.expose()).await.expect("alive");
    assert_eq!(caller.claims().roles, change(&["editor"], &[]).add);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_password_change_that_was_cut_short_leaves_no_thief_in(
    on: SessionsOn,
    #[values(true, false)] by_operator: bool,
) {
    let server = Server::on(BackEnd::on(on).await).await;
    let (mine, thief) = (server.login().await, server.login().await);
    server.check(&thief.access_token).await.expect("in");
    server.cut.next();
    let cut = if by_operator {
        server.auth.set_password(&server.user, &password(OTHER), &occasion()).await
    } else {
        let caller = server.auth.identify(&mine.access_token).await.expect("signed in");
        server.auth.change_password(&caller, &password(PASSWORD), &password(OTHER), &occasion()).await
    };
    assert_eq!(code(cut), Some("store_unavailable"));
    assert_eq!(code(server.check(&thief.access_token).await), Some("token_revoked"));
    assert_eq!(code(server.refresh(thief.refresh_token.expose()).await), Some("session_ended"));
    assert_eq!(server.check(&mine.access_token).await.is_ok(), !by_operator, "one's own stays");
    if by_operator {
        server.auth.set_password(&server.user, &password(OTHER), &occasion()).await.expect("the next try");
    }
    server.try_login(USER, OTHER, None).await.expect("the new one");
    assert_eq!(code(server.try_login(USER, PASSWORD, None).await), Some("invalid_credentials"));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_disabling_that_was_cut_short_revives_nothing(on: SessionsOn, #[values(true, false)] again: bool) {
    let server = Server::on(BackEnd::on(on).await).await;
    let old = server.login().await;
    server.check(&old.access_token).await.expect("in");
    server.cut.next();
    assert_eq!(code(server.auth.disable(server.user.id, &occasion()).await), Some("store_unavailable"));
    assert_eq!(code(server.check(&old.access_token).await), Some("token_revoked"), "already");
    if again {
        server.auth.disable(server.user.id, &occasion()).await.expect("the next try");
    }
    server.cut.next();
    assert_eq!(code(server.auth.enable(server.user.id, &occasion()).await), Some("store_unavailable"));
    server.auth.enable(server.user.id, &occasion()).await.expect("the next try");
    assert_eq!(code(server.check(&old.access_token).await), Some("token_revoked"));
    assert_eq!(code(server.refresh(old.refresh_token.expose()).await), Some("session_ended"));
    let fresh = server.login().await;
    server.check(&fresh.access_token).await.expect("signed in anew");
}

/// As after a restore: the accounts know nothing of what was done last.
fn restore_as_active(server: &Server) {
    let file = Connection::open(server.accounts_file()).expect("opened");
    file.execute("UPDATE users SET status = 'active'", []).expect("restored");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn who_is_active_as_the_accounts_have_it_signs_in_and_is_let_in(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let old = server.login().await;
    server.auth.disable(server.user.id, &occasion()).await.expect("disabled");
    restore_as_active(&server);
    let fresh = server.login().await;
    server.check(&fresh.access_token).await.expect("let in");
    assert_eq!(code(server.check(&old.access_token).await), Some("token_revoked"), "what was ended stays so");

    // What another hand has refused is not for the accounts to say.
    server
        .back_end
        .revocations
        .refuse_user(server.user.id, EndReason::Admin, server.now())
        .await
        .expect("refused");
    let fresh = server.login().await;
    assert_eq!(code(server.check(&fresh.access_token).await), Some("token_revoked"));
}

#[tokio::test]
async fn a_wrong_current_password_is_no_dead_token_and_counts_once() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let mine = server.login().await;
    let caller = server.auth.identify(&mine.access_token).await.expect("signed in");
    let address = "192.0.2.9".parse().ok();
    for _ in 0..10 {
        let refused = server
            .auth
            .change_password(&caller, &password("wrong"), &password(OTHER), &occasion_from(address))
            .await;
        assert_eq!(code(refused), Some("wrong_password"));
    }
    let refused = server
        .auth
        .change_password(&caller, &password(PASSWORD), &password(OTHER), &occasion_from(address))
        .await;
    assert_eq!(code(refused), Some("too_many_attempts"), "ten, and not five");
    server.check(&mine.access_token).await.expect("the session goes on");
}

async fn app(server: &Server, text: &str, confidential: bool) -> AppName {
    let name = AppName::parse(text).expect("a name");
    server
        .auth
        .add_app(NewApp { name: name.clone(), confidential, origins: Vec::new() }, &occasion())
        .await
        .expect("added");
    name
}

#[rstest]
#[tokio::test]
async fn a_removed_app_leaves_nobody_in_who_signed_in_beside_it(
    #[values(SessionsOn::Sqlite, SessionsOn::Redis)] on: SessionsOn,
) {
    let server = Arc::new(Server::on(BackEnd::on(on).await).await);
    for round in 0..16 {
        let shop = app(&server, "shop", false).await;
        let sign_ins = (0..4).map(|_| {
            let (auth, login) = (Arc::clone(&server.auth), login_to(Some(&shop)));
            tokio::spawn(async move { auth.login(login, &occasion()).await })
        });
        let sign_ins: Vec<_> = sign_ins.collect();
        tokio::time::sleep(Duration::from_millis(round * 5)).await;
        server.auth.remove_app(&shop, &occasion()).await.expect("removed");
        for sign_in in sign_ins {
            if let Ok(LoginOutcome::SignedIn(TokenSet { access_token, .. })) =
                sign_in.await.expect("no caller panics")
            {
                assert_eq!(code(server.check(&access_token).await), Some("token_revoked"), "{round}");
            }
        }
        let left = server.auth.sessions_of(&at(&shop), None, 10).await.expect("listed");
        assert!(left.sessions.is_empty(), "{round}: {left:?}");
    }
}

#[tokio::test]
async fn an_app_is_changed_and_no_session_ends_by_it() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let shop = app(&server, "shop", false).await;
    let tokens = signed_in(server.auth.login(login_to(Some(&shop)), &occasion()).await.expect("an answer"));
    let to = |confidential| AppUpdate { confidential: Some(confidential), ..AppUpdate::default() };
    let secret = server
        .auth
        .update_app(&shop, to(true), &occasion())
        .await
        .expect("changed")
        .secret
        .expect("its first");
    assert!(server.auth.update_app(&shop, to(true), &occasion()).await.expect("so already").secret.is_none());
    server.auth.authenticate_app("shop", secret.expose()).await.expect("good");
    let second =
        server.auth.renew_app_secret(&shop, &occasion()).await.expect("renewed").secret.expect("another");
    assert_eq!(
        code(server.auth.authenticate_app("shop", secret.expose()).await),
        Some("invalid_credentials")
    );
    server.auth.authenticate_app("shop", second.expose()).await.expect("good");
    let public = server.auth.update_app(&shop, to(false), &occasion()).await.expect("changed");
    assert_eq!(public.app.kind, AppKind::Public);
    assert_eq!(code(server.auth.renew_app_secret(&shop, &occasion()).await), Some("conflict"));
    let default = server.auth.update_app(&AppName::default_app(), to(true), &occasion()).await;
    assert_eq!(code(default), Some("conflict"));
    server.check(&tokens.access_token).await.expect("its session goes on");
}
