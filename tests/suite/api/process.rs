//! Contract 1: the process, its commands and what it prints.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    actor::Actor,
    install::{Install, wait_for},
    raw::Raw,
};

const PASSWORD: &str = "correct horse battery";

#[tokio::test]
async fn the_first_start_prints_the_admin_password_and_a_curl_line_that_works() {
    let install = Install::new().with("KEYWARD_SERVER_PUBLIC_URL", "https://auth.example.com");
    let port = install.listen.port();
    let install = install.with("KEYWARD_SERVER_LISTEN", format!("0.0.0.0:{port}"));
    let server = install.start_on_terminal().await;
    let line = server.curl_line();
    let curl = Command::new("sh").args(["-c", &line]).output().expect("curl");
    assert!(curl.status.success(), "{line}: {curl:?}");
    let text = String::from_utf8(curl.stdout).expect("UTF-8");
    let start = text.find('{').expect("JSON");
    let body: Value = serde_json::from_str(text[start..].trim()).expect("JSON");
    assert_eq!(body["token_type"], "Bearer", "{line}: {text}");
    let admin = server.client().with_access(body["access_token"].as_str().expect("a token"));
    assert_eq!(admin.check().await.header("x-auth-username"), "admin");
    assert_eq!(admin.check().await.header("x-auth-roles"), "admin");
    assert!(!install.path("data/first-password").exists(), "it is told once");
}

#[tokio::test]
async fn without_a_terminal_the_first_password_is_in_a_file_that_the_log_names() {
    let install = Install::new();
    let server = install.start().await;
    let password = server.admin_password();
    server.client().signed_in("admin", &password).await;
    let path = install.path("data/first-password");
    assert_eq!(fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600);
    let named = || server.printed().contains(path.to_str().expect("UTF-8")).then_some(());
    wait_for(named).unwrap_or_else(|| panic!("{}", server.printed()));
    assert!(!server.printed().contains(&password), "no log collector reads it: {}", server.printed());
}

#[tokio::test]
async fn a_second_start_prints_no_password() {
    let install = Install::new();
    let server = install.start_on_terminal().await;
    let line = server.curl_line();
    let password = line.split('"').nth(7).expect("the password in the curl line").to_owned();
    server.terminate();
    let server = install.start_on_terminal().await;
    assert!(
        !server.printed().contains("curl ") && !server.printed().contains(&password),
        "{}",
        server.printed()
    );
    server.client().signed_in("admin", &password).await;
    assert!(!server.printed().contains(&password), "{}", server.printed());
}

#[tokio::test]
async fn a_start_that_fails_late_does_not_swallow_the_password() {
    let install = Install::new();
    let taken = TcpListener::bind(install.listen).expect("the port");
    assert_eq!(install.run(&["serve"]).code, Some(1));
    drop(taken);
    install.start().await.admin().await;
}

#[tokio::test]
async fn where_there_is_an_account_the_first_start_makes_none() {
    let install = Install::new();
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    assert!(!server.printed().contains("curl "), "{}", server.printed());
    server.client().signed_in("alice", PASSWORD).await;
}

#[test]
fn wrong_usage_is_exit_code_2_and_errors_are_1() {
    let install = Install::new();
    install.migrate();
    for arguments in [
        &["frobnicate"][..],
        &["serve", "--frobnicate"],
        &["user"],
        &["user", "add"],
        &["user", "frobnicate", "alice"],
        &["session", "revoke"],
        &["key", "retire"],
        &["app", "add"],
    ] {
        let outcome = install.run(arguments);
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:?}");
        assert!(outcome.stdout.is_empty() && !outcome.stderr.is_empty(), "{arguments:?}: {outcome:?}");
    }
    for arguments in [
        &["user", "disable", "nobody"][..],
        &["user", "delete", "nobody"],
        &["app", "remove", "nothing"],
        &["key", "retire", "nothing"],
        &["--config", "nothing.toml", "config"],
    ] {
        let outcome = install.run(arguments);
        assert_eq!(outcome.code, Some(1), "{arguments:?}: {outcome:?}");
        assert!(
            outcome.stdout.is_empty() && outcome.stderr.lines().count() == 1,
            "{arguments:?}: {outcome:?}"
        );
    }
}

#[test]
fn help_names_every_command() {
    let install = Install::new();
    let help = install.good(&["--help"]);
    for command in ["serve", "user", "app", "session", "key", "config", "doctor", "migrate", "apply"] {
        assert!(help.contains(command), "{command} in {help}");
    }
    assert!(install.good(&["--version"]).starts_with("keyward "));
}

#[test]
fn the_settings_file_is_found_and_the_environment_wins() {
    let install = Install::new();
    let says = |arguments: &[&str], what: &str| {
        let printed = install.good(arguments);
        let line = printed.lines().find(|line| line.contains("audience")).unwrap_or_default();
        assert!(line.contains(what), "{what} in {printed}");
    };
    says(&["config"], "keyward");
    fs::write(install.path("keyward.toml"), "[tokens]\naudience = \"from-folder\"\n").expect("written");
    says(&["config"], "from-folder");
    fs::write(install.path("other.toml"), "[tokens]\naudience = \"from-option\"\n").expect("written");
    says(&["--config", "other.toml", "config"], "from-option");
    let install = install.with("KEYWARD_TOKENS_AUDIENCE", "from-environment");
    let printed = install.good(&["--config", "other.toml", "config"]);
    let line = printed.lines().find(|line| line.contains("from-environment")).expect(&printed);
    assert!(line.contains("KEYWARD_TOKENS_AUDIENCE"), "where it came from: {line}");
}

#[test]
fn the_settings_are_printed_with_their_secrets_masked() {
    let install = Install::new()
        .with("REDIS_URL", "redis://default:swordfish@127.0.0.1:6379")
        .with("DATABASE_URL", "postgres://keyward:sturgeon@127.0.0.1/keyward");
    for arguments in [&["config"][..], &["config", "--json"]] {
        let printed = install.good(arguments);
        assert!(printed.contains("127.0.0.1:6379"), "{printed}");
        assert!(!printed.contains("swordfish") && !printed.contains("sturgeon"), "{printed}");
    }
    serde_json::from_str::<Value>(&install.good(&["config", "--json"])).expect("JSON");
}

#[test]
fn the_example_is_the_manual_and_changes_nothing() {
    let install = Install::new();
    let before = install.good(&["config", "--json"]);
    let example = install.good(&["config", "--example"]);
    assert!(example.contains("[tokens]") && example.contains("access_ttl = \"15m\""), "{example}");
    fs::write(install.path("keyward.toml"), &example).expect("written");
    let values = |text: &str| {
        let all: Value = serde_json::from_str(text).expect("JSON");
        assert!(all.as_array().is_some_and(|all| all.len() > 30), "{all}");
        all.as_array().into_iter().flatten().map(|it| it["value"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(values(&before), values(&install.good(&["config", "--json"])));
}

#[tokio::test]
async fn accounts_are_managed_while_the_server_runs() {
    let install = Install::new();
    let server = install.start().await;
    install.add_user("Alice", PASSWORD, &["--role", "ops", "--role", "admin"]);
    let listed: Value = serde_json::from_str(&install.good(&["user", "list", "--json"])).expect("JSON");
    assert!(listed.to_string().contains("Alice") && !listed.to_string().contains("argon2"), "{listed}");
    assert!(install.good(&["user", "list"]).contains("Alice"));
    let again = install.run_with_input(&["user", "add", "aLICE", "--password-stdin"], PASSWORD);
    assert_eq!(again.code, Some(1), "names are compared without case: {again:?}");

    let alice = server.client().signed_in("alice", PASSWORD).await;
    assert_eq!(alice.check().await.header("x-auth-roles"), "admin,ops");
    install.good(&["user", "disable", "ALICE"]);
    comes_to(&alice, "token_revoked").await;
    alice.refreshes().await.problem_with_reason(401, "session_ended", "account_disabled");
    server.client().login("alice", PASSWORD).await.problem(403, "account_disabled");
    server.client().login("alice", "wrong password").await.problem(401, "invalid_credentials");
    install.good(&["user", "enable", "alice"]);
    let alice = server.client().signed_in("alice", PASSWORD).await;

    let outcome = install
        .run_with_input(&["user", "set-password", "alice", "--password-stdin"], "another good phrase\n");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    comes_to(&alice, "token_revoked").await;
    let alice = server.client().signed_in("alice", "another good phrase").await;
    install.good(&["user", "delete", "alice"]);
    comes_to(&alice, "token_revoked").await;
    server.client().login("alice", "another good phrase").await.problem(401, "invalid_credentials");
}

/// The check refuses the token for this reason, once the server has heard of it.
async fn comes_to(actor: &Actor, code: &str) {
    for _ in 0..500 {
        let answer = actor.check().await;
        if answer.status == 401 {
            return answer.refused(401, code);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the check never said {code}");
}

#[test]
fn a_weak_password_is_refused_on_the_command_line_too() {
    let install = Install::new();
    install.migrate();
    let outcome = install.run_with_input(&["user", "add", "bob", "--password-stdin"], "password1\n");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(!outcome.stderr.contains("password1") && outcome.stderr.lines().count() == 1, "{outcome:?}");
}

#[tokio::test]
async fn apps_have_a_secret_that_is_shown_once() {
    let install = Install::new();
    let listed = install.good(&["app", "list"]);
    assert!(listed.contains("default"), "{listed}");
    install.good(&["app", "add", "web", "--origin", "https://web.example.com"]);
    let shown = install.good(&["app", "add", "backend", "--confidential"]);
    let secret = shown.split_whitespace().max_by_key(|word| word.len()).expect("a secret");
    assert!(secret.len() >= 32, "{shown}");
    let listed = install.good(&["app", "list", "--json"]);
    let apps: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(apps.as_array().map(Vec::len), Some(3), "{listed}");
    assert!(listed.contains("https://web.example.com") && !listed.contains(secret), "{listed}");
    assert_eq!(install.run(&["app", "add", "web"]).code, Some(1));
    install.good(&["app", "remove", "web"]);
    assert!(!install.good(&["app", "list"]).contains("web.example.com"));
    assert_eq!(install.run(&["app", "remove", "default"]).code, Some(1), "the default app is always there");
}

#[tokio::test]
async fn sessions_are_listed_and_revoked() {
    let install = Install::new();
    let server = install.start().await;
    install.add_user("alice", PASSWORD, &[]);
    let one = server.client().signed_in("alice", PASSWORD).await;
    let two = server.client().signed_in("alice", PASSWORD).await;
    let admin = server.admin().await;
    let listed = install.good(&["session", "list", "--user", "alice", "--json"]);
    serde_json::from_str::<Value>(&listed).expect("JSON");
    assert!(listed.contains(&one.session) && listed.contains(&two.session), "{listed}");
    assert!(!listed.contains(&admin.session), "{listed}");
    assert!(install.good(&["session", "list", "--app", "default"]).contains(&admin.session));

    install.good(&["session", "revoke", &one.session]);
    comes_to(&one, "token_revoked").await;
    one.refreshes().await.problem_with_reason(401, "session_ended", "admin");
    assert_eq!(two.check().await.status, 200);
    install.good(&["session", "revoke", "--user", "alice"]);
    comes_to(&two, "token_revoked").await;
    assert_eq!(admin.check().await.status, 200);
    assert!(!install.good(&["session", "list", "--user", "alice"]).contains(&two.session));

    let three = server.client().signed_in("alice", PASSWORD).await;
    install.good(&["app", "add", "web"]);
    assert!(install.good(&["session", "revoke", "--app", "web"]).contains("0 sessions"));
    assert!(
        install.good(&["session", "revoke", "--app", "default", "--user", "alice"]).contains("1 sessions")
    );
    comes_to(&three, "token_revoked").await;
    assert_eq!(admin.check().await.status, 200);
    assert!(install.good(&["session", "revoke", "--app", "default"]).contains("1 sessions"));
    comes_to(&admin, "token_revoked").await;
}

#[tokio::test]
async fn a_revocation_of_many_shows_how_far_it_is_to_people_alone() {
    let install = Install::new();
    let server = install.start().await;
    let revoke = format!("{} session revoke --app default", env!("CARGO_BIN_EXE_keyward"));
    for has_terminal in [true, false] {
        for _ in 0..3 {
            server.admin().await;
        }
        let (program, arguments) = if has_terminal {
            ("script", ["-qec", &revoke, "/dev/null"])
        } else {
            ("sh", ["-c", &revoke, ""])
        };
        let mut command = install.command(Path::new(program));
        let said = command.env("TERM", "xterm").args(arguments).output().expect(program);
        let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(out.contains("3 sessions of the app default are ended."), "{said:?}");
        assert_eq!((out + err).contains("3/3"), has_terminal, "{said:?}");
    }
    assert_eq!(install.good(&["session", "list", "--json"]).trim_end(), "[]");
}

#[tokio::test]
async fn keys_are_rotated_and_retired() {
    let install = Install::new();
    let server = install.start().await;
    let admin = server.admin().await;
    let kids = || {
        let listed: Value = serde_json::from_str(&install.good(&["key", "list", "--json"])).expect("JSON");
        let kid = |key: &Value| key["kid"].as_str().expect("a kid").to_owned();
        listed.as_array().expect("an array").iter().map(kid).collect::<Vec<_>>()
    };
    let old = kids();
    assert_eq!(old.len(), 1);
    install.good(&["key", "rotate"]);
    let both = kids();
    assert_eq!(both.len(), 2);
    server.hang_up();
    published(&admin, &both).await;
    assert_eq!(admin.check().await.status, 200, "tokens of the old key stay good");

    install.good(&["key", "retire", &old[0]]);
    server.hang_up();
    published(&admin, &both).await;
    assert_eq!(admin.check().await.status, 200, "an old key stays until its last token is over");

    install.good(&["key", "retire", "--compromised", &old[0]]);
    server.hang_up();
    let new: Vec<String> = both.into_iter().filter(|kid| *kid != old[0]).collect();
    published(&admin, &new).await;
    admin.check().await.refused(401, "token_invalid");
    assert_eq!(admin.refreshed().await.check().await.status, 200, "the new key signs");
}

/// Waits until the key set is made of these keys.
async fn published(actor: &Actor, kids: &[String]) {
    for _ in 0..500 {
        let set = actor.get("/.well-known/jwks.json").await.json();
        let listed = set["keys"].as_array().expect("keys");
        let is_wanted = |key: &Value| kids.iter().any(|kid| key["kid"] == kid.as_str());
        if listed.len() == kids.len() && listed.iter().all(is_wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the key set never is {kids:?}");
}

#[tokio::test]
async fn the_doctor_says_what_to_mend() {
    let install = Install::new();
    install.start().await.terminate();
    let well = install.run(&["doctor"]);
    assert_eq!(well.code, Some(0), "{well:?}");
    let install = install.with("REDIS_URL", "redis://127.0.0.1:1");
    let ill = install.run(&["doctor"]);
    assert_eq!(ill.code, Some(1), "{ill:?}");
    assert!((ill.stdout + &ill.stderr).contains("redis"), "what is ill is named");
}

#[tokio::test]
async fn what_was_answered_survives_a_crash() {
    let install = Install::new();
    let server = install.start().await;
    let password = server.admin_password();
    let (gone, stays) = (server.admin().await, server.admin().await);
    let stays = stays.refreshed().await;
    assert_eq!(gone.logout().await.status, 204);
    server.kill();
    install.start().await.kill();
    let server = install.start().await;
    gone.check().await.refused(401, "token_revoked");
    gone.refreshes().await.problem_with_reason(401, "session_ended", "logout");
    assert_eq!(stays.check().await.status, 200);
    stays.refreshed().await;
    server.client().signed_in("admin", &password).await;
}

#[tokio::test]
async fn a_stop_lets_what_has_begun_finish() {
    let install = Install::new();
    let server = install.start().await;
    let body = json!({ "username": "admin", "password": server.admin_password() }).to_string();
    let mut request = Raw::connect(&server.url);
    let length = format!("Content-Length: {}", body.len());
    request.head("POST /v1/login", &["Content-Type: application/json", "Expect: 100-continue", &length]);
    assert_eq!(request.answer().status, 100, "the request has begun");
    server.ask_to_stop();
    wait_for(|| TcpStream::connect(install.listen).is_err().then_some(())).expect("nobody new is let in");
    assert_eq!(request.send(&body).answer().status, 200);
    server.terminate();
}
