//! The file: how it is made, and what is said of one that cannot be used.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
};

use super::{account, file_in, open, sign_in, whole};
use crate::support::backends::START;
use keyward::store::{
    accounts::AccountStore, error::StoreError, sessions::SessionStore, sqlite::SqliteStore,
};
use rusqlite::Connection;
use tempfile::TempDir;

#[tokio::test]
async fn it_is_made_with_its_folder_and_for_nobody_else_to_read() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("var/keyward/keyward.db");
    let opened = open(&path).expect("opened");
    sign_in(&opened.store).await;
    for name in ["keyward.db", "keyward.db-wal", "keyward.db-shm"] {
        let mode = fs::metadata(path.with_file_name(name)).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    drop(opened);
    let files = fs::read_dir(path.parent().expect("a folder")).expect("readable").count();
    assert_eq!(files, 1, "closed in order, it is one file");
}

#[test]
fn one_that_is_no_database_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    let text = "a letter to a friend, and not a short one. ".repeat(100);
    fs::write(&path, &text).expect("written");
    for error in [open(&path).err(), SqliteStore::migrate(&path).err()] {
        let error = error.expect("refused");
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        let text = whole(&error);
        assert!(text.contains(&path.display().to_string()) && text.contains("not a database"), "{text}");
    }
    assert_eq!(fs::read_to_string(&path).expect("readable"), text);
}

#[test]
fn one_that_cannot_be_reached_is_away_and_named() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("data"), "a file where a folder should be").expect("written");
    let is_a_folder = folder.path().join("folder");
    fs::create_dir(&is_a_folder).expect("made");
    for path in [folder.path().join("data/keyward.db"), is_a_folder] {
        let error = open(&path).err().expect("not opened");
        assert!(error.is_away(), "{error:?}");
        assert!(whole(&error).contains(&path.display().to_string()), "{}", whole(&error));
    }
}

#[test]
fn a_copy_whose_name_is_no_text_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    drop(open(&path).expect("opened"));
    let copy = folder.path().join(OsStr::from_bytes(b"copy-\xff.db"));
    let error = SqliteStore::copy(&path, &copy).expect_err("SQLite takes no such name");
    assert!(whole(&error).contains("invalid filename"), "{}", whole(&error));
    let left: Vec<_> =
        fs::read_dir(folder.path()).expect("readable").flatten().map(|file| file.path()).collect();
    assert_eq!(left, [path], "nothing is left of it");
}

#[tokio::test]
async fn a_row_this_server_never_writes_is_named_by_table_column_and_id() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    let store = open(&path).expect("opened").store;
    let session = sign_in(&store).await.session();
    let account = account("alice");
    store.create(&account).await.expect("made");

    let spoil = |sql: &str| {
        let changed = Connection::open(&path).expect("opened").execute(sql, []).expect("changed");
        assert_eq!(changed, 1);
    };
    let place_of = |error: StoreError| match error {
        StoreError::Corrupt { store: "sqlite", place, id } => (place, id.to_lowercase()),
        other => panic!("{other:?}"),
    };
    let session_id = uuid::Uuid::from_bytes(*session.as_bytes()).simple().to_string();
    spoil("UPDATE sessions SET app = 'NOT AN APP'");
    let found = store.find(session, START).await.expect_err("not readable");
    assert_eq!(place_of(found), ("sessions.app", session_id.clone()));
    spoil("UPDATE sessions SET app = 'default', generation = -1");
    let found = store.confirm(session, 0, START).await.expect_err("not readable");
    assert_eq!(place_of(found), ("sessions.generation", session_id));
    spoil("UPDATE users SET roles = 'admin  x'");
    let found = store.by_name(&account.user.username).await.expect_err("not readable");
    assert_eq!(place_of(found), ("users.roles", account.user.id.uuid().simple().to_string()));

    drop(store);
    spoil("INSERT INTO revocations VALUES ('session', 'nobody', 'logout', 9000000000000)");
    let found = open(&path).err().expect("who is refused is not known");
    assert_eq!(place_of(found), ("revocations.subject", "nobody".to_owned()));
}
