//! Writes that share a commit, and the thread that makes them.

use std::{path::Path, time::Duration};

use futures_util::{
    future::{join_all, poll_immediate},
    stream::{FuturesUnordered, StreamExt},
};
use keyward::{
    domain::session::EndReason,
    store::{
        accounts::{AccountStore, Created},
        error::StoreError,
        sessions::{Ending, SessionStore},
    },
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{account, file_in, open, sign_in};
use crate::backends::START;

/// Holds the file as another process would, so that all that is asked meanwhile waits together.
fn hold(path: &Path) -> Connection {
    let other = Connection::open(path).expect("opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("held");
    other
}

#[tokio::test]
async fn one_that_fails_does_no_harm_to_those_beside_it() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    let store = open(&path).expect("opened").store;
    let mut accounts: Vec<_> = (0..40).map(|number| account(&format!("user-{number}"))).collect();
    // The id of the one before: what no trait method can answer but by an error.
    accounts[20].user.id = accounts[19].user.id;

    let held = hold(&path);
    let made = join_all(accounts.iter().map(|account| store.create(account)));
    let release = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        held.execute_batch("ROLLBACK").expect("released");
    };
    let (made, ()) = tokio::join!(made, release);
    for (number, made) in made.into_iter().enumerate() {
        match made {
            Ok(made) => assert_eq!((made, number == 20), (Created::Yes, false), "{number}"),
            Err(error) => {
                assert_eq!(number, 20, "{error}");
                assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
            }
        }
    }
    assert_eq!(store.list(None, 100).await.expect("an answer").len(), 39);
    let found = store.by_name(&accounts[20].user.username).await.expect("an answer");
    assert!(found.is_none(), "nothing of it is left");
}

#[tokio::test]
async fn what_cannot_be_committed_is_told_to_all_and_done_for_none() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    let opened = open(&path).expect("opened");
    let tokens = [sign_in(&opened.store).await, sign_in(&opened.store).await];
    let held = hold(&path);
    let endings = tokens.each_ref().map(|token| Ending {
        session: token.session(),
        owner: None,
        token: None,
        reason: EndReason::Logout,
    });
    for answer in join_all(endings.iter().map(|ending| opened.store.end(ending, START))).await {
        assert!(answer.is_err_and(|error| error.is_away()), "the file is held for longer than is waited");
    }
    assert!(opened.set.snapshot(START).is_empty());
    assert!(opened.set.is_following(), "the file can be read, so nothing is missed");
    held.execute_batch("ROLLBACK").expect("released");
    for token in tokens {
        assert!(opened.store.find(token.session(), START).await.expect("an answer").is_some());
    }
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
