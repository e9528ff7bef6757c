//! The outbox: what was taken in is tried by one at a time, until it is gone or given up.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use keyward::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::UserId,
        mail::{Mail, MailId, MailKind, Recipient},
        user::Email,
    },
    store::outbox::{MailCounts, Posted},
};
use rstest_reuse::apply;

use crate::support::{
    backends::{AccountsOn, START, TICK, account_back_ends},
    database::{Database, Node},
};

const MOST: u32 = 100;
const PAUSE: Duration = Duration::from_mins(1);

fn email(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

fn mail(recipient: Recipient, at: Timestamp) -> Mail {
    Mail::new(MailKind::ResetPassword, recipient, AppName::default_app(), at)
}

fn named(name: &str, at: Timestamp) -> Mail {
    mail(Recipient::Named(name.to_owned()), at)
}

async fn due(node: &Arc<dyn Node>, now: Timestamp) -> Vec<Mail> {
    node.due(now, MOST).await.expect("an answer")
}

async fn posted(node: &Arc<dyn Node>, mail: &Mail) {
    assert_eq!(node.post(mail, MOST).await.expect("an answer"), Posted::Taken);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_mail_is_read_back_as_it_was_taken_in(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let user = UserId::new(START);
    let address = email("j\u{f6}rg@example.com");
    let mails = [
        named("whoever's name \u{2615}", START),
        mail(Recipient::User(user), START + TICK),
        mail(Recipient::At { user, address, version: 7 }, START + TICK + TICK),
    ];
    for mail in &mails {
        posted(&node, mail).await;
        posted(&node, mail).await;
    }
    assert_eq!(due(&node, START + PAUSE).await, mails, "each once, the longest due first");
    assert_eq!(due(&node, START).await, mails[..1], "and none before its time");
    let kept = node.list_mails(None, 2).await.expect("an answer");
    let rest = node.list_mails(Some(kept[1].mail.id), 2).await.expect("an answer");
    let listed: Vec<&Mail> = kept.iter().chain(&rest).map(|kept| &kept.mail).collect();
    assert_eq!(listed, mails.iter().collect::<Vec<_>>());
    assert!(!kept[0].is_dead && kept[0].failure.is_none() && kept[0].due_at == START);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn of_many_that_claim_a_try_at_once_one_has_it(on: AccountsOn) {
    let database = Database::on(on);
    let nodes = [database.node().await, database.node().await];
    let mail = named("ada", START);
    posted(&nodes[0], &mail).await;
    let claims = (0..16).map(|number| nodes[number % 2].claim(&mail, START + PAUSE));
    let claimed = join_all(claims).await;
    assert_eq!(claimed.iter().filter(|one| matches!(one, Ok(true))).count(), 1, "{claimed:?}");
    assert!(due(&nodes[1], START + PAUSE - TICK).await.is_empty(), "nobody else tries meanwhile");
    let again = due(&nodes[1], START + PAUSE).await;
    assert_eq!(again, [Mail { attempts: 1, ..mail.clone() }], "whoever claimed it has died");
    assert!(!nodes[0].claim(&mail, START + PAUSE).await.expect("an answer"), "as it was before");
    assert!(nodes[0].claim(&again[0], START + PAUSE + PAUSE).await.expect("an answer"));
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_mail_that_was_given_up_is_tried_when_an_operator_says_so(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let mail = named("ada", START);
    posted(&node, &mail).await;
    node.note_failure(mail.id, "the server said 451", false).await.expect("noted");
    assert_eq!(due(&node, START).await.len(), 1);
    node.note_failure(mail.id, "the server said 550", true).await.expect("noted");
    assert!(due(&node, START + PAUSE).await.is_empty());
    assert!(!node.claim(&mail, START + PAUSE).await.expect("an answer"), "also who has seen it before");
    let counts = node.count_mails().await.expect("an answer");
    assert_eq!(counts, MailCounts { waiting: 0, dead: 1 });
    let kept = node.list_mails(None, 9).await.expect("an answer");
    assert!(kept[0].is_dead && kept[0].failure.as_deref() == Some("the server said 550"));
    let (later, until) = (START + PAUSE, mail.until + PAUSE);
    assert!(node.retry(mail.id, later, until).await.expect("an answer"));
    assert_eq!(due(&node, later).await, [Mail { until, ..mail.clone() }]);
    assert!(node.remove_mail(mail.id).await.expect("an answer"));
    assert!(!node.remove_mail(mail.id).await.expect("an answer"));
    assert!(!node.retry(mail.id, later, until).await.expect("an answer"));
    assert_eq!(node.count_mails().await.expect("an answer"), MailCounts::default());
}

#[apply(account_back_ends)]
#[tokio::test]
async fn no_more_wait_than_may(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let mails: Vec<Mail> = (0..4).map(|number| named(&number.to_string(), START)).collect();
    for mail in &mails[..3] {
        assert_eq!(node.post(mail, 3).await.expect("an answer"), Posted::Taken);
    }
    assert_eq!(node.post(&mails[3], 3).await.expect("an answer"), Posted::Full);
    assert_eq!(node.post(&mails[2], 3).await.expect("an answer"), Posted::Taken, "it is there");
    node.note_failure(mails[0].id, "given up", true).await.expect("noted");
    assert_eq!(node.post(&mails[3], 3).await.expect("an answer"), Posted::Taken, "one waits no more");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn what_was_given_up_long_ago_or_is_too_much_is_forgotten(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let at = |number: u32| START + PAUSE * number;
    let mails: Vec<Mail> = (0..6).map(|number| named("ada", at(number))).collect();
    for mail in &mails {
        posted(&node, mail).await;
        if mail.id != mails[0].id {
            node.note_failure(mail.id, "given up", true).await.expect("noted");
        }
    }
    let kept = async || -> Vec<MailId> {
        node.list_mails(None, 9).await.expect("an answer").iter().map(|kept| kept.mail.id).collect()
    };
    let ids = |range: std::ops::Range<usize>| mails[range].iter().map(|mail| mail.id).collect::<Vec<_>>();
    assert_eq!(node.forget_dead(at(2), 9, 9).await.expect("an answer"), 1, "made before then");
    assert_eq!(kept().await, [ids(0..1), ids(2..6)].concat(), "one that waits stays");
    assert_eq!(node.forget_dead(at(0), 2, 1).await.expect("an answer"), 1, "no more at once");
    assert_eq!(node.forget_dead(at(0), 2, 9).await.expect("an answer"), 1);
    assert_eq!(kept().await, [ids(0..1), ids(4..6)].concat(), "the latest two");
    assert_eq!(node.forget_dead(at(0), 2, 9).await.expect("an answer"), 0);
}
