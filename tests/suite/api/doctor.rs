//! What the doctor finds (contract 1), each by a mistake that was made for it.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

use rusqlite::Connection;
use serde_json::Value;

use super::{
    disk::name_space,
    install::Install,
    nodes::{node, second_node},
};
use crate::support::servers::{postgres, redis};

fn findings(stdout: &str) -> Vec<Value> {
    serde_json::from_str(stdout).expect("an array")
}

/// The doctor's findings of a health.
pub(super) fn found(install: &Install, health: &str) -> Vec<String> {
    let outcome = install.run(&["doctor", "--json"]);
    let all = findings(&outcome.stdout);
    let any_wrong = all.iter().any(|finding| finding["health"] == "wrong");
    assert_eq!(outcome.code, Some(i32::from(any_wrong)), "{outcome:?}");
    let of = all.iter().filter(|finding| finding["health"] == health);
    of.map(|finding| format!("{}: {}", text(finding, "part"), text(finding, "finding"))).collect()
}

fn text(finding: &Value, member: &str) -> String {
    finding[member].as_str().expect(member).to_owned()
}

/// One thing is wrong, and what is said of it holds all of `words`.
#[track_caller]
fn finds(install: &Install, words: &[&str]) {
    says(&found(install, "wrong"), words);
}

#[track_caller]
fn says(wrong: &[String], words: &[&str]) {
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    for word in words {
        assert!(wrong[0].contains(word), "{word:?} in {wrong:?}");
    }
}

pub(super) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("mode");
}

/// What is wrong to a user for whom modes count: root without its powers, or whoever we are.
pub(super) fn wrong_to_the_powerless(install: &Install) -> Vec<String> {
    let binary = Path::new(env!("CARGO_BIN_EXE_keyward"));
    let is_root = fs::metadata("/proc/self").expect("/proc").uid() == 0;
    let mut command: Command = if is_root {
        let mut command = install.command(Path::new("setpriv"));
        command.args(["--bounding-set=-all", "--inh-caps=-all"]).arg(binary);
        command
    } else {
        install.command(binary)
    };
    let output = command.args(["doctor", "--json"]).output().expect("the doctor");
    let all = findings(&String::from_utf8(output.stdout).expect("UTF-8"));
    let wrong = all.iter().filter(|finding| finding["health"] == "wrong");
    wrong.map(|finding| text(finding, "finding")).collect()
}

async fn served() -> Install {
    let install = Install::new();
    install.start().await.terminate();
    assert_eq!(found(&install, "wrong"), [] as [String; 0]);
    install
}

#[tokio::test]
async fn the_doctor_finds_a_database_that_others_can_read_or_replace() {
    let install = served().await;
    let database = install.path("data/keyward.db");
    chmod(&database, 0o644);
    finds(&install, &["data: data/keyward.db has mode 644", "chmod 600"]);
    chmod(&database, 0o600);
    fs::write(install.path("data/keyward.db-wal"), "").expect("written");
    chmod(&install.path("data/keyward.db-wal"), 0o640);
    finds(&install, &["data: data/keyward.db-wal has mode 640", "chmod 600"]);
    // The doctor may have tidied it away: it was the last to use the file.
    let _ = fs::remove_file(install.path("data/keyward.db-wal"));
    chmod(&install.path("data"), 0o777);
    finds(&install, &["data: data has mode 777", "others can put another database there", "chmod 700"]);
}

#[test]
fn the_doctor_finds_folders_that_cannot_be_written_to() {
    let install = Install::new();
    for folder in ["data", "keys"] {
        fs::create_dir(install.path(folder)).expect("made");
        chmod(&install.path(folder), 0o555);
    }
    let wrong = wrong_to_the_powerless(&install);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].contains("data cannot be written to by this user"), "{wrong:?}");
    assert!(wrong[1].contains("keys holds no key, and none can be made there"), "{wrong:?}");
}

#[tokio::test]
async fn keys_in_a_folder_that_cannot_be_written_to_are_good() {
    let install = served().await;
    fs::remove_file(install.path("keys/.lock")).expect("removed");
    chmod(&install.path("keys"), 0o500);
    assert_eq!(wrong_to_the_powerless(&install), [] as [String; 0]);
}

#[test]
fn the_doctor_finds_a_disk_that_is_full() {
    let install = Install::new();
    fs::create_dir(install.path("data")).expect("made");
    let examine = format!(
        "mount -t tmpfs -o size=1m none data && {} doctor --json; code=$?; umount data; exit $code",
        env!("CARGO_BIN_EXE_keyward")
    );
    // A disk of its own, in a name space that ends with the command.
    let mut unshare = install.command(Path::new("unshare"));
    let output = unshare.args(name_space(&install)).args(["sh", "-c", &examine]).output().expect("unshare");
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    assert!(text.contains("the disk of data is full: 1 MiB are left"), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn the_doctor_finds_an_address_that_another_program_has_and_knows_a_server() {
    let install = served().await;
    let taken = TcpListener::bind(install.check).expect("the port");
    finds(
        &install,
        &["listen: server.check_listen", &install.check.to_string(), "another program listens there"],
    );
    drop(taken);
    let _server = install.start().await;
    assert_eq!(found(&install, "wrong"), [] as [String; 0]);
    let notes = found(&install, "note");
    assert!(
        notes.iter().filter(|note| note.contains("a server runs there already")).count() == 4,
        "{notes:?}"
    );
}

#[tokio::test]
async fn the_doctor_finds_a_database_of_a_later_version() {
    let install = served().await;
    let file = Connection::open(install.path("data/keyward.db")).expect("opened");
    let later = "INSERT INTO refinery_schema_history VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')";
    file.execute_batch(later).expect("noted");
    drop(file);
    finds(&install, &["database: data/keyward.db", "later version", "V999__later"]);
    let start = install.run(&["serve"]);
    assert!(start.code == Some(1) && start.stderr.contains("V999__later"), "{start:?}");
}

#[tokio::test]
async fn the_doctor_finds_keys_that_are_not_shared() {
    let redis = redis::Server::start(&["--appendonly", "yes"]);
    let database = postgres::database();
    let first = node(&redis, &database);
    first.start().await.terminate();
    // A copy, which does not hear of changes.
    let second = second_node(&first, &redis, &database);
    fs::create_dir(second.path("copy")).expect("made");
    for entry in fs::read_dir(first.path("keys")).expect("a folder") {
        let path = entry.expect("a file").path();
        fs::copy(&path, second.path("copy").join(path.file_name().expect("a name"))).expect("copied");
    }
    let second = second.with("KEYWARD_KEYS_DIR", "copy");
    assert_eq!(found(&second, "wrong"), [] as [String; 0]);

    let listed: Value = serde_json::from_str(&first.good(&["key", "list", "--json"])).expect("JSON");
    first.good(&["key", "retire", listed[0]["kid"].as_str().expect("a kid")]);
    let listed: Value = serde_json::from_str(&first.good(&["key", "list", "--json"])).expect("JSON");
    let _server = first.start().await;
    let signer = listed[1]["kid"].as_str().expect("a kid");
    let noted = || redis.ask::<Option<f64>>(&format!("ZSCORE installation:signers {signer}"));
    super::install::wait_for(noted).expect("the signing key is noted");
    assert!(redis.ask::<i64>("TTL installation:signers") > 0);
    finds(&second, &["keys: a node signs with", signer, "same keys folder"]);
    assert_eq!(found(&first, "wrong"), [] as [String; 0]);
}

#[tokio::test]
async fn the_doctor_finds_nodes_that_say_something_else_in_their_tokens() {
    let redis = redis::Server::start(&["--appendonly", "yes"]);
    let database = postgres::database();
    let first = node(&redis, &database);
    let _server = first.start().await;
    let noted = || (redis.ask::<i64>("ZCARD installation:issuers") == 1).then_some(());
    super::install::wait_for(noted).expect("what it says is noted");
    assert!(redis.ask::<i64>("TTL installation:issuers") > 0);
    let second = second_node(&first, &redis, &database);
    assert_eq!(found(&second, "wrong"), [] as [String; 0]);

    let theirs = format!("a node says issuer http://{} and audience keyward in its tokens", first.listen);
    let elsewhere = "https://auth.example.com";
    let other = second.with("KEYWARD_SERVER_PUBLIC_URL", elsewhere);
    finds(&other, &["settings: ", &theirs, elsewhere, "set server.public_url"]);
    let other = second_node(&first, &redis, &database).with("KEYWARD_TOKENS_AUDIENCE", "shops");
    finds(&other, &["settings: ", &theirs, "and shops", "tokens.audience"]);
    assert_eq!(found(&first, "wrong"), [] as [String; 0]);
}

#[test]
fn the_doctor_remarks_stores_elsewhere_that_are_spoken_to_without_tls() {
    let remarks = |database: &str, redis: &str| {
        let install = Install::new().with("DATABASE_URL", database).with("REDIS_URL", redis);
        let notes = found(&install, "note");
        notes.into_iter().filter(|note| note.contains("TLS")).collect::<Vec<_>>()
    };
    let open = remarks("postgres://kw:s3cret@192.0.2.1/kw", "redis://:s3cret@192.0.2.1");
    assert_eq!(open.len(), 2, "{open:?}");
    assert!(open[0].contains("sslmode=require") && open[1].contains("rediss:"), "{open:?}");
    let closed = remarks("postgres://kw@192.0.2.1/kw?sslmode=require", "rediss://192.0.2.1");
    assert_eq!(closed, [] as [String; 0]);
}

#[test]
fn the_doctor_remarks_passwords_that_may_be_too_short() {
    let short = Install::new().with("KEYWARD_ACCOUNTS_PASSWORD_MIN_LENGTH", 7);
    assert!(found(&short, "note").iter().any(|note| note.contains("password_min_length")));
}
