//! Addresses: a verified one is one user's alone, and what is done by a link is done once.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use keyward::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::UserId,
        mail::{Mail, MailKind, Recipient},
        secret::PasswordHash,
        user::Email,
    },
    store::{
        accounts::{Created, Guarded, Imported},
        addresses::{EmailConfirmed, EmailSet, EmailUndone, FirstAddress, PendingEmail},
    },
};
use rstest_reuse::apply;

use crate::support::{
    accounts::account,
    backends::{AccountsOn, START, TICK, account_back_ends},
    database::{Database, Node},
};

const UNTIL: Timestamp = Timestamp::from_millis(START.millis() + 3_600_000);

fn email(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

async fn made(node: &Arc<dyn Node>, name: &str) -> UserId {
    let account = account(name);
    assert_eq!(node.create(&account).await.expect("an answer"), Created::Yes);
    account.user.id
}

fn notice(kind: MailKind, user: UserId, at: Timestamp) -> Mail {
    Mail::new(kind, Recipient::User(user), AppName::default_app(), at)
}

async fn confirmed(node: &Arc<dyn Node>, user: UserId, version: u32, at: Timestamp) -> EmailConfirmed {
    let notice = notice(MailKind::EmailChanged, user, at);
    node.confirm_email(user, version, &notice).await.expect("an answer")
}

async fn undone(node: &Arc<dyn Node>, user: UserId, version: u32, former: &str) -> EmailUndone {
    let notice = notice(MailKind::ResetPassword, user, START);
    node.undo_email(user, version, &email(former), &notice).await.expect("an answer")
}

/// Asks for an address and confirms it; returns the number of the change that the former one is told.
async fn changed(node: &Arc<dyn Node>, user: UserId, to: &str) -> u32 {
    let version = proposed(node, user, to).await;
    assert_eq!(confirmed(node, user, version, START).await, EmailConfirmed::Yes);
    version + 1
}

async fn proposed(node: &Arc<dyn Node>, user: UserId, to: &str) -> u32 {
    node.propose_email(user, &email(to), UNTIL).await.expect("an answer").expect("a user")
}

async fn address(node: &Arc<dyn Node>, user: UserId) -> Option<(String, bool)> {
    let user = node.by_id(user).await.expect("an answer").expect("an account").user;
    user.email.map(|email| (email.as_str().to_owned(), user.email_verified))
}

async fn owner(node: &Arc<dyn Node>, of: &str) -> Option<UserId> {
    node.by_email(&email(of)).await.expect("an answer").map(|account| account.user.id)
}

#[apply(account_back_ends)]
#[tokio::test]
async fn an_address_is_somebodys_once_it_is_confirmed_and_not_before(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let ada = made(&node, "ada").await;
    let version = proposed(&node, ada, "Ada@Example.com").await;
    assert_eq!((address(&node, ada).await, owner(&node, "ada@example.com").await), (None, None));
    let pending = PendingEmail { address: email("Ada@Example.com"), version, until: UNTIL, opens: false };
    assert_eq!(node.pending_email(ada, START).await.expect("an answer"), Some(pending));
    assert_eq!(node.pending_email(ada, UNTIL).await.expect("an answer"), None, "its time is over");
    assert_eq!(confirmed(&node, ada, version, UNTIL).await, EmailConfirmed::Spent, "its time is over");
    assert_eq!(confirmed(&node, ada, version + 1, START).await, EmailConfirmed::Spent, "of another one");
    assert_eq!(confirmed(&node, ada, version, START).await, EmailConfirmed::Yes);
    assert_eq!(confirmed(&node, ada, version, START).await, EmailConfirmed::Spent, "once");
    assert_eq!(address(&node, ada).await, Some(("Ada@example.com".to_owned(), true)));
    assert_eq!(owner(&node, "aDA@EXAMPLE.com").await, Some(ada), "whatever its case");
    assert!(node.due(UNTIL, 9).await.expect("an answer").is_empty(), "nobody had another one");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn an_account_is_made_together_with_what_waits_for_its_address(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let mut ada = account("ada");
    ada.user.email = Some(email("ada@example.com"));
    let id = ada.user.id;
    let recipient = Recipient::At { user: id, address: email("ada@example.com"), version: 1 };
    let asks = |at| Mail::new(MailKind::ConfirmEmail, recipient.clone(), AppName::default_app(), at);
    let first = FirstAddress { until: UNTIL, opens: true, mail: Some(asks(START)) };
    assert_eq!(node.sign_up(&ada, &first).await.expect("an answer"), Created::Yes);
    assert_eq!(address(&node, id).await, Some(("ada@example.com".to_owned(), false)));
    let pending = async || node.pending_email(id, START).await.expect("an answer");
    let waits = PendingEmail { address: email("ada@example.com"), version: 1, until: UNTIL, opens: true };
    assert_eq!(pending().await, Some(waits));
    let mut other = account("ADA");
    other.user.email = Some(email("other@example.com"));
    let late = FirstAddress { mail: Some(asks(START + TICK)), ..first.clone() };
    assert_eq!(node.sign_up(&other, &late).await.expect("an answer"), Created::NameTaken);
    let waiting = node.due(UNTIL, 9).await.expect("an answer");
    assert_eq!(waiting, [first.mail.expect("one")], "nothing waits of an account that was not made");
    assert_eq!(node.pending_email(other.user.id, START).await.expect("an answer"), None);
    let version = proposed(&node, id, "new@example.com").await;
    assert!(pending().await.is_some_and(|now| now.opens && now.version == version), "by another address too");
    assert_eq!(confirmed(&node, id, version, START).await, EmailConfirmed::Yes);
    proposed(&node, id, "third@example.com").await;
    assert!(pending().await.is_some_and(|now| !now.opens), "it is open");
    let bare = FirstAddress { until: UNTIL, opens: true, mail: None };
    let bob = account("bob");
    assert_eq!(node.sign_up(&bob, &bare).await.expect("an answer"), Created::Yes);
    assert_eq!(node.pending_email(bob.user.id, START).await.expect("an answer"), None, "it has no address");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn of_two_who_confirm_at_once_one_does(on: AccountsOn) {
    let database = Database::on(on);
    let nodes = [database.node().await, database.node().await];
    let ada = made(&nodes[0], "ada").await;
    changed(&nodes[0], ada, "first@example.com").await;
    let version = proposed(&nodes[0], ada, "ada@example.com").await;
    let tries = join_all((0..8).map(|number| confirmed(&nodes[number % 2], ada, version, START))).await;
    assert_eq!(tries.iter().filter(|one| **one == EmailConfirmed::Yes).count(), 1, "{tries:?}");
    let told = nodes[0].due(UNTIL, 9).await.expect("an answer");
    let recipient = Recipient::At { user: ada, address: email("first@example.com"), version: version + 1 };
    assert_eq!(told.iter().map(|mail| &mail.recipient).collect::<Vec<_>>(), [&recipient], "told once");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_verified_address_is_one_users_alone_whoever_asks_first(on: AccountsOn) {
    let database = Database::on(on);
    let nodes = [database.node().await, database.node().await];
    let users = [made(&nodes[0], "ada").await, made(&nodes[0], "bob").await];
    let mut versions = Vec::new();
    for (user, typed) in users.iter().zip(["Shared@example.com", "shared@EXAMPLE.com"]) {
        versions.push(proposed(&nodes[0], *user, typed).await);
    }
    let tries =
        join_all((0..2).map(|number| confirmed(&nodes[number], users[number], versions[number], START)))
            .await;
    let mut sorted: Vec<String> = tries.iter().map(|one| format!("{one:?}")).collect();
    sorted.sort();
    assert_eq!(sorted, ["Taken", "Yes"]);
    let (first, second) = if tries[0] == EmailConfirmed::Yes { (0, 1) } else { (1, 0) };
    assert_eq!(owner(&nodes[0], "shared@example.com").await, Some(users[first]));
    let wanted = email("sharED@example.com");
    let set = |verified| nodes[1].set_email(users[second], Some(&wanted), verified);
    assert_eq!(set(true).await.expect("an answer"), EmailSet::Taken);
    assert_eq!(set(false).await.expect("an answer"), EmailSet::Yes, "unverified it blocks nobody");
    assert_eq!(owner(&nodes[0], "shared@example.com").await, Some(users[first]), "and finds nobody");
    nodes[0].set_email(users[first], None, false).await.expect("an answer");
    assert_eq!(set(true).await.expect("an answer"), EmailSet::Yes, "it is free again");
    let mut import = account("eve");
    (import.user.email, import.user.email_verified) = (Some(wanted.clone()), true);
    assert_eq!(nodes[0].import(&[import.clone()]).await.expect("an answer"), [Imported::EmailTaken]);
    import.user.email_verified = false;
    assert_eq!(nodes[0].import(&[import]).await.expect("an answer"), [Imported::Made]);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn whoever_had_the_former_address_undoes_every_change_since_and_once(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let ada = made(&node, "ada").await;
    changed(&node, ada, "owner@example.com").await;
    let to_thief = changed(&node, ada, "thief@example.com").await;
    let to_other = changed(&node, ada, "other@example.com").await;
    let pending = proposed(&node, ada, "third@example.com").await;
    assert_eq!(undone(&node, ada, to_thief + 99, "owner@example.com").await, EmailUndone::Spent, "not yet");
    assert_eq!(undone(&node, ada, to_thief, "owner@example.com").await, EmailUndone::Yes);
    assert_eq!(address(&node, ada).await, Some(("owner@example.com".to_owned(), true)));
    assert_eq!(undone(&node, ada, to_thief, "owner@example.com").await, EmailUndone::Spent);
    assert_eq!(undone(&node, ada, to_other, "thief@example.com").await, EmailUndone::Spent, "the thief's");
    assert_eq!(confirmed(&node, ada, pending, START).await, EmailConfirmed::Spent, "nothing is pending");
    let resets = node.due(UNTIL, 9).await.expect("an answer");
    let resets = resets.iter().filter(|mail| mail.kind == MailKind::ResetPassword);
    assert_eq!(resets.count(), 1, "told with the change, once");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn an_address_is_set_with_whether_it_is_verified(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let ada = made(&node, "ada").await;
    let wanted = email("ada@example.com");
    for verified in [true, false] {
        for email in [Some(&wanted), None] {
            assert_eq!(node.set_email(ada, email, verified).await.expect("an answer"), EmailSet::Yes);
            let told = address(&node, ada).await;
            assert_eq!(told, email.map(|email| (email.as_str().to_owned(), verified)));
        }
    }
}

#[apply(account_back_ends)]
#[tokio::test]
async fn what_an_operator_sets_stands(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let ada = made(&node, "ada").await;
    changed(&node, ada, "first@example.com").await;
    let change = changed(&node, ada, "second@example.com").await;
    let pending = proposed(&node, ada, "third@example.com").await;
    let mut eve = account("eve");
    eve.user.email = Some(email("eve@example.com"));
    let first = FirstAddress { until: UNTIL, opens: true, mail: None };
    assert_eq!(node.sign_up(&eve, &first).await.expect("an answer"), Created::Yes);
    node.set_email(eve.user.id, Some(&email("eve@example.com")), false).await.expect("an answer");
    proposed(&node, eve.user.id, "eve@example.com").await;
    let waits = node.pending_email(eve.user.id, START).await.expect("an answer");
    assert!(waits.is_some_and(|waits| !waits.opens), "it is let in");
    let set = node.set_email(ada, Some(&email("set@example.com")), true).await.expect("an answer");
    assert_eq!(set, EmailSet::Yes);
    assert_eq!(confirmed(&node, ada, pending, START).await, EmailConfirmed::Spent);
    assert_eq!(undone(&node, ada, change, "first@example.com").await, EmailUndone::Spent);
    assert_eq!(address(&node, ada).await, Some(("set@example.com".to_owned(), true)));
    let nobody = UserId::new(START);
    assert_eq!(node.set_email(nobody, None, false).await.expect("an answer"), EmailSet::NotFound);
    assert_eq!(node.propose_email(nobody, &email("a@example.com"), UNTIL).await.expect("an answer"), None);
    assert_eq!(node.pending_email(nobody, START).await.expect("an answer"), None);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_pending_address_gives_way_to_the_next_and_goes_when_it_is_dropped(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let ada = made(&node, "ada").await;
    let first = proposed(&node, ada, "first@example.com").await;
    let second = proposed(&node, ada, "second@example.com").await;
    assert_eq!(confirmed(&node, ada, first, START).await, EmailConfirmed::Spent);
    node.drop_pending(ada).await.expect("done");
    node.drop_pending(ada).await.expect("done");
    assert_eq!(confirmed(&node, ada, second, START).await, EmailConfirmed::Spent);
    let third = proposed(&node, ada, "third@example.com").await;
    assert!(third > second, "no number comes twice");
    assert_eq!(confirmed(&node, ada, third, START + TICK).await, EmailConfirmed::Yes);
    let deleted = node.delete(ada).await.expect("an answer");
    assert_eq!(deleted, Guarded::Done);
    assert_eq!(node.pending_email(ada, START).await.expect("an answer"), None);
    assert_eq!(owner(&node, "third@example.com").await, None);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn the_mail_that_tells_of_a_password_waits_from_the_same_step_on(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let ada = made(&node, "ada").await;
    let hash = |text: &str| PasswordHash::from_phc(format!("$argon2id${text}"));
    let recipient = Recipient::At { user: ada, address: email("ada@example.com"), version: 0 };
    let told = |at| Mail::new(MailKind::PasswordChanged, recipient.clone(), AppName::default_app(), at);
    let (first, second) = (told(START), told(START + Duration::from_secs(1)));
    assert!(node.set_password(ada, Some(&hash("h4sh")), &hash("b"), Some(&first)).await.expect("an answer"));
    assert!(
        !node.set_password(ada, Some(&hash("h4sh")), &hash("c"), Some(&second)).await.expect("an answer")
    );
    assert_eq!(node.due(UNTIL, 9).await.expect("an answer"), [first], "nothing was changed the second time");
}
