//! Further mistakes that the doctor finds (contract 1), each made for it; and good set-ups, of which it says
//! nothing.

use std::{fs, path::Path};

use rstest::rstest;
use rusqlite::Connection;

use super::{
    disk::name_space,
    doctor::{chmod, found, wrong_to_the_powerless},
    install::Install,
    nodes::{node, second_node},
};
use crate::support::servers::{
    postgres,
    redis::{self, Server},
    redis_sets::{Cluster, MASTER, Watched, shared_cluster},
};

/// One finding of that health has these words.
#[track_caller]
fn finds(install: &Install, health: &str, words: &str) {
    let found = found(install, health);
    assert_eq!(found.iter().filter(|finding| finding.contains(words)).count(), 1, "{words} in {found:?}");
}

#[track_caller]
fn is_silent(install: &Install) {
    for health in ["wrong", "note"] {
        assert_eq!(found(install, health), [] as [String; 0], "{health}");
    }
}

#[rstest]
#[case::longer_access("wrong", &[("KEYWARD_TOKENS_REFRESH_TTL", "15m")], "tokens.refresh_ttl is not longer")]
#[case::no_grace("note", &[("KEYWARD_TOKENS_REUSE_GRACE", "0")], "tokens.reuse_grace is 0")]
#[case::every_proxy("wrong", &[("KEYWARD_SERVER_TRUSTED_PROXIES", "0.0.0.0/0")], "anybody can claim any address")]
#[case::half_of_them("wrong", &[("KEYWARD_SERVER_TRUSTED_PROXIES", "10.0.0.0/8,128.0.0.0/1")], "128.0.0.0/1: anybody can")]
#[case::every_v6("wrong", &[("KEYWARD_SERVER_TRUSTED_PROXIES", "fc00::/7,::/0")], "has ::/0: anybody")]
#[case::no_proxy("note", &[("KEYWARD_SERVER_PUBLIC_URL", "https://auth.example.com")], "server.trusted_proxies is empty")]
#[case::clear("note", &[("KEYWARD_SERVER_PUBLIC_URL", "http://auth.example.com")], "cross the network in the clear")]
#[case::metrics("note", &[("KEYWARD_SERVER_MANAGEMENT_LISTEN", "0.0.0.0:0")], "metrics are open to whoever reaches")]
#[case::no_url("note", &[("KEYWARD_SERVER_LISTEN", "0.0.0.0:0")], "server.public_url is not set: tokens will name")]
#[case::of_an_address("note", &[("KEYWARD_SERVER_PUBLIC_URL", "https://192.0.2.1")], "no browser makes passkeys of the address")]
#[case::of_another("note", &[("KEYWARD_SERVER_PUBLIC_URL", "https://a.example.com"), ("KEYWARD_ACCOUNTS_PASSKEY_RP_ID", "e.com")], "which server.public_url is not below: pages of")]
#[case::short("note", &[("KEYWARD_ACCOUNTS_PASSWORD_MIN_LENGTH", "7")], "accounts.password_min_length is 7")]
#[case::no_address("wrong", &[("KEYWARD_SERVER_CHECK_LISTEN", "192.0.2.1:9082")], "this machine has no such address")]
#[case::no_list("wrong", &[("KEYWARD_ACCOUNTS_BREACHED_PASSWORDS", "/dev/null")], "cannot be read as a list of breached passwords")]
#[case::no_setting("wrong", &[("KEYWARD_TOKENS_ACESS_TTL", "5m")], "unknown setting")]
#[case::no_redis("wrong", &[("DATABASE_URL", "postgres://db/kw")], "but storage.redis_url is not set")]
#[tokio::test]
async fn settings_that_are_let_through_and_should_not_be(
    #[case] health: &str,
    #[case] settings: &[(&str, &str)],
    #[case] words: &str,
) {
    let install = Install::new();
    let install = settings.iter().fold(install, |install, (name, value)| install.with(name, value));
    finds(&install, health, words);
}

#[test]
fn stores_on_other_machines_that_anybody_may_use_or_overhear() {
    let install = Install::new()
        .with("DATABASE_URL", "postgres://kw:s3cret@192.0.2.1/kw")
        .with("REDIS_URL", "redis://192.0.2.1")
        .with("KEYWARD_STORAGE_REFRESH_KEYS", "plain");
    let notes = found(&install, "note");
    for words in [
        "the database is on another machine and TLS",
        "Redis is on another machine and spoken to without TLS",
        "storage.redis_url has no password",
        "storage.refresh_keys is plain",
    ] {
        assert!(notes.iter().any(|note| note.contains(words)), "{words} in {notes:?}");
    }
}

#[test]
fn a_settings_file_with_a_password_that_all_users_can_read() {
    let redis = Server::start(&["--requirepass", "s3cret", "--appendonly", "yes"]);
    let install = Install::new();
    let file = install.path("keyward.toml");
    fs::write(&file, format!("[storage]\nredis_url = \"{}\"\n", redis.url())).expect("written");
    chmod(&file, 0o644);
    finds(&install, "note", "keyward.toml says a password and has mode 644");
    chmod(&file, 0o640);
    let is_noted = || found(&install, "note").iter().any(|note| note.contains("says a password"));
    assert!(!is_noted());
    fs::write(&file, "[rate_limit]\nsignups = 5\n").expect("written");
    chmod(&file, 0o644);
    assert!(!is_noted(), "there is no secret in it");
}

#[test]
fn two_listeners_with_one_address() {
    let install = Install::new();
    let install = Install::beside(&install).with("KEYWARD_SERVER_CHECK_LISTEN", install.listen);
    finds(&install, "wrong", "is the address of server.listen");
}

#[test]
fn a_low_limit_of_open_files() {
    let install = Install::new();
    let doctor = format!("ulimit -n 300; exec {} doctor", env!("CARGO_BIN_EXE_keyward"));
    let output = install.command(Path::new("sh")).args(["-c", &doctor]).output().expect("sh");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(said.contains("the hard limit of open files is 300") && said.contains("LimitNOFILE"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_database_that_another_user_wrote_to() {
    let install = Install::new();
    install.start().await.terminate();
    fs::remove_file(install.path("data/first-password")).expect("read");
    chmod(&install.path("data/keyward.db"), 0o400);
    let wrong = wrong_to_the_powerless(&install);
    assert!(
        wrong.iter().any(|text| text.contains("keyward.db cannot be written to by this user")),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn a_first_password_that_nobody_deleted() {
    let install = Install::new();
    install.start().await.terminate();
    finds(&install, "note", "data/first-password is still there: delete it");
}

#[test]
fn folders_in_memory() {
    let install = Install::new();
    fs::create_dir(install.path("data")).expect("made");
    fs::create_dir(install.path("keys")).expect("made");
    chmod(&install.path("keys"), 0o700);
    let serve = "mount -t tmpfs -o size=300m,mode=700 none data && mount -t tmpfs -o mode=700 none keys";
    let keyward = env!("CARGO_BIN_EXE_keyward");
    let examine = format!(
        "{serve} && {keyward} migrate && {keyward} key new-secret >/dev/null; {keyward} doctor; umount data keys"
    );
    let mut unshare = install.command(Path::new("unshare"));
    let output = unshare.args(name_space(&install)).args(["sh", "-c", &examine]).output().expect("unshare");
    let said = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    for words in [
        "data is on tmpfs: all accounts are gone after a restart of the machine",
        "keys is on tmpfs, and can be written to",
    ] {
        assert!(said.contains(words), "{words} in {output:?}");
    }
}

#[tokio::test]
async fn a_database_file_that_is_damaged() {
    let install = Install::new();
    install.start().await.terminate();
    let path = install.path("data/keyward.db");
    let file = Connection::open(&path).expect("opened");
    file.execute_batch("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'apps'; PRAGMA wal_checkpoint(TRUNCATE)")
        .expect("spoilt");
    drop(file);
    finds(&install, "wrong", "it is damaged, restore a backup");
}

#[tokio::test]
async fn an_app_that_nobody_can_sign_in_to() {
    let install = Install::new();
    install.good(&["app", "add", "web"]);
    install.good(&["app", "update", "web", "--identifiers", "email"]);
    let off = install.with("KEYWARD_ACCOUNTS_EMAIL", "off");
    finds(&off, "wrong", "the app web takes e-mail addresses alone, and accounts.email is off");
    // As of two decisions at once, each of which was good by itself.
    let file = Connection::open(off.path("data/keyward.db")).expect("opened");
    let both = r#"{"v":2,"mfa":"required","methods":["password"]}"#;
    file.execute("UPDATE apps SET policy = ?1 WHERE name = 'web'", [both]).expect("written");
    drop(file);
    finds(&off, "wrong", "nobody can sign in to the app web by the methods that it takes");
}

#[tokio::test]
async fn a_clock_that_is_behind() {
    let install = Install::new();
    install.start().await.terminate();
    let files =
        fs::read_dir(install.path("keys")).expect("a folder").map(|entry| entry.expect("a file").path());
    let mut keys = files.filter(|path| path.extension().is_some_and(|it| it == "pem"));
    let key = keys.next().expect("a key");
    let text = fs::read_to_string(&key).expect("a text");
    let born = text.lines().find(|line| line.starts_with("born: ")).expect("when it was made");
    fs::write(&key, text.replace(born, "born: 2099-01-01T00:00:00Z")).expect("written");
    finds(&install, "wrong", "but a key was made at 2099-01-01");
}

/// A database of a server that is not as it should be.
struct Stage {
    redis: Server,
    server: postgres::Server,
    url: String,
}

impl Stage {
    fn new() -> Self {
        let (redis, server) = (Server::start(&["--appendonly", "yes"]), postgres::Server::start());
        let url = server.database();
        Self { redis, server, url }
    }

    fn name(&self) -> &str {
        self.url.rsplit('/').next().expect("a name")
    }

    fn sql(&self, statements: &str) {
        self.server.sql("postgres", &statements.replace("THIS", self.name()));
    }

    fn install(&self) -> Install {
        node(&self.redis, &self.url)
    }
}

#[rstest]
#[case::forgets("ALTER DATABASE THIS SET synchronous_commit = off", "synchronous_commit is off")]
#[case::few("ALTER DATABASE THIS CONNECTION LIMIT 6", "connections, and each node takes up to 8")]
#[case::read_only("ALTER DATABASE THIS SET default_transaction_read_only = on", "it takes no writes")]
#[tokio::test]
async fn a_database_that_is_not_as_it_should_be(#[case] mistake: &str, #[case] words: &str) {
    let stage = Stage::new();
    stage.install().migrate();
    stage.sql(mistake);
    finds(&stage.install(), "wrong", words);
}

#[tokio::test]
async fn a_database_of_another_encoding() {
    let mut stage = Stage::new();
    stage.sql("CREATE DATABASE odd ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
    stage.url = stage.url.replace(stage.name(), "odd");
    finds(&stage.install(), "wrong", "its encoding is SQL_ASCII");
}

#[tokio::test]
async fn a_redis_that_is_a_replica_or_of_a_cluster_or_of_no_such_name() {
    let master = Server::start(&["--appendonly", "yes"]);
    let replica =
        Server::start(&["--appendonly", "yes", "--replicaof", "127.0.0.1", &master.port().to_string()]);
    finds(&Install::new().with("REDIS_URL", replica.url()), "wrong", "is a replica, which takes no writes");
    let of_cluster = shared_cluster().urls().remove(0);
    finds(&Install::new().with("REDIS_URL", of_cluster), "wrong", "is a node of a Cluster, and");
    let sentinel = Server::start_sentinel(&format!("sentinel monitor main 127.0.0.1 {} 1", master.port()));
    let install =
        Install::new().with("REDIS_URL", sentinel.url()).with("KEYWARD_STORAGE_REDIS_MODE", "sentinel");
    finds(&install.with("KEYWARD_STORAGE_REDIS_MASTER", "mein"), "wrong", "no sentinel knows the master");
}

#[tokio::test]
async fn of_a_good_set_up_nothing_is_said() {
    let embedded = Install::new();
    embedded.start().await.terminate();
    fs::remove_file(embedded.path("data/first-password")).expect("read");
    is_silent(&embedded);

    let redis = redis::Server::start(&["--appendonly", "yes"]);
    let with_redis =
        Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_STORAGE_REDIS_PREFIX", "one:");
    with_redis.start().await.terminate();
    fs::remove_file(with_redis.path("data/first-password")).expect("read");
    is_silent(&with_redis);

    let database = postgres::database();
    let first = node(&redis, &database);
    first.start().await.terminate();
    fs::remove_file(first.path("data/first-password")).expect("read");
    is_silent(&first);
    // What answers by the public address stands before both.
    let second = second_node(&first, &redis, &database);
    is_silent(&second.with("KEYWARD_SERVER_TRUSTED_PROXIES", "127.0.0.1"));
}

/// Two nodes on a Redis of several servers, before and while they serve.
async fn is_silent_of_two(urls: &str, settings: &[(&str, &str)]) {
    let database = postgres::database();
    let with = |install: Install| {
        let install = install.with("DATABASE_URL", &database).with("REDIS_URL", urls);
        settings.iter().fold(install, |install, (name, value)| install.with(name, value))
    };
    let first = with(Install::new());
    first.start().await.terminate();
    fs::remove_file(first.path("data/first-password")).expect("read");
    is_silent(&first);
    let second = Install::new()
        .with("KEYWARD_KEYS_DIR", first.path("keys").display())
        .with("KEYWARD_SERVER_PUBLIC_URL", format!("http://{}", first.listen))
        .with("KEYWARD_SERVER_TRUSTED_PROXIES", "127.0.0.1");
    let second = with(second);
    let _server = first.start().await;
    is_silent(&second);
    assert_eq!(found(&first, "wrong"), [] as [String; 0]);
}

#[tokio::test]
async fn of_a_good_cluster_nothing_is_said() {
    let cluster = Cluster::start_with(3, &["--appendonly", "yes"]);
    let settings = [("KEYWARD_STORAGE_REDIS_MODE", "cluster"), ("KEYWARD_STORAGE_REDIS_WAIT", "1")];
    is_silent_of_two(&cluster.urls().join(","), &settings).await;
}

#[tokio::test]
async fn of_a_good_master_with_replicas_and_sentinels_nothing_is_said() {
    let watched = Watched::start_with(&["--appendonly", "yes"]);
    let settings = [
        ("KEYWARD_STORAGE_REDIS_MODE", "sentinel"),
        ("KEYWARD_STORAGE_REDIS_MASTER", MASTER),
        ("KEYWARD_STORAGE_REDIS_WAIT", "1"),
    ];
    is_silent_of_two(&watched.urls().join(","), &settings).await;
}

#[tokio::test]
async fn of_a_good_set_up_behind_a_proxy_nothing_is_said() {
    let install = Install::new();
    let redis = Server::start(&["--appendonly", "yes", "--requirepass", "s3cret"]);
    let file = format!(
        "[server]\npublic_url = \"https://auth.example.com\"\ntrusted_proxies = [\"10.0.0.0/8\", \"fd00::/8\"]\n\
         [storage]\nredis_url = \"{}\"\n[tokens]\naccess_ttl = \"5m\"\nrefresh_ttl = \"30d\"\n",
        redis.url()
    );
    fs::write(install.path("keyward.toml"), file).expect("written");
    chmod(&install.path("keyward.toml"), 0o640);
    install.start().await.terminate();
    fs::remove_file(install.path("data/first-password")).expect("read");
    is_silent(&install);
}
