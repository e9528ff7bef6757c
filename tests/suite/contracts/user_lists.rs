//! Lists of users, and the last admin.

use std::{collections::BTreeSet, time::Duration};

use crate::support::{
    accounts,
    backends::{AccountBackEnd, AccountsOn, START, account_back_ends},
};
use futures_util::future::join_all;
use keyward::{
    domain::{
        ids::UserId,
        user::{Account, Email, Role, RoleChange, User, UserStatus},
        user_list::{SearchPrefix, UserPlace, UserQuery},
    },
    store::accounts::{AccountStore, Guarded, RolesChanged, UserCounts},
};
use rstest_reuse::apply;

fn roles(names: &[&str]) -> Vec<Role> {
    names.iter().map(|name| Role::parse(name).expect("a role")).collect()
}

fn account(number: u64, username: &str, email: Option<&str>, names: &[&str]) -> Account {
    let (plain, created_at) = (accounts::account(username), START + Duration::from_millis(number));
    let user = User {
        id: UserId::new(created_at),
        email: email.map(|email| Email::parse(email).expect("an address")),
        roles: roles(names),
        created_at,
        ..plain.user
    };
    Account { user, ..plain }
}

async fn made(store: &dyn AccountStore, accounts: &[Account]) {
    for account in accounts {
        store.create(account).await.expect("made");
    }
}

/// The names of all that a query finds, by pages of so many, and how many pages those were.
async fn found(store: &dyn AccountStore, query: &UserQuery, limit: u32) -> Vec<String> {
    let (mut names, mut after): (Vec<String>, Option<UserPlace>) = (Vec::new(), None);
    loop {
        let page = store.page(query, after.as_ref(), limit).await.expect("a page");
        assert!(page.users.len() <= limit as usize);
        names.extend(page.users.iter().map(|user| user.username.to_string()));
        let Some(next) = page.next else { return names };
        assert_ne!(after.as_ref(), Some(&next), "it does not go on");
        // As it comes back from a client.
        after = Some(next.to_string().parse().expect("a place"));
    }
}

fn search(text: &str) -> UserQuery {
    UserQuery { search: Some(SearchPrefix::parse(text).expect("a search")), ..UserQuery::default() }
}

#[apply(account_back_ends)]
#[tokio::test]
async fn users_are_found_by_what_their_name_or_address_begins_with_whatever_its_case(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let store = back_end.accounts.as_ref();
    made(
        store,
        &[
            account(1, "Ålice", Some("ab@example.com"), &[]),
            account(2, "abe", Some("ABE@example.com"), &[]),
            account(3, "zoe", Some("Ab@Example.com"), &[]),
            account(4, "ab@example.com", None, &[]),
            account(5, "abe@example.com", Some("abe@example.com"), &[]),
            account(6, "100%_x", Some("q@example.com"), &[]),
            account(7, "aﬁ", None, &[]),
        ],
    )
    .await;
    for limit in [1, 2, 3, 100] {
        let found = async |text: &str| found(store, &search(text), limit).await;
        let all = found("ab").await;
        assert_eq!(BTreeSet::from_iter(&all).len(), all.len(), "each once: {all:?}");
        let mut sorted = all.clone();
        sorted.sort();
        assert_eq!(sorted, ["ab@example.com", "abe", "abe@example.com", "zoe", "Ålice"]);
        assert_eq!(found("AB@EXAMPLE.COM").await.len(), 3);
        assert_eq!(found("Abe@").await.len(), 2);
        assert_eq!(found("åLI").await, ["Ålice"]);
        assert_eq!(found("AFI").await, ["afi"], "as it is shown");
        assert_eq!(found("100%").await, ["100%_x"]);
        for nothing in ["_", "%", "100_", "b@example", "abf", "'", "\\", "\u{10ffff}"] {
            assert!(found(nothing).await.is_empty(), "{nothing}");
        }
    }
}

#[apply(account_back_ends)]
#[tokio::test]
async fn users_are_listed_by_role_and_status_in_either_order(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let store = back_end.accounts.as_ref();
    let names: [&[&str]; 5] = [&["admin"], &["admin.read", "b"], &["b"], &[], &["b", "admin"]];
    let accounts: Vec<_> =
        (1..).zip(names).map(|(number, roles)| account(number, &format!("u{number}"), None, roles)).collect();
    made(store, &accounts).await;
    store.set_status(accounts[2].user.id, UserStatus::Disabled).await.expect("disabled");
    let query = |role: Option<&str>, status, newest_first| UserQuery {
        search: None,
        role: role.map(|role| Role::parse(role).expect("a role")),
        status,
        newest_first,
    };
    let (active, disabled) = (Some(UserStatus::Active), Some(UserStatus::Disabled));
    for (role, status, expected) in [
        (None, None, &["u1", "u2", "u3", "u4", "u5"][..]),
        (None, active, &["u1", "u2", "u4", "u5"]),
        (None, disabled, &["u3"]),
        (Some("b"), None, &["u2", "u3", "u5"]),
        (Some("b"), active, &["u2", "u5"]),
        (Some("admin"), active, &["u1", "u5"]),
        (Some("admin.read"), None, &["u2"]),
        (Some("ADMIN"), None, &[]),
        (Some("admin"), disabled, &[]),
    ] {
        for limit in [1, 2, 10] {
            assert_eq!(
                found(store, &query(role, status, false), limit).await,
                expected,
                "{role:?} {status:?}"
            );
            let backwards: Vec<_> = expected.iter().copied().rev().collect();
            assert_eq!(
                found(store, &query(role, status, true), limit).await,
                backwards,
                "{role:?} {status:?}"
            );
        }
    }
    let both = UserQuery { search: search("u").search, ..query(Some("b"), active, false) };
    assert_eq!(found(store, &both, 1).await, ["u2", "u5"]);
    assert_eq!(store.count().await.expect("counted"), UserCounts { active: 4, disabled: 1 });
}

#[apply(account_back_ends)]
#[tokio::test]
async fn the_roles_that_users_are_listed_by_are_those_they_have(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let store = back_end.accounts.as_ref();
    let (ada, bob) = (account(1, "ada", None, &["a", "b"]), account(2, "bob", None, &["admin"]));
    made(store, &[ada.clone(), bob]).await;
    let with = async |role: &str| {
        let role = Some(Role::parse(role).expect("a role"));
        found(store, &UserQuery { role, ..UserQuery::default() }, 10).await
    };
    for (change, has) in [
        (RoleChange { add: roles(&["c:x/y"]), remove: roles(&["a"]), is_whole: false }, &["b", "c:x/y"][..]),
        (RoleChange::to(roles(&["b", "d"])), &["b", "d"]),
        (RoleChange::to(Vec::new()), &[]),
        (RoleChange::to(roles(&["a"])), &["a"]),
    ] {
        let changed = store.change_roles(ada.user.id, &change, START).await.expect("an answer");
        assert!(matches!(changed, RolesChanged::To(_)), "{changed:?}");
        for role in ["a", "b", "c:x/y", "d"] {
            let expected: &[&str] = if has.contains(&role) { &["ada"] } else { &[] };
            assert_eq!(with(role).await, expected, "{role} of {has:?}");
        }
    }
    assert_eq!(store.delete(ada.user.id).await.expect("deleted"), Guarded::Done);
    assert!(with("a").await.is_empty());
    assert_eq!(with("admin").await, ["bob"]);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn several_users_are_read_by_their_ids(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let accounts: Vec<_> = (0..3).map(|number| account(number, &format!("u{number}"), None, &[])).collect();
    made(back_end.accounts.as_ref(), &accounts).await;
    let ids = [accounts[2].user.id, UserId::new(START), accounts[0].user.id];
    let mut read = back_end.accounts.by_ids(&ids).await.expect("read");
    read.sort_by_key(|user| user.id);
    assert_eq!(read, [accounts[0].user.clone(), accounts[2].user.clone()]);
    assert!(back_end.accounts.by_ids(&[]).await.expect("read").is_empty());
}

#[apply(account_back_ends)]
#[tokio::test]
async fn the_last_enabled_admin_is_not_removed_disabled_or_demoted(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let store = back_end.accounts.as_ref();
    let (ada, bob) = (account(1, "ada", None, &["admin", "b"]), account(2, "bob", None, &["admin", "b"]));
    let other = account(3, "eve", None, &["admin.support", "admin.read"]);
    made(store, &[ada.clone(), bob.clone(), other.clone()]).await;
    assert_eq!(store.set_status(bob.user.id, UserStatus::Disabled).await.expect("asked"), Guarded::Done);
    let id = ada.user.id;
    assert!(store.is_last_admin(id).await.expect("asked"));
    for other in [bob.user.id, other.user.id] {
        assert!(!store.is_last_admin(other).await.expect("asked"));
    }
    assert_eq!(store.set_status(id, UserStatus::Disabled).await.expect("asked"), Guarded::LastAdmin);
    assert_eq!(store.delete(id).await.expect("asked"), Guarded::LastAdmin);
    for change in [
        RoleChange { remove: roles(&["admin"]), ..RoleChange::default() },
        RoleChange::to(roles(&["admin.read"])),
        RoleChange::to(Vec::new()),
    ] {
        let became = store.change_roles(id, &change, START).await.expect("asked");
        assert_eq!(became, RolesChanged::LastAdmin);
    }
    let read = store.by_id(id).await.expect("read").expect("ada");
    assert_eq!(read.user, ada.user, "nothing was changed");
    // Other roles of theirs are like anybody's, and so are others.
    let kept = store.change_roles(id, &RoleChange::to(roles(&["admin"])), START).await.expect("asked");
    assert!(matches!(kept, RolesChanged::To(_)));
    assert_eq!(store.set_status(other.user.id, UserStatus::Disabled).await.expect("asked"), Guarded::Done);
    assert_eq!(store.delete(other.user.id).await.expect("asked"), Guarded::Done);
    assert_eq!(store.set_status(bob.user.id, UserStatus::Active).await.expect("asked"), Guarded::Done);
    assert_eq!(store.delete(id).await.expect("asked"), Guarded::Done);
    assert_eq!(store.delete(bob.user.id).await.expect("asked"), Guarded::LastAdmin);
}

#[apply(account_back_ends)]
#[tokio::test(flavor = "multi_thread")]
async fn of_all_admins_who_are_taken_away_at_once_by_several_nodes_one_stays(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (second, _) = back_end.another_node().await;
    let nodes = [back_end.accounts.clone(), second];
    for round in 0..10 {
        let admins: Vec<_> =
            (0..6).map(|number| account(number, &format!("r{round}-{number}"), None, &["admin"])).collect();
        made(nodes[0].as_ref(), &admins).await;
        let takes = admins.iter().enumerate().map(|(number, admin)| {
            let (node, id) = (nodes[number % 2].clone(), admin.user.id);
            tokio::spawn(async move {
                match number % 3 {
                    0 => node.set_status(id, UserStatus::Disabled).await.expect("asked") == Guarded::Done,
                    1 => node.delete(id).await.expect("asked") == Guarded::Done,
                    _ => {
                        let became = node.change_roles(id, &RoleChange::to(Vec::new()), START).await;
                        matches!(became.expect("asked"), RolesChanged::To(_))
                    }
                }
            })
        });
        let taken = join_all(takes.collect::<Vec<_>>()).await;
        // The one who was left by the round before may go.
        let gone = taken.into_iter().filter(|taken| *taken.as_ref().expect("no panic")).count();
        let left = UserQuery {
            role: Some(Role::parse("admin").expect("a role")),
            status: Some(UserStatus::Active),
            ..UserQuery::default()
        };
        let left = found(nodes[0].as_ref(), &left, 100).await;
        assert!(!left.is_empty() && gone >= 5, "{round}: {gone} are gone, {left:?} are left");
    }
}
