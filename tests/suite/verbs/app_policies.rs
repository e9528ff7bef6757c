//! What was decided for an app holds for its tokens from the next one on, on every node; and a token of an app
//! itself, which none is issued of, is let in nowhere.

use std::time::Duration;

use keyward::{
    auth::{
        apps::{AppUpdate, NewApp},
        error::AuthError,
        sessions::logout::Shown,
        sign_in::login::Login,
    },
    domain::{
        app::AppName,
        app_policy::{Audience, PolicyChange, PolicyEdit},
        claims::{AccessClaims, Principal},
        session::{Device, Transport},
    },
};

use crate::support::{
    actor::{Options, PASSWORD, Server, USER, name, occasion, password, signed_in},
    backends::{BackEnd, LIFETIMES, SessionsOn},
};

const MINUTE: Duration = Duration::from_mins(1);

async fn server() -> (Server, AppName) {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let shop = AppName::parse("shop").expect("a name");
    let new = NewApp { name: shop.clone(), confidential: false, origins: Vec::new() };
    server.auth.add_app(new, &occasion()).await.expect("added");
    (server, shop)
}

fn login_to(app: &AppName) -> Login {
    Login {
        username: name(USER),
        password: password(PASSWORD),
        app: Some(app.clone()),
        device: Device::new(None, "192.0.2.1".parse().ok(), None),
        transport: Transport::Body,
        key: None,
        kept: Vec::new(),
    }
}

async fn decide(server: &Server, app: &AppName, policy: PolicyChange) {
    server
        .auth
        .update_app(app, AppUpdate { policy, ..AppUpdate::default() }, &occasion())
        .await
        .expect("changed");
}

fn life(of: Duration) -> PolicyChange {
    PolicyChange { access_ttl: PolicyEdit::Take(of), ..PolicyChange::default() }
}

async fn claims(server: &Server, token: &str) -> AccessClaims {
    server.pass(token).await.expect("passes").caller.claims().clone()
}

#[tokio::test]
async fn the_tokens_of_an_app_live_as_long_as_it_says_and_never_longer_than_the_settings_do() {
    let (server, shop) = server().await;
    let before = signed_in(server.auth.login(login_to(&shop), &occasion()).await.expect("an answer"));
    assert_eq!(before.expires_in, LIFETIMES.access);
    for (decided, lived) in [
        (life(MINUTE), MINUTE),
        (life(LIFETIMES.access * 2), LIFETIMES.access),
        (life(MINUTE * 2), MINUTE * 2),
        (PolicyChange { access_ttl: PolicyEdit::Drop, ..PolicyChange::default() }, LIFETIMES.access),
    ] {
        decide(&server, &shop, decided.clone()).await;
        let tokens = signed_in(server.auth.login(login_to(&shop), &occasion()).await.expect("an answer"));
        assert_eq!(tokens.expires_in, lived, "{decided:?}");
        let renewed = server.refresh(tokens.refresh_token.expose()).await.expect("refreshed");
        assert_eq!(renewed.expires_in, lived, "{decided:?}");
        let claims = claims(&server, &renewed.access_token).await;
        assert_eq!(claims.issued_at.until(claims.expires_at), lived);
        assert_eq!(renewed.refresh_expires_in, LIFETIMES.refresh, "the session is what it was");
    }
    assert_eq!(server.login().await.expires_in, LIFETIMES.access, "of another app nothing was decided");
    server.check(&before.access_token).await.expect("what was issued before goes on");
}

#[tokio::test]
async fn a_short_token_is_over_at_its_own_end() {
    let (server, shop) = server().await;
    decide(&server, &shop, life(MINUTE)).await;
    let tokens = signed_in(server.auth.login(login_to(&shop), &occasion()).await.expect("an answer"));
    server.elapse(MINUTE).await;
    let refused = server.check(&tokens.access_token).await.expect_err("over");
    assert_eq!(refused.code(), "token_expired");
    server.refresh(tokens.refresh_token.expose()).await.expect("its session goes on");
}

#[tokio::test]
async fn an_apps_audience_stands_beside_the_servers_own() {
    let (server, shop) = server().await;
    let api = Audience::parse("https://api.example.com").expect("an audience");
    let audience = PolicyEdit::Take(api.clone());
    decide(&server, &shop, PolicyChange { audience, ..PolicyChange::default() }).await;
    let tokens = signed_in(server.auth.login(login_to(&shop), &occasion()).await.expect("an answer"));
    assert_eq!(claims(&server, &tokens.access_token).await.audience, Some(api));
    assert!(server.auth.introspect(&tokens.access_token).await.expect("an answer").is_some());
    let ours = server.login().await;
    assert_eq!(claims(&server, &ours.access_token).await.audience, None);
}

#[tokio::test]
async fn another_node_goes_by_what_was_decided_within_a_second() {
    let (server, shop) = server().await;
    let other = server.second_node(Options::default()).await;
    let life_there =
        async || signed_in(other.login(login_to(&shop), &occasion()).await.expect("an answer")).expires_in;
    assert_eq!(life_there().await, LIFETIMES.access);
    decide(&server, &shop, life(MINUTE)).await;
    server.elapse(Duration::from_secs(1)).await;
    assert_eq!(life_there().await, MINUTE);
}

#[tokio::test]
async fn a_token_of_an_app_itself_is_let_in_nowhere() {
    let (server, shop) = server().await;
    let user = signed_in(server.auth.login(login_to(&shop), &occasion()).await.expect("an answer"));
    let of_user = claims(&server, &user.access_token).await;
    let of_app = AccessClaims { principal: Principal::App(shop.clone()), username: String::new(), ..of_user };
    let token = server.auth.keys().sign(&of_app).expect("a token");
    assert!(server.auth.keys().verify(&token, server.now()).is_ok(), "it is genuine");

    assert!(matches!(server.check(&token).await, Err(AuthError::TokenInvalid)));
    assert!(server.auth.introspect(&token).await.expect("an answer").is_none());
    let signed_out = server.auth.logout(&[Shown::Access(&token)], &occasion()).await;
    assert!(matches!(signed_out, Err(AuthError::TokenInvalid)), "{signed_out:?}");
    server.auth.revoke_token(&shop, &token, &occasion()).await.expect("it does not tell");
    server.check(&user.access_token).await.expect("the session that it names is nobody's to end by it");
}

#[tokio::test]
async fn another_node_takes_a_secret_that_was_replaced_for_less_than_a_second() {
    let (server, _) = server().await;
    let other = server.second_node(Options::default()).await;
    let new =
        NewApp { name: AppName::parse("api").expect("a name"), confidential: true, origins: Vec::new() };
    let added = server.auth.add_app(new, &occasion()).await.expect("added");
    let (name, old) = (added.app.name, added.secret.expect("a secret"));
    other.authenticate_app(name.as_str(), old.expose()).await.expect("its secret");
    let new =
        server.auth.renew_app_secret(&name, &occasion()).await.expect("changed").secret.expect("a secret");
    other.authenticate_app(name.as_str(), new.expose()).await.expect("the new one, at once");
    server.elapse(Duration::from_secs(1)).await;
    let refused = other.authenticate_app(name.as_str(), old.expose()).await;
    assert!(matches!(refused, Err(AuthError::InvalidCredentials)), "{refused:?}");

    // And whether it has one is asked each time.
    server
        .auth
        .update_app(&name, AppUpdate { confidential: Some(false), ..AppUpdate::default() }, &occasion())
        .await
        .expect("public");
    other.require_app_secret(&name, None).await.expect("anybody may");
    server
        .auth
        .update_app(&name, AppUpdate { confidential: Some(true), ..AppUpdate::default() }, &occasion())
        .await
        .expect("confidential");
    let refused = other.require_app_secret(&name, None).await;
    assert!(matches!(refused, Err(AuthError::InvalidCredentials)), "{refused:?}");
}
