//! Accounts.

use crate::support::{
    accounts,
    backends::{AccountBackEnd, AccountsOn, START, account_back_ends},
};
use futures_util::future::join_all;
use keyward::{
    domain::{
        ids::UserId,
        secret::PasswordHash,
        user::{Account, Email, ROLES_MAX, Role, RoleChange, User, UserStatus, Username},
    },
    store::accounts::{Created, Guarded, RolesChanged},
};
use rstest_reuse::apply;

fn name(text: &str) -> Username {
    Username::parse(text).expect("a name")
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_phc(format!("$argon2id${text}"))
}

fn account(username: &str) -> Account {
    let plain = accounts::account(username);
    let user = User {
        email: Some(Email::parse("someone@example.com").expect("an address")),
        roles: vec![Role::parse("admin").expect("a role"), Role::parse("ops:eu/read").expect("a role")],
        ..plain.user
    };
    Account { user, password_hash: hash("first"), ..plain }
}

async fn hash_of(back_end: &AccountBackEnd, id: UserId) -> PasswordHash {
    let found = back_end.accounts.by_id(id).await.expect("an answer");
    found.expect("an account").password_hash
}

#[apply(account_back_ends)]
#[tokio::test]
async fn an_account_is_read_back_as_it_was_made(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let full = account("Ålice of ﬁrst Street");
    let mut bare = account("bob");
    (bare.user.email, bare.user.roles) = (None, Vec::new());
    bare.user.status = UserStatus::Disabled;
    for made in [full, bare] {
        assert_eq!(back_end.accounts.create(&made).await.unwrap(), Created::Yes);
        for read in [
            back_end.accounts.by_id(made.user.id).await,
            back_end.accounts.by_name(&made.user.username).await,
        ] {
            let read = read.unwrap().expect("an account");
            assert_eq!(read.user, made.user);
            assert!(read.password_hash == made.password_hash);
        }
    }
}

#[apply(account_back_ends)]
#[tokio::test]
async fn nobody_is_found_who_was_not_made(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let nobody = UserId::new(START);
    assert!(back_end.accounts.by_id(nobody).await.unwrap().is_none());
    assert!(back_end.accounts.by_name(&name("nobody")).await.unwrap().is_none());
    assert!(!back_end.accounts.set_password(nobody, None, &hash("new"), None).await.unwrap());
    for status in [UserStatus::Active, UserStatus::Disabled] {
        assert_eq!(back_end.accounts.set_status(nobody, status).await.unwrap(), Guarded::NotFound);
    }
    assert_eq!(back_end.accounts.delete(nobody).await.unwrap(), Guarded::NotFound);
    assert!(!back_end.accounts.is_last_admin(nobody).await.unwrap());
    assert!(back_end.accounts.list(None, 10).await.unwrap().is_empty());
}

#[apply(account_back_ends)]
#[case("alice", "ALICE")]
#[case("Ålice", "a\u{30a}LICE")]
#[case("ﬁona", "Fiona")]
#[tokio::test]
async fn a_name_is_taken_and_found_whatever_its_case(
    on: AccountsOn,
    #[case] first: &str,
    #[case] second: &str,
) {
    let back_end = AccountBackEnd::on(on).await;
    assert_eq!(back_end.accounts.create(&account(first)).await.unwrap(), Created::Yes);
    assert_eq!(back_end.accounts.create(&account(second)).await.unwrap(), Created::NameTaken);
    let found = back_end.accounts.by_name(&name(second)).await.unwrap().expect("an account");
    assert_eq!(found.user.username, name(first), "and shown as it was chosen");
    assert_eq!(back_end.accounts.list(None, 10).await.unwrap().len(), 1);
}

#[apply(account_back_ends)]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_take_one_name_at_once_one_gets_it(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let takers: Vec<_> = (0..20).map(|_| account("alice")).collect();
    let taken = join_all(takers.iter().map(|taker| back_end.accounts.create(taker))).await;
    assert_eq!(taken.into_iter().filter(|created| *created.as_ref().unwrap() == Created::Yes).count(), 1);
}

#[apply(account_back_ends)]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_nodes_that_start_at_once_one_makes_the_first_account(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let nodes = join_all((0..8).map(|_| back_end.another_node())).await;
    let make = nodes.iter().enumerate().map(|(number, (accounts, _))| async move {
        accounts.create_first(&account(&format!("admin-{number}"))).await.unwrap()
    });
    assert_eq!(join_all(make).await.into_iter().filter(|made| *made).count(), 1);
    assert_eq!(back_end.accounts.list(None, 10).await.unwrap().len(), 1);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn the_first_account_is_not_made_where_there_is_one(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    back_end.accounts.create(&account("alice")).await.unwrap();
    assert!(!back_end.accounts.create_first(&account("admin")).await.unwrap());
    assert!(back_end.accounts.by_name(&name("admin")).await.unwrap().is_none());
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_password_is_replaced_only_where_it_is_the_expected_one(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let account = account("alice");
    let (id, accounts) = (account.user.id, &back_end.accounts);
    accounts.create(&account).await.unwrap();

    assert!(accounts.set_password(id, Some(&hash("first")), &hash("second"), None).await.unwrap());
    assert!(!accounts.set_password(id, Some(&hash("first")), &hash("renewed"), None).await.unwrap());
    assert!(hash_of(&back_end, id).await == hash("second"), "a stale renewal changes nothing");
    assert!(accounts.set_password(id, None, &hash("third"), None).await.unwrap());
    assert!(hash_of(&back_end, id).await == hash("third"));
}

#[apply(account_back_ends)]
#[tokio::test]
async fn an_account_is_disabled_and_enabled(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let account = account("alice");
    back_end.accounts.create(&account).await.unwrap();
    back_end.accounts.create(&self::account("another admin")).await.unwrap();
    for status in [UserStatus::Disabled, UserStatus::Disabled, UserStatus::Active] {
        assert_eq!(back_end.accounts.set_status(account.user.id, status).await.unwrap(), Guarded::Done);
        let read = back_end.accounts.by_id(account.user.id).await.unwrap().expect("an account");
        assert_eq!(read.user, User { status, ..account.user.clone() }, "and nothing else is changed");
    }
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_deleted_account_is_gone_and_its_name_is_free(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let first = account("alice");
    back_end.accounts.create(&first).await.unwrap();
    back_end.accounts.create(&account("another admin")).await.unwrap();
    assert_eq!(back_end.accounts.delete(first.user.id).await.unwrap(), Guarded::Done);
    assert_eq!(back_end.accounts.delete(first.user.id).await.unwrap(), Guarded::NotFound);
    assert!(back_end.accounts.by_id(first.user.id).await.unwrap().is_none());

    let mut second = account("ALICE");
    second.user.roles = Vec::new();
    assert_eq!(back_end.accounts.create(&second).await.unwrap(), Created::Yes);
    let read = back_end.accounts.by_name(&name("alice")).await.unwrap().expect("an account");
    assert_eq!(read.user, second.user, "and nothing of the first is left");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn accounts_are_listed_by_id_page_by_page(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let mut made: Vec<_> = (0..5).map(|number| account(&format!("user-{number}")).user).collect();
    for user in &made {
        let account = Account { user: user.clone(), password_hash: hash("first"), pardons: 0 };
        back_end.accounts.create(&account).await.unwrap();
    }
    made.sort_by_key(|user| user.id);

    let mut listed = Vec::new();
    loop {
        let after = listed.last().map(|user: &User| user.id);
        let page = back_end.accounts.list(after, 2).await.unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed, made);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_database_that_works_says_so(on: AccountsOn) {
    AccountBackEnd::on(on).await.accounts.ping().await.expect("it answers");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn pardons_are_counted_and_change_nothing_else(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (ada, bob) = (account("ada"), account("bob"));
    for made in [&ada, &bob] {
        back_end.accounts.create(made).await.unwrap();
    }
    for pardons in 1..=2 {
        assert!(back_end.accounts.pardon(ada.user.id).await.unwrap());
        let read = back_end.accounts.by_name(&ada.user.username).await.unwrap().expect("an account");
        assert_eq!((read.pardons, &read.user), (pardons, &ada.user));
        assert!(read.password_hash == ada.password_hash);
    }
    back_end.accounts.set_password(ada.user.id, None, &hash("second"), None).await.unwrap();
    let (accounts, _) = back_end.another_node().await;
    assert_eq!(accounts.by_id(ada.user.id).await.unwrap().expect("an account").pardons, 2);
    assert_eq!(accounts.by_id(bob.user.id).await.unwrap().expect("an account").pardons, 0);
    assert!(!back_end.accounts.pardon(UserId::new(START)).await.unwrap(), "of nobody");
}

fn roles(names: &[&str]) -> Vec<Role> {
    names.iter().map(|name| Role::parse(name).expect("a role")).collect()
}

fn change(add: &[&str], remove: &[&str]) -> RoleChange {
    RoleChange { add: roles(add), remove: roles(remove), is_whole: false }
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_change_of_roles_has_a_date_of_its_own_and_none_where_nothing_changes(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let made = account("alice");
    back_end.accounts.create(&made).await.unwrap();
    back_end.accounts.create(&account("another admin")).await.unwrap();
    let (id, second) = (made.user.id, std::time::Duration::from_secs(1));
    for (wanted, since, expected, at) in [
        (change(&["b", "a", "a"], &["admin", "none"]), START, &["a", "b", "ops:eu/read"][..], START),
        (change(&["b", "a"], &["admin"]), START + second * 9, &["a", "b", "ops:eu/read"], START),
        (change(&[], &["b"]), START, &["a", "ops:eu/read"], START + second),
        (change(&["b"], &[]), START + second * 9, &["a", "b", "ops:eu/read"], START + second * 9),
    ] {
        let expected = User { roles: roles(expected), roles_at: at, ..made.user.clone() };
        let changed = back_end.accounts.change_roles(id, &wanted, since).await.unwrap();
        assert_eq!(changed, RolesChanged::To(expected.clone()));
        assert_eq!(back_end.accounts.by_id(id).await.unwrap().expect("an account").user, expected);
    }
    let many: Vec<String> = (0..ROLES_MAX).map(|number| format!("r{number}")).collect();
    let many = change(&many.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    assert_eq!(back_end.accounts.change_roles(id, &many, START).await.unwrap(), RolesChanged::TooMany);
    let nobody = back_end.accounts.change_roles(UserId::new(START), &many, START).await.unwrap();
    assert_eq!(nobody, RolesChanged::NotFound);
}

#[apply(account_back_ends)]
#[tokio::test(flavor = "multi_thread")]
async fn of_changes_of_roles_at_once_none_undoes_another(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (accounts, _) = back_end.another_node().await;
    let made = account("alice");
    back_end.accounts.create(&made).await.unwrap();
    let changes = (0..12).map(|number| {
        let node = if number % 2 == 0 { back_end.accounts.clone() } else { accounts.clone() };
        let (id, wanted) = (made.user.id, change(&[&format!("r{number}")], &[]));
        tokio::spawn(async move { node.change_roles(id, &wanted, START).await })
    });
    let mut dates = Vec::new();
    for changed in join_all(changes.collect::<Vec<_>>()).await {
        let Ok(Ok(RolesChanged::To(user))) = changed else { panic!("{changed:?}") };
        dates.push(user.roles_at);
    }
    dates.sort();
    dates.dedup();
    assert_eq!(dates.len(), 12, "each its own");
    let user = back_end.accounts.by_id(made.user.id).await.unwrap().expect("an account").user;
    assert_eq!((user.roles.len(), user.roles_at), (14, *dates.last().expect("a date")));
}
