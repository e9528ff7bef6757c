//! Writes that share a commit, and the thread that makes them.

use std::path::Path;

use super::{Opened, account, file_in, open, sign_in};
use crate::support::backends::{LIFETIMES, START};
use futures_util::{
    future::{join_all, poll_immediate},
    stream::{FuturesUnordered, StreamExt},
};
use keyward::{
    domain::{
        ids::{SessionId, TokenId},
        session::EndReason,
    },
    store::{
        accounts::{AccountStore, Created},
        error::StoreError,
        revocations::Subject,
        sessions::{Ended, Ending, SessionStore},
    },
};
use rusqlite::Connection;
use tempfile::TempDir;

fn ending(session: SessionId) -> Ending {
    let token = Some((TokenId::random(), START + LIFETIMES.access));
    Ending { session, owner: None, token, reason: EndReason::Logout }
}

/// Signs in and ends 40 sessions together, of which one breaks half way, as `how` says: its token is
/// refused, and then its row cannot be changed. Tells what came of each, and which one breaks.
async fn end_together(opened: &Opened, path: &Path, how: &str) -> (Vec<Outcome>, usize) {
    let broken = 20;
    let mut endings = Vec::new();
    for _ in 0..40 {
        endings.push(ending(sign_in(&opened.store).await.session()));
    }
    let id = uuid::Uuid::from_bytes(*endings[broken].session.as_bytes()).simple();
    let other = Connection::open(path).expect("opened");
    let trigger = format!(
        "CREATE TRIGGER breaks BEFORE UPDATE ON sessions WHEN NEW.id = x'{id}'
         BEGIN SELECT RAISE({how}, 'broken'); END;
         BEGIN IMMEDIATE"
    );
    other.execute_batch(&trigger).expect("a trigger, and the file held");
    // All are asked before the file is let go, so whatever group the broken one is in, it is not alone.
    let ended = join_all(endings.iter().map(|ending| opened.store.end(ending, START)));
    let release = async { other.execute_batch("ROLLBACK").expect("released") };
    let (ended, ()) = tokio::join!(ended, release);
    let outcome = |(ending, answer)| Outcome { ending, answer };
    (endings.into_iter().zip(ended).map(outcome).collect(), broken)
}

struct Outcome {
    ending: Ending,
    answer: Result<Ended, StoreError>,
}

impl Outcome {
    /// All of it is done, or none of it, as the answer says.
    async fn is_as_answered(&self, opened: &Opened) {
        let found = opened.store.find(self.ending.session, START).await.expect("an answer");
        let (token, _) = self.ending.token.expect("a token");
        let subjects = [Subject::Token(token), Subject::Session(self.ending.session)];
        let refused = opened.set.snapshot(START);
        for subject in subjects {
            let refused = refused.iter().any(|one| one.subject == subject);
            assert_eq!(refused, self.answer.is_ok(), "{subject:?}");
        }
        assert_eq!(found.is_none(), self.answer.is_ok());
    }
}

#[tokio::test]
async fn one_that_fails_half_way_is_undone_and_does_no_harm_to_those_beside_it() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    let opened = open(&path).expect("opened");
    let (outcomes, broken) = end_together(&opened, &path, "ABORT").await;
    for (number, outcome) in outcomes.iter().enumerate() {
        if number == broken {
            assert!(matches!(outcome.answer, Err(StoreError::Refused { .. })), "{:?}", outcome.answer);
        } else {
            assert!(matches!(outcome.answer, Ok(Ended::Now)), "{:?}", outcome.answer);
        }
        outcome.is_as_answered(&opened).await;
    }
    drop(opened);
    let opened = open(&path).expect("opened again");
    assert_eq!(opened.set.snapshot(START).len(), 2 * (outcomes.len() - 1), "nothing of it is in the file");
}

#[tokio::test]
async fn where_the_whole_transaction_is_lost_nobody_is_told_otherwise() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    let opened = open(&path).expect("opened");
    let (outcomes, broken) = end_together(&opened, &path, "ROLLBACK").await;
    assert!(matches!(outcomes[broken].answer, Err(StoreError::Refused { .. })));
    let lost = |one: &&Outcome| one.answer.as_ref().is_err_and(StoreError::is_away);
    assert!(outcomes.iter().filter(lost).count() > 0, "the others of its group");
    for outcome in &outcomes {
        outcome.is_as_answered(&opened).await;
    }
    opened.store.create(&account("alice")).await.expect("and the next one is done");
}

#[tokio::test]
async fn what_waits_too_long_for_another_process_is_not_done_and_said_to_be_away() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    let opened = open(&path).expect("opened");
    let ending = ending(sign_in(&opened.store).await.session());
    let held = Connection::open(&path).expect("opened");
    held.execute_batch("BEGIN IMMEDIATE").expect("held");
    let answer = opened.store.end(&ending, START).await;
    assert!(answer.as_ref().is_err_and(StoreError::is_away), "{answer:?}");
    Outcome { ending, answer }.is_as_answered(&opened).await;
    assert!(opened.set.is_following(), "the file can be read, so nothing is missed");
    held.execute_batch("ROLLBACK").expect("released");
    opened.store.create(&account("alice")).await.expect("it works again");
}

#[tokio::test]
async fn what_was_asked_is_done_though_nobody_waits_for_it() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    let opened = open(&path).expect("opened");
    for number in 0..100 {
        let account = account(&format!("user-{number}"));
        // Asked once, and dropped before there can be an answer or just after.
        let _ = poll_immediate(opened.store.create(&account)).await;
    }
    drop(opened);
    let store = open(&path).expect("opened again").store;
    assert_eq!(store.list(None, 1000).await.expect("an answer").len(), 100);
}

#[tokio::test]
async fn more_writes_than_fit_the_queue_are_all_done() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&file_in(folder.path())).expect("opened").store;
    let accounts: Vec<_> = (0..3000).map(|number| account(&format!("user-{number}"))).collect();
    let mut made: FuturesUnordered<_> = accounts.iter().map(|account| store.create(account)).collect();
    while let Some(made) = made.next().await {
        assert_eq!(made.expect("an answer"), Created::Yes);
    }
    assert_eq!(store.list(None, 5000).await.expect("an answer").len(), 3000);
}
