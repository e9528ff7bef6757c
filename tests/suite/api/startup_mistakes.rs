//! Contract 1: a start that fails says in one line what is wrong and where, with exit code 1.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    time::Instant,
};

use super::install::Install;

/// The start fails with one line that holds all of `words`.
#[track_caller]
fn fails(install: &Install, words: &[&str]) {
    let outcome = install.run(&["serve"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    assert!(outcome.stdout.is_empty(), "{outcome:?}");
    for word in words {
        assert!(outcome.stderr.contains(word), "{word:?} in {outcome:?}");
    }
}

#[test]
fn an_unknown_setting_in_the_environment() {
    let install = Install::new().with("KEYWARD_TOKENS_ACESS_TTL", "15m");
    fails(&install, &["KEYWARD_TOKENS_ACESS_TTL", "KEYWARD_TOKENS_ACCESS_TTL"]);
}

#[test]
fn an_unknown_setting_in_the_file() {
    let install = Install::new();
    fs::write(install.path("keyward.toml"), "[storage]\ndata_dri = \"x\"\n").expect("written");
    fails(&install, &["keyward.toml", "storage.data_dri", "storage.data_dir"]);
}

#[test]
fn a_file_that_is_not_toml() {
    let install = Install::new();
    fs::write(install.path("keyward.toml"), "[tokens]\naccess_ttl = 15m\n").expect("written");
    fails(&install, &["keyward.toml", "line 2"]);
}

#[test]
fn a_bad_duration() {
    for text in ["15", "soon", "-1m", "1.5h", "15 parsecs", "99999999999999d"] {
        let install = Install::new().with("KEYWARD_TOKENS_ACCESS_TTL", text);
        fails(&install, &["KEYWARD_TOKENS_ACCESS_TTL", text]);
    }
}

#[test]
fn values_a_setting_cannot_take() {
    for (variable, value) in [
        ("KEYWARD_TOKENS_ALGORITHM", "HS256"),
        ("KEYWARD_SERVER_LISTEN", "localhost"),
        ("KEYWARD_SERVER_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("KEYWARD_ACCOUNTS_SIGNUP", "maybe"),
        ("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", "many"),
        ("KEYWARD_STORAGE_REDIS_MODE", "swarm"),
    ] {
        fails(&Install::new().with(variable, value), &[variable, value]);
    }
}

#[test]
fn a_url_with_a_password_is_not_repeated() {
    for (variable, url) in
        [("DATABASE_URL", "mysql://keyward:swordfish@db/x"), ("REDIS_URL", "http://:swordfish@r")]
    {
        let outcome = Install::new().with(variable, url).run(&["serve"]);
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (Some(1), 1), "{outcome:?}");
        assert!(outcome.stderr.contains(variable) && !outcome.stderr.contains("swordfish"), "{outcome:?}");
    }
}

#[test]
fn a_keys_folder_that_cannot_be_read() {
    let install = Install::new();
    fs::write(install.path("keys"), "a file in place of the folder").expect("written");
    fails(&install, &["keys"]);
    let install = Install::new();
    fs::write(install.path("file"), "").expect("written");
    fails(&install.with("KEYWARD_KEYS_DIR", "file/keys"), &["file/keys"]);
}

#[tokio::test]
async fn key_permissions_that_are_too_loose() {
    let install = Install::new();
    install.start().await.terminate();
    for entry in fs::read_dir(install.path("keys")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let about = fs::metadata(&path).expect("a file");
        let mode = about.permissions().mode();
        if about.len() == 0 {
            continue; // A lock holds no secret.
        }
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("loosened");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        fails(&install, &[&name, "600"]);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("closed");
    }
    install.start().await;
}

#[tokio::test]
async fn a_key_file_that_holds_no_key() {
    let install = Install::new();
    install.start().await.terminate();
    let entries = fs::read_dir(install.path("keys")).expect("a folder");
    let mut files = entries.map(|entry| entry.expect("an entry").path());
    let key = files.find(|path| path.extension().is_some_and(|it| it == "pem")).expect("a key");
    fs::write(&key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").expect("written");
    fails(&install, &[&key.file_name().expect("a name").to_string_lossy()]);
}

#[test]
fn a_port_that_is_taken() {
    let install = Install::new().with_admin();
    for (address, setting) in [
        (install.listen, "server.listen"),
        (install.management, "server.management_listen"),
        (install.check, "server.check_listen"),
        (install.ext_authz, "server.ext_authz_listen"),
        (install.admin, "server.admin_listen"),
    ] {
        let _taken = TcpListener::bind(address).expect("the port");
        fails(&install, &[setting, &address.to_string()]);
    }
}

#[test]
fn a_database_that_cannot_be_opened() {
    let install = Install::new();
    fs::write(install.path("data"), "a file in place of the folder").expect("written");
    fails(&install, &["data"]);
    let install = Install::new();
    fs::create_dir(install.path("data")).expect("made");
    fs::write(install.path("data/keyward.db"), "no database").expect("written");
    fails(&install, &["keyward.db"]);
}

#[test]
fn postgresql_without_redis() {
    let install = Install::new().with("DATABASE_URL", "postgres://keyward:swordfish@127.0.0.1:1/keyward");
    fails(&install, &["DATABASE_URL", "redis_url"]);
}

#[test]
fn a_redis_that_is_away() {
    let begun = Instant::now();
    let install = Install::new().with("REDIS_URL", "redis://:swordfish@127.0.0.1:1");
    let outcome = install.run(&["serve"]);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (Some(1), 1), "{outcome:?}");
    assert!(outcome.stderr.contains("127.0.0.1:1"), "{outcome:?}");
    assert!(!outcome.stderr.contains("swordfish"), "{outcome:?}");
    assert!(begun.elapsed().as_secs() < 15, "it gives up after a few seconds");
}

#[test]
fn a_redis_that_does_not_answer() {
    let deaf = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = deaf.local_addr().expect("an address").to_string();
    let begun = Instant::now();
    fails(&Install::new().with("REDIS_URL", format!("redis://{address}")), &[&address]);
    assert!(begun.elapsed().as_secs() < 15, "it gives up after a few seconds");
}
