//! The commands that need no server: what they take, what they print, what they leave alone.

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::support::servers::redis::Server;
use keyward::config::EXAMPLE;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder that commands are run in.
struct Folder(TempDir);

/// What a command said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    /// What it printed, when all went well.
    fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The one line of a failure.
    fn failure(self) -> String {
        assert_eq!((self.code, self.err.lines().count()), (1, 1), "{self:?}");
        self.err.trim_end().to_owned()
    }
}

/// No command meets another's listener.
const ANY_PORT: [(&str, &str); 2] =
    [("KEYWARD_SERVER_LISTEN", "127.0.0.1:0"), ("KEYWARD_SERVER_MANAGEMENT_LISTEN", "127.0.0.1:0")];

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// One with a database.
    fn with_database() -> Self {
        let here = Self::new();
        here.run(&["migrate"]).good();
        here
    }

    /// One where a server has been: with keys and a database.
    fn with_server() -> Self {
        let here = Self::new();
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyward"));
        command.current_dir(here.0.path()).env_clear().envs(ANY_PORT);
        let mut server = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started");
        let said = BufReader::new(server.stderr.take().expect("piped")).lines();
        let is_ready = said.map_while(Result::ok).any(|line| line.contains(" ready "));
        server.kill().expect("ended");
        server.wait().expect("ended");
        assert!(is_ready);
        here
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "", &[])
    }

    fn run_with(&self, arguments: &[&str], input: &str, environment: &[(&str, &str)]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyward"));
        command.args(arguments).current_dir(self.0.path()).env_clear();
        command.envs(ANY_PORT).envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        // One that does not read it may be gone already.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("ended");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().expect("no signal");
        Said { code, out: text(output.stdout), err: text(output.stderr) }
    }

    fn objects(&self, arguments: &[&str]) -> Vec<Value> {
        serde_json::from_str(&self.run(&[arguments, &["--json"]].concat()).good()).expect("an array")
    }
}

#[test]
fn a_password_comes_from_a_terminal_or_from_standard_input() {
    let here = Folder::with_database();
    let add =
        |more: &[&str], input: &str| here.run_with(&[&["user", "add", "bob"], more].concat(), input, &[]);
    let stdin = ["--password-stdin"];
    let long = "é".repeat(257);
    for (more, input, failure) in [
        (&[][..], "x", "standard input is no terminal to ask for a password at: use --password-stdin"),
        (&stdin, "1234567", "a password has at least 8 characters"),
        (&stdin, "", "a password must not be empty"),
        (&stdin, &long, "a password has at most 256 characters"),
        (&stdin, "one\ntwo\n", "the password on standard input has more than one line"),
    ] {
        assert_eq!(add(more, input).failure(), format!("keyward: {failure}"));
    }
    assert_eq!(here.objects(&["user", "list"]), [] as [Value; 0]);
}

#[test]
fn a_listing_is_a_table_or_an_array_with_the_names_of_the_api() {
    let here = Folder::with_database();
    let add = ["user", "add", "Alice", "--role", "ops", "--role", "admin", "--password-stdin"];
    here.run_with(&add, "correct horse battery", &[]).good();
    let table = here.run(&["user", "list"]).good();
    let expected = "NAME   ROLES      STATUS  CREATED   ID\nAlice  admin,ops  active  just now  ";
    assert!(table.starts_with(expected), "{table}");

    let users = here.objects(&["user", "list"]);
    let mut names: Vec<&String> = users[0].as_object().expect("an object").keys().collect();
    names.sort();
    assert_eq!(
        names,
        ["created_at", "email", "email_verified", "id", "locale", "roles", "status", "username"]
    );
    assert_eq!(users[0]["roles"], json!(["admin", "ops"]));
}

#[test]
fn a_secret_stands_alone_on_standard_output() {
    let here = Folder::with_database();
    let secret = here.run(&["app", "add", "back-end", "--confidential"]).good();
    assert_eq!(secret.trim_end().len(), 43, "to be piped on: {secret}");
    let kinds = here.objects(&["app", "list"]);
    assert_eq!(kinds.iter().map(|app| &app["kind"]).collect::<Vec<_>>(), ["confidential", "public"]);
}

#[test]
fn an_id_may_begin_with_a_hyphen() {
    let here = Folder::with_server();
    for id in ["-AAAAAAAAAAAAAAAAAAAAA", "--AAAAAAAAAAAAAAAAAAAA", "-hAAAAAAAAAAAAAAAAAAAA"] {
        let said = here.run(&["session", "revoke", id]).good();
        assert_eq!(said, format!("{id} was over already; its tokens are refused all the same.\n"));
    }
    let failure = here.run(&["key", "retire", "-nosuch"]).failure();
    assert_eq!(failure, "keyward: there is no key \"-nosuch\" in keys");
    let failure = here.run(&["session", "revoke", "nosuch"]).failure();
    assert_eq!(failure, "keyward: there is no session \"nosuch\"");
}

#[test]
fn keys_are_made_and_taken_out_of_service() {
    let here = Folder::with_server();
    let keys = || here.objects(&["key", "list"]);
    let first = keys()[0].clone();
    let kid = first["kid"].as_str().expect("a kid");
    assert_eq!((&first["alg"], &first["state"]), (&json!("ES256"), &json!("signing")));
    assert!(here.run(&["key", "rotate"]).good().ends_with(" is made; it signs in 15 min.\n"));
    assert_eq!(keys()[1]["state"], "published");

    here.run(&["key", "retire", kid]).good();
    assert_eq!([&keys()[0]["state"], &keys()[1]["state"]], ["verifying", "signing"]);
    here.run(&["key", "retire", "--compromised", kid]).good();
    assert_eq!(keys().len(), 1);
}

#[test]
fn settings_are_shown_with_where_they_came_from() {
    let here = Folder::new();
    fs::write(here.path("keyward.toml"), "[tokens]\naccess_ttl = \"5m\"").expect("written");
    let listed = here.objects(&["config"]);
    let of = |name: &str| listed.iter().find(|setting| setting["name"] == name).expect("listed").clone();
    let access_ttl = json!({ "name": "tokens.access_ttl", "value": "5m", "from": "keyward.toml" });
    assert_eq!(of("tokens.access_ttl"), access_ttl);
    assert_eq!(of("login.queue"), json!({ "name": "login.queue", "value": 64, "from": "default" }));
    assert_eq!(here.run(&["config", "--example"]).good(), EXAMPLE);
}

#[test]
fn what_is_not_understood_makes_nothing() {
    let here = Folder::new();
    for arguments in [
        &["user", "list", "--xml"][..],
        &["session", "revoke", "AAAAAAAAAAAAAAAAAAAAAA", "--user", "alice"],
        &["config", "--example", "--json"],
    ] {
        assert_eq!(here.run(arguments).code, 2, "{arguments:?}");
    }
    let app = "an app name is 1 to 64 of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit";
    let name = "a user name must not be empty or begin or end with white space";
    for (arguments, failure) in [
        (["user", "add", " alice "], format!("invalid value ' alice ' for '<NAME>': {name}")),
        (["app", "add", "No App"], format!("invalid value 'No App' for '<NAME>': {app}")),
    ] {
        assert_eq!(here.run(&arguments).failure(), format!("keyward: {failure}"));
    }
    assert_eq!(fs::read_dir(here.path("")).expect("a folder").count(), 0);
}

#[test]
fn the_database_is_migrated_without_serving() {
    let here = Folder::new();
    let said = here.run(&["migrate"]).good();
    assert!(said.starts_with("V1__accounts_and_apps\nV2__sessions\nV3__app_sessions\n"), "{said}");
    assert_eq!(here.run(&["migrate"]).good(), "The database is up to date.\n");
}

#[test]
fn the_doctor_changes_nothing() {
    let here = Folder::new();
    let said = here.run(&["doctor"]).good();
    assert!(said.contains("the first start makes it"), "{said}");
    assert_eq!(fs::read_dir(here.path("")).expect("a folder").count(), 0);
}

/// The health of each part, by the doctor.
fn health(here: &Folder, environment: &[(&str, &str)]) -> (i32, Vec<(String, String)>) {
    let said = here.run_with(&["doctor", "--json"], "", environment);
    let findings: Vec<Value> = serde_json::from_str(&said.out).expect("an array");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (said.code, findings.iter().map(|f| (text(&f["part"]), text(&f["health"]))).collect())
}

fn parts<const N: usize>(parts: [(&str, &str); N]) -> Vec<(String, String)> {
    parts.map(|(part, health)| (part.to_owned(), health.to_owned())).to_vec()
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let here = Folder::with_server();
    fs::remove_file(here.path("data/first-password")).expect("read");
    let well = [
        ("settings", "good"),
        ("clock", "good"),
        ("machine", "good"),
        ("listen", "good"),
        ("data", "good"),
        ("keys", "good"),
        ("database", "good"),
        ("redis", "good"),
        ("mail", "good"),
    ];
    assert_eq!(health(&here, &[]), (0, parts(well)));

    let away = [("REDIS_URL", "redis://127.0.0.1:1"), ("DATABASE_URL", "postgres://127.0.0.1:1/kw")];
    // A file that is not used is not looked at.
    let mut ill = parts(well);
    ill.remove(4);
    (ill[5].1, ill[6].1) = ("wrong".to_owned(), "wrong".to_owned());
    assert_eq!(health(&here, &away), (1, ill));

    // Nothing on its disk: what was signed out may come back.
    let careless = Server::start(&[]);
    let url = careless.url();
    let found = |url: &str| health(&here, &[("REDIS_URL", url)]);
    let mut ill = well;
    ill[7].1 = "wrong";
    assert_eq!(found(&url), (1, parts(ill)));
    careless.ask::<()>("CONFIG SET appendonly yes");
    assert_eq!(found(&url), (0, parts(well)));
    careless.ask::<()>("ACL SETUSER kw on >s3cret ~* +@all -config");
    let mut noted = well;
    noted[7].1 = "note";
    assert_eq!(found(&url.replace("//", "//kw:s3cret@")), (0, parts(noted)));

    let key = fs::read_dir(here.path("keys")).expect("a folder").map(|entry| entry.expect("a file").path());
    let key = key.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "pem"));
    fs::set_permissions(key.expect("a key"), Permissions::from_mode(0o644)).expect("loosened");
    fs::write(here.path("data/keyward.db"), "not a database").expect("written");
    let mut ill = well;
    (ill[5].1, ill[6].1) = ("wrong", "wrong");
    assert_eq!(health(&here, &[]), (1, parts(ill)));

    let (code, found) = health(&here, &[("KEYWARD_TOKENS_ACCESS_TTL", "soon")]);
    assert_eq!((code, found), (1, parts([("settings", "wrong")])));
}

#[test]
fn a_command_that_finds_no_database_says_where_it_looked_and_makes_nothing() {
    let here = Folder::new();
    let database = here.path("").canonicalize().expect("a folder").join("data/keyward.db");
    for arguments in [
        &["user", "list"][..],
        &["user", "add", "bob", "--password-stdin"],
        &["app", "list"],
        &["app", "add", "web"],
        &["session", "list"],
        &["session", "revoke", "--user", "bob"],
        &["key", "new-secret"],
    ] {
        let failure = here.run_with(arguments, "correct horse battery", &[]).failure();
        assert!(failure.contains(&database.display().to_string()), "{arguments:?}: {failure}");
    }
    let keys = here.path("").canonicalize().expect("a folder").join("keys");
    for arguments in
        [&["key", "list"][..], &["key", "rotate"], &["key", "retire", "x"], &["key", "public", "x"]]
    {
        let failure = here.run(arguments).failure();
        assert!(failure.contains(&keys.display().to_string()), "{arguments:?}: {failure}");
    }
    assert_eq!(fs::read_dir(here.path("")).expect("a folder").count(), 0);
}

#[test]
fn a_database_of_an_older_version_is_left_as_it_is_by_all_but_serve_and_migrate() {
    let here = Folder::with_database();
    let file = rusqlite::Connection::open(here.path("data/keyward.db")).expect("opened");
    let older = "ALTER TABLE sessions DROP COLUMN bound_to;
        DELETE FROM refinery_schema_history WHERE version = 18";
    file.execute_batch(older).expect("made older");
    let failure = here.run(&["user", "list"]).failure();
    assert!(failure.contains("older version") && failure.contains("V18__bound_sessions"), "{failure}");
    let taken = "V18__bound_sessions\nThe database is now up to date.\n";
    assert_eq!(here.run(&["migrate"]).good(), taken);
    assert_eq!(here.objects(&["user", "list"]), [] as [Value; 0]);
}

#[test]
fn paths_in_a_named_settings_file_begin_in_its_folder() {
    let here = Folder::new();
    fs::create_dir(here.path("etc")).expect("made");
    let text = "[storage]\ndata_dir = \"db\"\ndatabase_tls_ca = \"ca.pem\"\n[keys]\ndir = \"../secrets\"\n";
    fs::write(here.path("etc/kw.toml"), text).expect("written");
    let config = ["--config", "etc/kw.toml"];
    let listed = here.objects(&[&config[..], &["config"]].concat());
    let of = |name: &str| listed.iter().find(|one| one["name"] == name).expect(name)["value"].clone();
    assert_eq!(of("storage.data_dir"), "etc/db");
    assert_eq!(of("storage.database_url"), "sqlite:etc/db/keyward.db");
    assert_eq!(of("keys.dir"), "etc/../secrets");

    here.run(&[&config[..], &["migrate"]].concat()).good();
    assert!(here.path("etc/db/keyward.db").exists() && !here.path("db").exists());
    let environment = [("KEYWARD_STORAGE_DATA_DIR", "db")];
    here.run_with(&[&config[..], &["migrate"]].concat(), "", &environment).good();
    assert!(here.path("db/keyward.db").exists(), "those of the environment begin in the working directory");
    let environment = [("DATABASE_URL", "sqlite:other.db")];
    here.run_with(&[&config[..], &["migrate"]].concat(), "", &environment).good();
    assert!(here.path("other.db").exists());

    fs::write(here.path("etc/kw.toml"), "[storage]\ndatabase_url = \"sqlite:mine.db\"").expect("written");
    here.run(&[&config[..], &["migrate"]].concat()).good();
    assert!(here.path("etc/mine.db").exists() && !here.path("mine.db").exists());
}
