//! What an operator decides for an app.

use std::time::Duration;

use keyward::{
    domain::{
        admin::AdminRole,
        app::{App, AppChange, AppKind, AppName, Origin},
        app_policy::{AppPolicy, Audience, PolicyChange, PolicyEdit},
        identifier::Identifiers,
        page_url::PageUrl,
        sign_in::{Method, Methods, SecondFactor},
    },
    store::{apps::Registered, error::StoreError},
};
use rstest_reuse::apply;

use crate::support::{
    backends::{AccountsOn, START, account_back_ends},
    database::{Database, Node},
};

/// Writes the policy of the shop as a later server, or no server of ours, would.
async fn write(database: &Database, policy: &str) {
    let sql = format!("UPDATE apps SET policy = '{policy}' WHERE name = 'shop'");
    assert_eq!(database.run(&sql).await, 1);
}

fn shop() -> AppName {
    AppName::parse("shop").expect("a name")
}

fn audience(text: &str) -> Audience {
    Audience::parse(text).expect("an audience")
}

fn role(role: PolicyEdit<AdminRole>) -> PolicyChange {
    PolicyChange { role, ..PolicyChange::default() }
}

fn ttl(secs: u64) -> PolicyChange {
    PolicyChange { access_ttl: PolicyEdit::Take(Duration::from_secs(secs)), ..PolicyChange::default() }
}

fn to(policy: PolicyChange) -> AppChange {
    AppChange { policy, ..AppChange::default() }
}

async fn registered(node: &dyn Node, policy: AppPolicy) -> App {
    let origins = vec![Origin::parse("https://shop.example.com").expect("an origin")];
    let app = App { name: shop(), kind: AppKind::Public, origins, policy, created_at: START };
    assert_eq!(node.register(&app).await.expect("an answer"), Registered::Yes);
    app
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_policy_is_read_back_as_it_was_written(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let default = node.find(&AppName::default_app()).await.unwrap().expect("the default app");
    assert_eq!(default.policy, AppPolicy::default());
    let policy = AppPolicy {
        access_ttl: Some(Duration::from_mins(5)),
        audience: Some(audience(r#"it's "odd" \ {}"#.replace(' ', "_").as_str())),
        role: Some(AdminRole::Support),
        confirm_url: Some(PageUrl::parse("https://shop.example.com/confirm?a=1&b='2'").expect("a page")),
        reset_url: Some(PageUrl::parse("https://shop.example.com/#reset={token}").expect("a page")),
        mfa: Some(SecondFactor::Off),
        methods: Some(Methods::of(&[Method::Password, Method::Passkey])),
        identifiers: Identifiers::named(["email"]).ok(),
    };
    let made = registered(node.as_ref(), policy).await;
    assert_eq!(node.find(&shop()).await.unwrap(), Some(made));
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_policy_is_changed_in_what_was_asked_for_alone(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let made = registered(node.as_ref(), AppPolicy::default()).await;
    let (five, other) = (Some(Duration::from_mins(5)), Some(audience("other")));
    let drops = PolicyChange { access_ttl: PolicyEdit::Drop, ..PolicyChange::default() };
    let takes = PolicyChange { audience: PolicyEdit::Take(audience("other")), ..PolicyChange::default() };
    for (change, access_ttl, audience, role) in [
        (ttl(300), five, None, None),
        (PolicyChange::default(), five, None, None),
        (role(PolicyEdit::Take(AdminRole::Full)), five, None, Some(AdminRole::Full)),
        (takes, five, other.clone(), Some(AdminRole::Full)),
        (role(PolicyEdit::Drop), five, other.clone(), None),
        // Again, as after an answer that was lost.
        (drops.clone(), None, other.clone(), None),
        (drops, None, other, None),
    ] {
        let changed = node.change(&shop(), &to(change)).await.unwrap();
        let expected =
            App { policy: AppPolicy { access_ttl, audience, role, ..AppPolicy::default() }, ..made.clone() };
        assert_eq!(changed, Some(expected));
        assert_eq!(node.find(&shop()).await.unwrap(), changed);
    }
    assert!(node.change(&AppName::default_app(), &to(ttl(60))).await.unwrap().is_some());
    let unknown = AppName::parse("unknown").expect("a name");
    assert_eq!(node.change(&unknown, &to(ttl(60))).await.unwrap(), None);
}

/// A node that knows of none of them must not let somebody in as if nothing were decided.
#[apply(account_back_ends)]
#[tokio::test]
async fn what_a_sign_in_takes_is_for_nodes_that_know_of_it_and_stays_theirs_when_it_is_dropped(
    on: AccountsOn,
) {
    let database = Database::on(on);
    let node = database.node().await;
    let methods = Methods::of(&[Method::Passkey]);
    for (taken, dropped, kept) in [
        (
            PolicyChange { methods: PolicyEdit::Take(methods), ..PolicyChange::default() },
            PolicyChange { methods: PolicyEdit::Drop, ..PolicyChange::default() },
            AppPolicy { methods: Some(methods), ..AppPolicy::default() },
        ),
        (
            PolicyChange { identifiers: PolicyEdit::Take(Identifiers::ALL), ..PolicyChange::default() },
            PolicyChange { identifiers: PolicyEdit::Drop, ..PolicyChange::default() },
            AppPolicy { identifiers: Some(Identifiers::ALL), ..AppPolicy::default() },
        ),
    ] {
        let version = async |v: u8| {
            let like = |spaced: &str| format!("CAST(policy AS text) LIKE '%\"v\":{spaced}{v}%'");
            let sql = format!("SELECT 1 FROM apps WHERE name = 'shop' AND ({} OR {})", like(""), like(" "));
            database.run(&sql).await
        };
        node.remove(&shop()).await.expect("an answer");
        registered(node.as_ref(), AppPolicy::default()).await;
        assert_eq!(version(1).await, 1);
        let changed = node.change(&shop(), &to(taken)).await.unwrap().expect("an app");
        assert_eq!((changed.policy, version(2).await), (kept, 1));
        let changed = node.change(&shop(), &to(dropped)).await.unwrap().expect("an app");
        assert_eq!(changed.policy, AppPolicy::default());
    }
}

#[apply(account_back_ends)]
#[tokio::test]
async fn of_changes_at_once_on_several_nodes_none_undoes_another(on: AccountsOn) {
    let database = Database::on(on);
    let nodes = [database.node().await, database.node().await];
    registered(nodes[0].as_ref(), AppPolicy::default()).await;
    for round in 1..=20 {
        let name = format!("audience{round}");
        let other = PolicyChange { audience: PolicyEdit::Take(audience(&name)), ..PolicyChange::default() };
        let (shop, one, other) = (shop(), to(ttl(round)), to(other));
        let (one, other) = tokio::join!(nodes[0].change(&shop, &one), nodes[1].change(&shop, &other));
        assert!(one.unwrap().is_some() && other.unwrap().is_some());
        let policy = nodes[1].find(&shop).await.unwrap().expect("an app").policy;
        let expected = AppPolicy {
            access_ttl: Some(Duration::from_secs(round)),
            audience: Some(audience(&name)),
            ..AppPolicy::default()
        };
        assert_eq!(policy, expected);
    }
}

#[apply(account_back_ends)]
#[tokio::test]
async fn what_a_later_server_decided_outlives_a_change_by_this_one(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    registered(node.as_ref(), AppPolicy::default()).await;
    write(&database, r#"{"v":1,"locale":"sv"}"#).await;
    let changed = node.change(&shop(), &to(ttl(60))).await.unwrap().expect("an app");
    assert_eq!(changed.policy.access_ttl, Some(Duration::from_mins(1)));
    let kept = "SELECT 1 FROM apps WHERE name = 'shop' AND CAST(policy AS text) LIKE '%\"locale\"%'";
    assert_eq!(database.run(kept).await, 1);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_policy_that_must_not_be_passed_over_makes_its_app_unreadable(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    registered(node.as_ref(), AppPolicy::default()).await;
    for policy in [r#"{"v":3,"mfa":"required"}"#, r#"{"v":1,"access_ttl":"long"}"#, "{}"] {
        write(&database, policy).await;
        let error = node.find(&shop()).await.expect_err(policy);
        assert!(
            matches!(&error, StoreError::Corrupt { place: "apps.policy", id, .. } if id == "shop"),
            "{error}"
        );
        assert!(node.find(&AppName::default_app()).await.is_ok(), "the other apps go on");
    }
}
