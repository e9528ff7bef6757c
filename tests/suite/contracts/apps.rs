//! Apps.

use crate::support::backends::{AccountHome, AccountsOn, START, account_back_ends};
use keyward::{
    domain::{
        app::{App, AppChange, AppKind, AppName, Origin, SecretChange},
        app_policy::AppPolicy,
    },
    store::apps::Registered,
};
use rstest_reuse::apply;

fn name(text: &str) -> AppName {
    AppName::parse(text).expect("a name")
}

fn app(text: &str, kind: AppKind, origins: &[&str]) -> App {
    let origins = origins.iter().map(|origin| Origin::parse(origin).expect("an origin")).collect();
    App { name: name(text), kind, origins, policy: AppPolicy::default(), created_at: START }
}

fn confidential() -> AppKind {
    AppKind::Confidential { secret_sha256: [0xA5; 32] }
}

#[apply(account_back_ends)]
#[tokio::test]
async fn the_default_app_is_always_there_and_public(on: AccountsOn) {
    let home = AccountHome::on(on).await;
    let default = AppName::default_app();
    assert!(!home.apps.remove(&default).await.unwrap());
    let found = home.apps.find(&default).await.unwrap().expect("the default app");
    assert_eq!((found.kind, found.origins), (AppKind::Public, Vec::new()));
    assert_eq!(
        home.apps.register(&app("default", confidential(), &[])).await.unwrap(),
        Registered::NameTaken
    );
}

#[apply(account_back_ends)]
#[tokio::test]
async fn an_app_is_read_back_as_it_was_registered(on: AccountsOn) {
    let home = AccountHome::on(on).await;
    let origins = ["https://shop.example.com", "http://localhost:3000", "https://[2001:db8::1]:8443"];
    for made in [app("shop", AppKind::Public, &origins), app("back-end", confidential(), &[])] {
        assert_eq!(home.apps.register(&made).await.unwrap(), Registered::Yes);
        assert_eq!(home.apps.find(&made.name).await.unwrap(), Some(made));
    }
    assert_eq!(home.apps.find(&name("unknown")).await.unwrap(), None);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn an_app_is_registered_once(on: AccountsOn) {
    let home = AccountHome::on(on).await;
    let first = app("shop", confidential(), &["https://shop.example.com"]);
    assert_eq!(home.apps.register(&first).await.unwrap(), Registered::Yes);
    let second = app("shop", AppKind::Public, &["https://evil.example.com"]);
    assert_eq!(home.apps.register(&second).await.unwrap(), Registered::NameTaken);
    assert_eq!(home.apps.find(&first.name).await.unwrap(), Some(first), "and the first one stays");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn apps_are_listed_by_name(on: AccountsOn) {
    let home = AccountHome::on(on).await;
    for text in ["zoo", "a_b", "a-b", "ab", "0"] {
        home.apps.register(&app(text, AppKind::Public, &[])).await.unwrap();
    }
    let listed = home.apps.list().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|app| app.name.as_str()).collect();
    assert_eq!(listed, ["0", "a-b", "a_b", "ab", "default", "zoo"]);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_removed_app_is_gone_with_its_origins(on: AccountsOn) {
    let home = AccountHome::on(on).await;
    let made = app("shop", AppKind::Public, &["https://shop.example.com"]);
    home.apps.register(&made).await.unwrap();
    assert!(home.apps.remove(&made.name).await.unwrap());
    assert!(!home.apps.remove(&made.name).await.unwrap());
    assert_eq!(home.apps.find(&made.name).await.unwrap(), None);

    let again = app("shop", AppKind::Public, &[]);
    assert_eq!(home.apps.register(&again).await.unwrap(), Registered::Yes);
    assert_eq!(home.apps.find(&again.name).await.unwrap(), Some(again));
}

#[apply(account_back_ends)]
#[tokio::test]
async fn an_app_is_changed_in_what_was_asked_for_alone(on: AccountsOn) {
    let home = AccountHome::on(on).await;
    let made = app("shop", AppKind::Public, &["https://shop.example.com"]);
    home.apps.register(&made).await.unwrap();
    let [first, second] = [[1; 32], [2; 32]];
    let kind = |secret_sha256| AppKind::Confidential { secret_sha256 };
    for (secret, expected) in [
        (SecretChange::Renew(first), None),
        (SecretChange::Keep, Some(AppKind::Public)),
        (SecretChange::Give(first), Some(kind(first))),
        (SecretChange::Give(second), Some(kind(first))),
        (SecretChange::Keep, Some(kind(first))),
        (SecretChange::Renew(second), Some(kind(second))),
        (SecretChange::Take, Some(AppKind::Public)),
        (SecretChange::Take, Some(AppKind::Public)),
    ] {
        let expected = expected.map(|kind| App { kind, ..made.clone() });
        let changed =
            home.apps.change(&made.name, &AppChange { secret, ..AppChange::default() }).await.unwrap();
        assert_eq!(changed, expected, "{secret:?}");
        assert!(changed.is_none() || home.apps.find(&made.name).await.unwrap() == changed);
    }
    let origins = Some(vec![Origin::parse("https://new.example.com").expect("an origin")]);
    for origins in [origins, Some(Vec::new())] {
        let change = AppChange { origins: origins.clone(), ..AppChange::default() };
        let changed = home.apps.change(&made.name, &change).await.unwrap().expect("an app");
        assert_eq!(Some(changed.origins), origins);
        let default = home.apps.change(&AppName::default_app(), &change).await.unwrap();
        assert_eq!(default.expect("the default app").kind, AppKind::Public);
    }
    for secret in [SecretChange::Give(first), SecretChange::Renew(first)] {
        let change = AppChange { secret, ..AppChange::default() };
        assert_eq!(home.apps.change(&AppName::default_app(), &change).await.unwrap(), None);
        assert_eq!(home.apps.change(&name("unknown"), &change).await.unwrap(), None);
    }
}
