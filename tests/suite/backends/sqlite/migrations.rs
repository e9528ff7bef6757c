//! Upgrades, on tables that hold data.

use std::{collections::BTreeSet, fs, path::Path, thread};

use super::{file_in, open, secret, sign_in, whole};
use crate::support::backends::{FIRST_USE, START};
use keyward::{
    domain::{
        app::{AppKind, AppName},
        ids::SessionId,
        proved::Proved,
        refresh_token::{Chain, RefreshToken},
        session::Device,
        sign_in::{Method, Methods},
        user::{Role, UserStatus, Username},
    },
    store::{
        accounts::AccountStore,
        apps::AppStore,
        error::StoreError,
        sessions::{Rotation, SessionStore},
        sqlite::SqliteStore,
    },
};
use refinery::{Migration, Runner};
use rusqlite::Connection;
use tempfile::TempDir;

fn steps() -> Vec<Migration> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    let step = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        Migration::unapplied(&name, &fs::read_to_string(&path).expect("readable")).expect("a step")
    };
    files.map(step).collect()
}

/// A file as a server of an earlier version left it, with `data` in it.
fn file_of_version(path: &Path, version: i32, data: &str) {
    let steps: Vec<_> = steps().into_iter().filter(|step| step.version() <= version).collect();
    let mut connection = Connection::open(path).expect("opened");
    Runner::new(&steps).run(&mut connection).expect("migrated");
    connection.execute_batch(data).expect("filled");
}

#[test]
fn every_step_in_the_folder_is_taken_once_and_in_order() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    let taken = SqliteStore::migrate(&path).expect("migrated");
    let mut known = steps();
    known.sort_by_key(Migration::version);
    assert_eq!(taken, known.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert!(SqliteStore::migrate(&path).expect("nothing to do").is_empty());
}

#[tokio::test]
async fn what_a_version_1_file_holds_is_there_after_the_upgrade() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    file_of_version(
        &path,
        1,
        "INSERT INTO users VALUES (x'01890000000070008000000000000001', 'Ada', 'ada', 'ada@example.com',
             'admin ops', 'disabled', '$argon2id$old', 1600000000000);
         INSERT INTO apps VALUES ('shop', zeroblob(32), 'https://shop.example https://www.shop.example', 1);",
    );
    let applied = SqliteStore::migrate(&path).expect("migrated");
    assert_eq!(applied[..2], ["V2__sessions", "V3__app_sessions"]);

    let store = open(&path).expect("opened").store;
    let name = Username::parse("ADA").expect("a name");
    let ada = store.by_name(&name).await.expect("an answer").expect("Ada");
    assert_eq!((ada.user.username.shown(), ada.user.status), ("Ada", UserStatus::Disabled));
    assert_eq!(ada.user.roles.iter().map(Role::as_str).collect::<Vec<_>>(), ["admin", "ops"]);
    assert_eq!(ada.password_hash.phc(), "$argon2id$old");
    let shop = AppStore::find(&store, &AppName::parse("shop").expect("a name")).await;
    let shop = shop.expect("an answer").expect("the shop");
    assert_eq!(shop.kind, AppKind::Confidential { secret_sha256: [0; 32] });
    assert_eq!(shop.origins.len(), 2);

    let token = sign_in(&store).await;
    assert!(SessionStore::find(&store, token.session(), START).await.expect("an answer").is_some());
}

/// Sessions as the first version that kept them wrote them, and as version 7 did: each was refreshed twice, and
/// then seen. The first did not write down when the generation before the last was replaced.
#[tokio::test]
async fn sessions_of_earlier_versions_go_on() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let replaced = hex(&(START.millis() - 4_997).to_be_bytes());
    let times = format!(
        "{}, {}, {}, {}, {}",
        START.millis() - 4_997,
        START.millis() - 3_996,
        START.millis() - 9_999,
        START.millis() - 3_996,
        START.millis() + 600_000_000,
    );
    for (version, more) in
        [(3, String::new()), (7, format!(", x'{replaced}', 0, 0, {}", START.millis() + 895_000))]
    {
        let folder = TempDir::new().expect("a folder");
        let path = file_in(folder.path());
        let first = RefreshToken::first(SessionId::random(), &secret());
        let (id, user) = (hex(first.session().as_bytes()), "01890000000070008000000000000001");
        let row = format!(
            "INSERT INTO sessions VALUES
                (x'{id}', x'{user}', 'shop', 'phone', '192.0.2.7', 'Browser/1', 2, {times}, NULL{more})"
        );
        file_of_version(&path, version, &row);
        SqliteStore::migrate(&path).expect("migrated");
        let store = open(&path).expect("opened").store;

        let found =
            SessionStore::find(&store, first.session(), START).await.expect("an answer").expect("alive");
        assert_eq!((found.facts.app.as_str(), found.generation), ("shop", 2));
        assert_eq!(
            found.facts.device,
            Device::new(Some("phone"), "192.0.2.7".parse().ok(), Some("Browser/1"))
        );
        assert_eq!(found.facts.created_at.millis(), START.millis() - 9_999);
        let at_sign_in = Proved::at_once(Methods::of(&[Method::Password]), found.facts.created_at);
        assert_eq!(found.facts.proved, at_sign_in);
        assert_eq!(found.last_seen_at.millis(), START.millis() - 3_996);
        let rotate = async |generation: u32| {
            let chain = Chain::of(first.of_generation(generation, &secret()), &secret());
            match store.rotate(&chain, &FIRST_USE, START).await.expect("an answer") {
                Rotation::Granted(issue) => Some(issue.generation),
                _ => None,
            }
        };
        assert_eq!(rotate(1).await, Some(2), "seen in use 4 s ago");
        assert_eq!(rotate(2).await, Some(3));
        assert_eq!(rotate(0).await.is_some(), version == 7, "as the row knows");
    }
}

#[test]
fn of_many_that_make_and_upgrade_a_file_at_once_each_finds_it_done() {
    // More than once, as each round is a race.
    for _ in 0..10 {
        let folder = TempDir::new().expect("a folder");
        let path = file_in(folder.path());
        let taken: Vec<_> = thread::scope(|scope| {
            let upgrades: Vec<_> = (0..8).map(|_| scope.spawn(|| SqliteStore::migrate(&path))).collect();
            upgrades.into_iter().flat_map(|one| one.join().expect("no panic").expect("migrated")).collect()
        });
        assert_eq!(taken.len(), steps().len(), "each step once: {taken:?}");
        assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), taken.len());
    }
}

#[test]
fn a_file_of_a_newer_server_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    file_of_version(
        &path,
        2,
        "INSERT INTO refinery_schema_history VALUES (999, 'from_the_future', '2030-01-01T00:00:00Z', '1')",
    );
    let error = open(&path).err().expect("refused");
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    assert!(whole(&error).contains("V999__from_the_future"), "{}", whole(&error));
}
