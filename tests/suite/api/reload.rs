//! SIGHUP: settings that may change while a server runs are taken up, all or none, and nobody notices
//! (contract 1).

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use serde_json::json;

use super::{
    actor::send,
    install::{Install, Server, wait_for},
    raw::Raw,
    rolling_restart::Over,
};
use crate::support::outside::ask::Ask;

const PASSWORD: &str = "seven words make a fine passphrase indeed";

fn write(install: &Install, file: &str) {
    // As an editor does: at no time is half of it there.
    fs::write(install.path("keyward.toml.new"), file).expect("written");
    fs::rename(install.path("keyward.toml.new"), install.path("keyward.toml")).expect("in its place");
}

/// Has the settings read again, and waits for what the log says of it.
fn reread(server: &Server) -> String {
    let over = |text: &str| {
        text.matches("the settings were read again").count()
            + text.matches("the settings could not be read again").count()
    };
    let before = server.stderr();
    server.hang_up();
    let after = || Some(server.stderr()).filter(|text| over(text) > over(&before));
    let after = wait_for(after).expect("a line in the log");
    after[before.len()..].to_owned()
}

fn taken_up(server: &Server, install: &Install, file: &str) -> String {
    write(install, file);
    let said = reread(server);
    assert!(said.contains("the settings were read again"), "{said}");
    said
}

#[tokio::test]
async fn limits_hold_at_once_for_whoever_is_signed_in_and_on_open_connections() {
    let install = Install::new();
    write(&install, "[rate_limit]\nsession_requests = 2\nsession_window = \"1h\"\n");
    let server = install.start().await;
    let admin = server.admin().await;
    let mut open = Raw::connect(&server.url);
    let ask = Ask::new("GET /v1/check").bearer(&admin.access);
    let statuses: Vec<_> = (0..4).map(|_| ask.over(&mut open).status).collect();
    assert_eq!(statuses, [200, 200, 429, 429]);

    let said = taken_up(&server, &install, "[rate_limit]\nsession_requests = 100\nsession_window = \"1h\"\n");
    for part in ["setting.name=\"rate_limit.session_requests\"", "setting.old=2", "setting.new=100"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let passed = ask.over(&mut open);
    assert_eq!((passed.status, passed.header("ratelimit-policy")), (200, "\"session\";q=100;w=3600"));
    assert!(taken_up(&server, &install, "[rate_limit]\nsession_requests = 1\n").contains("setting.new=1\n"));
    let refused = ask.over(&mut open);
    assert_eq!((refused.status, refused.header("ratelimit-policy")), (429, "\"session\";q=1;w=60"));
}

#[tokio::test]
async fn sign_up_proxies_password_length_and_log_level_are_taken_up() {
    let install = Install::new();
    install.add_user("alice", PASSWORD, &[]);
    write(&install, "[log]\nlevel = \"warn,keyward::app=info\"\n");
    let server = install.start().await;
    let sign_up = || {
        send(
            server
                .client()
                .request("POST", "/v1/signup")
                .json(&json!({ "username": "bo", "password": "x7q-Lw" })),
        )
    };
    sign_up().await.problem(403, "signup_closed");
    let seen_from = async || {
        let body = json!({ "username": "alice", "password": PASSWORD });
        let login = server.client().request("POST", "/v1/login").header("x-forwarded-for", "192.0.2.7");
        let alice = server.client().with_tokens(&send(login.json(&body)).await);
        alice.sessions().await.into_iter().find(|session| session["current"] == true).expect("one")["ip"]
            .clone()
    };
    assert!(seen_from().await.as_str().is_some_and(|ip| ip.starts_with("127.")));
    assert!(!server.stderr().contains("signed_in"));

    taken_up(
        &server,
        &install,
        "[log]\nlevel = \"info\"\n[accounts]\nsignup = \"open\"\npassword_min_length = 6\n\
         [server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n",
    );
    assert_eq!(seen_from().await, "192.0.2.7");
    wait_for(|| server.stderr().contains("signed_in").then_some(())).expect("a line at info");
    assert_ne!(sign_up().await.status, 403);

    taken_up(&server, &install, "[log]\nlevel = \"warn,keyward::app=info\"\n");
    sign_up().await.problem(403, "signup_closed");
    assert!(seen_from().await.as_str().is_some_and(|ip| ip.starts_with("127.")));
}

#[tokio::test]
async fn a_file_with_a_mistake_changes_nothing_and_the_log_names_the_setting() {
    let install = Install::new();
    write(&install, "[rate_limit]\nsession_requests = 7\n");
    let server = install.start().await;
    let admin = server.admin().await;
    let limit = async || admin.check().await.header("ratelimit-policy").to_owned();
    for (file, named) in [
        ("[rate_limit]\nsession_requests = 9\n[log]\nlevel = \"loud\"\n", "log.level"),
        (
            "[rate_limit]\nsession_request = 9\n",
            "rate_limit.session_request; the nearest is rate_limit.session_requests",
        ),
        ("[rate_limit]\nsession_requests = 0\n", "rate_limit.session_requests wants"),
        ("[rate_limit\nsession_requests = 9\n", "line 1"),
        ("", "says nothing any more"),
    ] {
        write(&install, file);
        let said = reread(&server);
        assert!(said.contains("could not be read again") && said.contains(named), "{named} in {said}");
        assert!(said.contains("ERROR"), "{said}");
        assert_eq!(limit().await, "\"session\";q=7;w=60", "{file}");
    }
    fs::remove_file(install.path("keyward.toml")).expect("removed");
    assert!(reread(&server).contains("is gone"));
    assert_eq!(limit().await, "\"session\";q=7;w=60");
    taken_up(&server, &install, "[rate_limit]\nsession_requests = 8\n");
    assert_eq!(limit().await, "\"session\";q=8;w=60");
}

#[tokio::test]
async fn what_needs_a_restart_is_named_each_time_and_the_rest_is_taken_up() {
    let install = Install::new();
    write(&install, "[tokens]\naccess_ttl = \"15m\"\n");
    let server = install.start().await;
    let file = "[tokens]\naccess_ttl = \"5m\"\n[outage]\ncheck = \"3s\"\n";
    for live in [1, 0] {
        let said = taken_up(&server, &install, file);
        let warned = said.lines().find(|line| line.contains("WARN")).expect("a warning");
        for part in ["setting.name=\"tokens.access_ttl\"", "15m", "5m", "after a restart only"] {
            assert!(warned.contains(part), "{part} in {said}");
        }
        assert_eq!(said.matches("a setting is another now").count(), live, "{said}");
        assert!(said.contains(&format!("settings.changed={live}")), "{said}");
    }
    let login = server.client().login("admin", &server.admin_password()).await;
    assert_eq!(login.json()["expires_in"], 900);
    let said = taken_up(&server, &install, "[tokens]\naccess_ttl = \"15m\"\n[outage]\ncheck = \"3s\"\n");
    assert!(!said.contains("WARN"), "it is what the server runs on: {said}");
    assert!(said.contains("outage.check=\"3s\""), "what it runs on is said: {said}");
}

#[tokio::test]
async fn the_environment_is_stronger_than_the_file_as_at_the_start() {
    let install = Install::new().with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 50);
    let server = install.start().await;
    let said = taken_up(&server, &install, "[rate_limit]\nsession_requests = 9\nsession_window = \"2m\"\n");
    assert!(!said.contains("rate_limit.session_requests\" setting"), "{said}");
    let admin = server.admin().await;
    assert_eq!(admin.check().await.header("ratelimit-policy"), "\"session\";q=50;w=120");
}

#[tokio::test]
async fn while_settings_are_read_again_and_again_every_request_is_answered() {
    let install = Install::new();
    let file = |requests: usize| format!("[rate_limit]\nsession_requests = {requests}\n");
    write(&install, &file(1_000_000));
    let server = install.start().await;
    let admin = server.admin().await;
    let (is_over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut open = Raw::connect(&server.url);
                let ask = Ask::new("GET /v1/check").bearer(&admin.access);
                while !is_over.load(Ordering::Relaxed) {
                    let answer = ask.over(&mut open);
                    assert_eq!(answer.status, 200, "{answer:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _over = Over(&is_over);
        for round in 0..20 {
            taken_up(&server, &install, &file(1_000_001 + round));
        }
    });
    assert!(answered.load(Ordering::Relaxed) > 20);
}

#[tokio::test]
async fn a_longer_drain_holds_for_the_next_stop() {
    let install = Install::new();
    write(&install, "[server]\ndrain_delay = \"0s\"\n");
    let server = install.start().await;
    taken_up(&server, &install, "[server]\ndrain_delay = \"5m\"\n");
    server.ask_to_stop();
    wait_for(|| (Ask::new("GET /readyz").at(&server.url).status == 503).then_some(())).expect("it drains");
    assert_eq!(Ask::new("GET /healthz").at(&server.url).status, 200, "and goes on meanwhile");
}
