//! Apps.

use crate::support::backends::{AccountBackEnd, AccountsOn, START, account_back_ends};
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
    let back_end = AccountBackEnd::on(on).await;
    let default = AppName::default_app();
    assert!(!back_end.apps.remove(&default).await.unwrap());
    let found = back_end.apps.find(&default).await.unwrap().expect("the default app");
    assert_eq!((found.kind, found.origins), (AppKind::Public, Vec::new()));
    assert_eq!(
        back_end.apps.register(&app("default", confidential(), &[])).await.unwrap(),
        Registered::NameTaken
    );
}

#[apply(account_back_ends)]
#[tokio::test]
async fn an_app_is_read_back_as_it_was_registered(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let origins = ["https://shop.example.com", "http://localhost:3000", "https://[2001:db8::1]:8443"];
    for made in [app("shop", AppKind::Public, &origins), app("back-end", confidential(), &[])] {
        assert_eq!(back_end.apps.register(&made).await.unwrap(), Registered::Yes);
        assert_eq!(back_end.apps.find(&made.name).await.unwrap(), Some(made));
    }
    assert_eq!(back_end.apps.find(&name("unknown")).await.unwrap(), None);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn an_app_is_registered_once(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let first = app("shop", confidential(), &["https://shop.example.com"]);
    assert_eq!(back_end.apps.register(&first).await.unwrap(), Registered::Yes);
    let second = app("shop", AppKind::Public, &["https://evil.example.com"]);
    assert_eq!(back_end.apps.register(&second).await.unwrap(), Registered::NameTaken);
    assert_eq!(back_end.apps.find(&first.name).await.unwrap(), Some(first), "and the first one stays");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn apps_are_listed_by_name(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    for text in ["zoo", "a_b", "a-b", "ab", "0"] {
        back_end.apps.register(&app(text, AppKind::Public, &[])).await.unwrap();
    }
    let listed = back_end.apps.list().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|app| app.name.as_str()).collect();
    assert_eq!(listed, ["0", "a-b", "a_b", "ab", "default", "zoo"]);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_removed_app_is_gone_with_its_origins(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let made = app("shop", AppKind::Public, &["https://shop.example.com"]);
    back_end.apps.register(&made).await.unwrap();
    assert!(back_end.apps.remove(&made.name).await.unwrap());
    assert!(!back_end.apps.remove(&made.name).await.unwrap());
    assert_eq!(back_end.apps.find(&made.name).await.unwrap(), None);

    let again = app("shop", AppKind::Public, &[]);
    assert_eq!(back_end.apps.register(&again).await.unwrap(), Registered::Yes);
    assert_eq!(back_end.apps.find(&again.name).await.unwrap(), Some(again));
}

#[apply(account_back_ends)]
#[tokio::test]
async fn an_app_is_changed_in_what_was_asked_for_alone(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let made = app("shop", AppKind::Public, &["https://shop.example.com"]);
    back_end.apps.register(&made).await.unwrap();
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
            back_end.apps.change(&made.name, &AppChange { secret, ..AppChange::default() }).await.unwrap();
        assert_eq!(changed, expected, "{secret:?}");
        assert!(changed.is_none() || back_end.apps.find(&made.name).await.unwrap() == changed);
    }
    let origins = Some(vec![Origin::parse("https://new.example.com").expect("an origin")]);
    for origins in [origins, Some(Vec::new())] {
        let change = AppChange { origins: origins.clone(), ..AppChange::default() };
        let changed = back_end.apps.change(&made.name, &change).await.unwrap().expect("an app");
        assert_eq!(Some(changed.origins), origins);
        let default = back_end.apps.change(&AppName::default_app(), &change).await.unwrap();
        assert_eq!(default.expect("the default app").kind, AppKind::Public);
    }
    for secret in [SecretChange::Give(first), SecretChange::Renew(first)] {
        let change = AppChange { secret, ..AppChange::default() };
        assert_eq!(back_end.apps.change(&AppName::default_app(), &change).await.unwrap(), None);
        assert_eq!(back_end.apps.change(&name("unknown"), &change).await.unwrap(), None);
    }
}
