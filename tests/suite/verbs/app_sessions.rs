//! What a confidential app may do with sessions of its own, through the verbs.

use std::time::Duration;

use crate::{
    support::app_sessions::{MINUTE, app, user},
    support::{
        actor::{Options, Server, occasion},
        backends::{BackEnd, SessionsOn},
    },
};
use keyward::{
    auth::{
        Auth,
        app_sessions::{AppSessionWanted, Selection},
        apps::NewApp,
        error::AuthError,
    },
    domain::{
        app_session::{AppIp, AppLife},
        app_session_data::AppData,
    },
};

/// Registers an app; its secret, if it is confidential.
async fn register(server: &Server, name: &str, confidential: bool) -> Option<String> {
    let new = NewApp { name: app(name), confidential, origins: Vec::new() };
    let added = server.auth.add_app(new, &occasion()).await.expect("registered");
    added.secret.map(|secret| secret.expose().to_owned())
}

fn wanted(whose: &str) -> AppSessionWanted {
    AppSessionWanted {
        user: user(whose),
        ip: AppIp::parse("2001:db8::7").expect("an address"),
        data: AppData::default(),
        life: AppLife::new(MINUTE, false, None).expect("a life"),
    }
}

#[tokio::test]
async fn only_a_confidential_app_with_its_own_secret_is_let_in() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let shop = register(&server, "shop", true).await.expect("a secret");
    let forum = register(&server, "forum", true).await.expect("a secret");
    register(&server, "spa", false).await;
    assert_eq!(server.auth.authenticate_app("shop", &shop).await.expect("let in"), app("shop"));
    let longer = format!("{shop}x");
    for (name, secret) in [
        ("shop", forum.as_str()),
        ("shop", &longer),
        ("shop", ""),
        ("spa", ""),
        ("spa", &shop),
        ("default", ""),
        ("nobody", &shop),
        ("No App", &shop),
        ("", ""),
    ] {
        let refused = server.auth.authenticate_app(name, secret).await.expect_err("refused");
        assert!(matches!(refused, AuthError::InvalidCredentials), "{name}: {refused}");
    }
}

#[tokio::test]
async fn an_app_that_is_removed_elsewhere_is_let_in_for_less_than_a_second_more() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let other = server.second_node(Options::default()).await;
    let secret = register(&server, "shop", true).await.expect("a secret");
    for auth in [&server.auth, &other] {
        auth.authenticate_app("shop", &secret).await.expect("let in");
    }
    server.auth.remove_app(&app("shop"), &occasion()).await.expect("removed");
    let is_refused = async |auth: &Auth, secret: &str| {
        matches!(auth.authenticate_app("shop", secret).await, Err(AuthError::InvalidCredentials))
    };
    assert!(is_refused(&server.auth, &secret).await, "at once where it was removed");
    server.back_end.elapse(Duration::from_millis(999)).await;
    let shop = other.authenticate_app("shop", &secret).await.expect("not noticed yet");
    let late = other.create_app_session(&shop, wanted("ada")).await.expect("created").session(&shop);
    server.back_end.elapse(Duration::from_millis(1)).await;
    assert!(is_refused(&other, &secret).await, "being let in made the memory last no longer");

    let first = register(&server, "shop", true).await.expect("a secret");
    assert_eq!(server.auth.app_session(&shop, late).await.expect("an answer"), None, "of the former app");
    other.authenticate_app("shop", &first).await.expect("let in");
    assert!(is_refused(&other, &secret).await, "another secret is not the one remembered");
    server.auth.remove_app(&app("shop"), &occasion()).await.expect("removed");
    let second = register(&server, "shop", true).await.expect("a secret");
    other.authenticate_app("shop", &second).await.expect("a new secret counts at once");
    assert!(is_refused(&other, &first).await);
}

#[tokio::test]
async fn an_app_finds_its_sessions_by_token_and_loses_them_when_it_is_removed() {
    for on in [SessionsOn::Sqlite, SessionsOn::Redis] {
        let server = Server::on(BackEnd::on(on).await).await;
        register(&server, "shop", true).await;
        let shop = app("shop");
        let token = server.auth.create_app_session(&shop, wanted("ada")).await.expect("created");
        server.auth.create_app_session(&shop, wanted("ada")).await.expect("created");
        let id = token.session(&shop);
        let found = server.auth.app_session(&shop, id).await.expect("an answer").expect("alive");
        assert_eq!((found.user.as_str(), found.ip.as_str()), ("ada", "2001:db8::7"));
        assert_eq!(server.auth.app_activity(&shop, Duration::ZERO).await.expect("a count"), 1);
        let page =
            server.auth.app_sessions(&shop, &Selection::OfUser(user("ada")), None, 9).await.expect("a page");
        assert_eq!(page.sessions.len(), 2);

        // Before its time: nobody can name the app's sessions any more.
        assert_eq!(server.auth.remove_app(&shop, &occasion()).await.expect("removed"), 2);
        assert_eq!(server.auth.app_session(&shop, id).await.expect("an answer"), None);
        let page =
            server.auth.app_sessions(&shop, &Selection::ActiveWithin(MINUTE), None, 9).await.expect("a page");
        assert!(page.sessions.is_empty());
    }
}
