//! What was answered is there after a kill, and after the disk was full.

use std::{collections::HashMap, path::Path};

use super::{Other, file_in, is_invited, open, secret, tell, try_sign_in};
use crate::support::backends::{FIRST_USE, START};
use futures_util::future::join_all;
use keyward::{
    domain::{
        ids::SessionId,
        refresh_token::{Chain, RefreshToken},
        session::EndReason,
    },
    store::{
        error::StoreError,
        revocations::Subject,
        sessions::{Ending, Rotation, SessionStore},
        sqlite::SqliteStore,
    },
};
use tempfile::TempDir;

/// What the other process was told to be done.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Told {
    Generation(u32),
    Ended,
}

fn read(line: &str) -> (SessionId, Told) {
    let (session, told) = line.split_once(' ').expect("two words");
    let told = told.parse().map_or(Told::Ended, Told::Generation);
    (session.parse().expect("a session"), told)
}

/// Opens the file again and looks whether all that was told is there.
async fn verify(folder: &Path, told: &HashMap<SessionId, Told>) {
    let opened = open(&file_in(folder)).expect("opened again");
    let revoked = opened.set.snapshot(START);
    for (&session, &told) in told {
        let found = opened.store.find(session, START).await.expect("an answer");
        match told {
            // More than was told may have been done, when it ended before it could tell.
            Told::Generation(told) => assert!(
                found.is_none_or(|found| found.generation >= told)
                    || revoked.iter().any(|one| one.subject == Subject::Session(session)),
                "{session} is not at {told}"
            ),
            Told::Ended => {
                assert_eq!(found, None, "{session} lives");
                let refused = revoked.iter().find(|one| one.subject == Subject::Session(session));
                assert_eq!(refused.map(|one| one.reason), Some(EndReason::Logout), "{session}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_answered_before_a_kill_is_there_afterwards() {
    let folder = TempDir::new().expect("a folder");
    let mut told = HashMap::new();
    // Each time on what the kill before has left.
    for answers in [300, 1000, 1] {
        let mut other = Other::start(
            &[],
            "backends::sqlite::durability::as_another_process_work_until_the_end",
            folder.path(),
        );
        for _ in 0..answers {
            let (session, now) = read(&other.told().expect("it goes on"));
            told.insert(session, now);
        }
        other.process.kill().expect("killed");
        while let Some(line) = other.told() {
            let (session, now) = read(&line);
            told.insert(session, now);
        }
        verify(folder.path(), &told).await;
    }
    assert!(told.values().any(|told| *told == Told::Ended));
}

#[tokio::test]
async fn what_was_answered_before_the_disk_was_full_is_there_afterwards() {
    let folder = TempDir::new().expect("a folder");
    open(&file_in(folder.path())).expect("made while there was room");
    // No file may become longer than 512 blocks; a write beyond fails instead of killing.
    let small = ["sh", "-c", "trap '' XFSZ; ulimit -f 512; exec \"$@\"", "sh"];
    let mut other = Other::start(
        &small,
        "backends::sqlite::durability::as_another_process_work_until_the_end",
        folder.path(),
    );
    let mut told = HashMap::new();
    let error = loop {
        let line = other.told().expect("it says how it ended");
        match line.strip_prefix("failed: ") {
            Some(error) => break error.to_owned(),
            None => drop(told.insert(read(&line).0, read(&line).1)),
        }
    };
    assert!(error.starts_with("sqlite is away"), "{error}");
    assert!(told.len() > 1, "{told:?}");
    verify(folder.path(), &told).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a part that the tests above start in another process"]
async fn as_another_process_work_until_the_end() {
    if !is_invited() {
        return;
    }
    let opened = open(Path::new("keyward.db")).expect("opened");
    let failures = join_all((0..8).map(|_| work(&opened.store))).await;
    for failure in failures {
        tell(&format!("failed: {}", super::whole(&failure)));
    }
}

/// Signs in, refreshes and signs out, and tells of each when it was answered, until one fails.
async fn work(store: &SqliteStore) -> StoreError {
    loop {
        if let Err(error) = one_session(store).await {
            return error;
        }
    }
}

async fn one_session(store: &SqliteStore) -> Result<(), StoreError> {
    let mut token = try_sign_in(store).await?;
    for _ in 0..20 {
        token = refresh(store, token).await?;
        tell(&format!("{} {}", token.session(), token.generation()));
    }
    let session = token.session();
    let ending = Ending { session, owner: None, token: None, reason: EndReason::Logout };
    store.end(&ending, START).await?;
    tell(&format!("{session} ended"));
    Ok(())
}

async fn refresh(store: &SqliteStore, token: RefreshToken) -> Result<RefreshToken, StoreError> {
    let chain = Chain::of(token, &secret());
    match store.rotate(&chain, &FIRST_USE, START).await? {
        Rotation::Granted(_) => Ok(chain.successor),
        refused => panic!("{refused:?}"),
    }
}
