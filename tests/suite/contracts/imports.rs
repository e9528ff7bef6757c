//! Accounts that are brought along from elsewhere, many at once.

use crate::support::{
    accounts::account,
    backends::{AccountBackEnd, AccountsOn, START, account_back_ends},
};
use futures_util::future::join_all;
use keyward::{
    domain::{
        clock::Timestamp,
        ids::UserId,
        locale::Locale,
        secret::PasswordHash,
        user::{Account, Email, Role, User, UserStatus},
    },
    store::accounts::{Created, Imported},
};
use rstest_reuse::apply;

/// Another account of that name.
fn named(other: &Account, id: UserId) -> Account {
    Account { user: User { id, ..other.user.clone() }, ..other.clone() }
}

async fn import(back_end: &AccountBackEnd, accounts: &[Account]) -> Vec<Imported> {
    back_end.accounts.import(accounts).await.expect("an answer")
}

async fn all(back_end: &AccountBackEnd) -> Vec<Account> {
    back_end.accounts.list_accounts(None, 10_000).await.expect("a list")
}

#[apply(account_back_ends)]
#[tokio::test]
async fn imported_accounts_are_read_back_as_they_came(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let mut full = account("Ålice, \"the\" {first} \\ NULL");
    full.user.email = Some(Email::parse("alice@example.com").expect("an address"));
    full.user.email_verified = true;
    full.user.roles = ["a", "ops:eu/read"].map(|name| Role::parse(name).expect("a role")).to_vec();
    full.user.locale = Some(Locale::parse("pt-BR").expect("a locale"));
    full.user.created_at = Timestamp::from_millis(1_234_567_890_123);
    full.password_hash = PasswordHash::from_phc("$2b$10$abc".to_owned());
    let mut disabled = account("bob");
    disabled.user.status = UserStatus::Disabled;
    let accounts = [full, disabled];
    assert_eq!(import(&back_end, &accounts).await, [Imported::Made; 2]);
    for account in &accounts {
        let read = back_end.accounts.by_id(account.user.id).await.unwrap().expect("an account");
        assert_eq!(read.user, account.user);
        assert!(read.password_hash == account.password_hash);
    }
    assert_eq!(import(&back_end, &[]).await, []);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn to_import_again_changes_nothing(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let accounts: Vec<Account> = (0..700).map(|number| account(&format!("user{number}"))).collect();
    assert_eq!(import(&back_end, &accounts[..400]).await, [Imported::Made; 400]);
    // Since then one of them has signed in, and been given a role.
    let (id, hash) = (accounts[7].user.id, PasswordHash::from_phc("$argon2id$new".to_owned()));
    assert!(back_end.accounts.set_password(id, None, &hash, None).await.unwrap());
    let mut expected = vec![Imported::There; 400];
    expected.resize(700, Imported::Made);
    assert_eq!(import(&back_end, &accounts).await, expected);
    assert_eq!(import(&back_end, &accounts).await, [Imported::There; 700]);
    assert_eq!(all(&back_end).await.len(), 700);
    let read = back_end.accounts.by_id(id).await.unwrap().expect("an account");
    assert!(read.password_hash == hash, "what has changed here since is kept");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_name_and_an_id_are_one_accounts(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (alice, bob) = (account("Alice"), account("bob"));
    assert_eq!(back_end.accounts.create(&alice).await.unwrap(), Created::Yes);
    let another_alice = account("ALICE");
    let renamed = named(&bob, alice.user.id);
    let twice = [another_alice.clone(), renamed, bob.clone(), bob.clone(), named(&bob, UserId::new(START))];
    let expected =
        [Imported::NameTaken, Imported::IdTaken, Imported::Made, Imported::There, Imported::NameTaken];
    assert_eq!(import(&back_end, &twice).await, expected);
    // Its name is another's, and its id a third one's.
    assert_eq!(import(&back_end, &[named(&alice, bob.user.id)]).await, [Imported::IdTaken]);
    assert_eq!(all(&back_end).await.len(), 2);
    let read = back_end.accounts.by_id(alice.user.id).await.unwrap().expect("an account");
    assert_eq!(read.user, alice.user);
}

#[apply(account_back_ends)]
#[tokio::test(flavor = "multi_thread")]
async fn of_two_imports_at_once_each_account_is_made_by_one(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (node, _) = back_end.another_node().await;
    let accounts: Vec<Account> = (0..300).map(|number| account(&format!("user{number}"))).collect();
    let mut backwards = accounts.clone();
    backwards.reverse();
    let imports = (0..10).map(|number| {
        let node = if number % 2 == 0 { back_end.accounts.clone() } else { node.clone() };
        let accounts = if number % 3 == 0 { accounts.clone() } else { backwards.clone() };
        tokio::spawn(async move { node.import(&accounts).await })
    });
    let mut made = 0;
    for imported in join_all(imports.collect::<Vec<_>>()).await {
        let imported = imported.expect("no panic").expect("an answer");
        made += imported.iter().filter(|one| **one == Imported::Made).count();
        assert!(imported.iter().all(|one| matches!(one, Imported::Made | Imported::There)));
    }
    assert_eq!((made, all(&back_end).await.len()), (300, 300));
}

#[apply(account_back_ends)]
#[tokio::test]
async fn accounts_are_listed_by_id_with_what_proves_them(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let mut accounts: Vec<Account> = (0..7).map(|number| account(&format!("user{number}"))).collect();
    import(&back_end, &accounts).await;
    accounts.sort_by_key(|account| account.user.id);
    let mut listed = back_end.accounts.list_accounts(None, 4).await.unwrap();
    let after = listed[3].user.id;
    listed.extend(back_end.accounts.list_accounts(Some(after), 4).await.unwrap());
    let users =
        |accounts: &[Account]| accounts.iter().map(|account| account.user.clone()).collect::<Vec<_>>();
    assert_eq!(users(&listed), users(&accounts));
}
