//! The metrics (contract 1): what happens is counted, in a form that Prometheus takes, with labels that no client
//! chooses; and the alert rules in docs/ hold in a real Prometheus.

pub mod page;
mod prometheus;

use std::time::{Duration, Instant};

use serde_json::json;

use self::page::Page;
use super::{
    actor::{Actor, check, send},
    install::{Install, PATIENCE, Server, wait_for},
};
use crate::support::servers::redis;

const PASSWORD: &str = "seven words make a fine passphrase indeed";

async fn with_alice(install: &Install) -> Server {
    install.add_user("alice", PASSWORD, &[]);
    install.start().await
}

#[tokio::test]
async fn what_becomes_of_step_ups_is_counted() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    for (password, status) in [(PASSWORD, 200), ("not the password at all", 422)] {
        let body = json!({ "password": password });
        assert_eq!(alice.post_authorized("/v1/step-up", &body).await.status, status);
    }
    let page = Page::of(&server).await;
    for (line, count) in [
        (r#"keyward_step_ups_total{outcome="granted"}"#, 1.0),
        (r#"keyward_step_ups_total{outcome="wrong_password"}"#, 1.0),
        (r#"keyward_step_ups_total{outcome="mfa_required"}"#, 0.0),
        (r#"keyward_sign_in_refusals_total{kind="wrong_password"}"#, 1.0),
        (r#"keyward_store_call_duration_seconds_count{store="sqlite",verb="sessions.step_up"}"#, 1.0),
    ] {
        assert_eq!(page.value(line), Some(count), "{line} in {page}");
    }
}

#[tokio::test]
async fn what_becomes_of_sign_ins_refreshes_checks_and_sign_outs_is_counted() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let client = server.client();
    let alice = client.signed_in("alice", PASSWORD).await;
    assert_eq!(client.login("alice", "another passphrase of five words").await.status, 401);
    assert_eq!(alice.check().await.status, 200);
    assert_eq!(check(client.request("GET", "/v1/check")).await.status, 401);
    let refreshed = alice.refreshed().await;
    // The same token once more: its successor is issued again.
    alice.refreshed().await;
    assert_eq!(client.with_refresh("kwr_none").refreshes().await.status, 401);
    assert_eq!(refreshed.logout().await.status, 204);
    assert_eq!(refreshed.check().await.status, 401);

    let page = Page::of(&server).await;
    for (line, count) in [
        (r#"keyward_sign_ins_total{outcome="granted"}"#, 1.0),
        (r#"keyward_sign_ins_total{outcome="invalid_credentials"}"#, 1.0),
        (r#"keyward_sign_ins_total{outcome="overloaded"}"#, 0.0),
        (r#"keyward_sign_in_refusals_total{kind="wrong_password"}"#, 1.0),
        (r#"keyward_sign_in_refusals_total{kind="locked_out"}"#, 0.0),
        (r#"keyward_checks_total{outcome="granted"}"#, 1.0),
        (r#"keyward_checks_total{outcome="token_missing"}"#, 1.0),
        (r#"keyward_checks_total{outcome="token_revoked"}"#, 1.0),
        ("keyward_check_duration_seconds_count", 3.0),
        (r#"keyward_refreshes_total{outcome="granted"}"#, 2.0),
        (r#"keyward_refreshes_total{outcome="refresh_invalid"}"#, 1.0),
        ("keyward_refresh_reissued_total", 1.0),
        ("keyward_refresh_reused_total", 0.0),
        (r#"keyward_sign_outs_total{outcome="granted"}"#, 1.0),
        (r#"keyward_http_requests_total{route="/v1/login",status="200"}"#, 1.0),
        (r#"keyward_http_request_duration_seconds_count{route="/v1/login"}"#, 2.0),
        ("keyward_hash_queue_length", 0.0),
        ("keyward_hash_queue_places", 64.0),
        (r#"keyward_store_call_duration_seconds_count{store="sqlite",verb="sessions.open"}"#, 1.0),
        (r#"keyward_store_away{store="sqlite"}"#, 0.0),
        ("keyward_revocation_feed_following", 1.0),
        (r#"keyward_signing_keys{state="signing"}"#, 1.0),
        (r#"keyward_connections_max{listener="management"}"#, 64.0),
    ] {
        assert_eq!(page.value(line), Some(count), "{line} in {page}");
    }
    for positive in [
        "keyward_revocations_held",
        "keyward_hash_queue_wait_seconds_count",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
        r#"keyward_connections{listener="management"}"#,
    ] {
        assert!(page.value(positive).is_some_and(|value| value > 0.0), "{positive} in {page}");
    }
    for at_least_none in [
        "keyward_revocation_feed_lag_seconds",
        "keyward_revocation_last_push_age_seconds",
        r#"keyward_key_age_seconds{use="signing"}"#,
        r#"keyward_key_age_seconds{use="sealing"}"#,
        "process_cpu_seconds_total",
    ] {
        assert!(page.value(at_least_none).is_some_and(|value| value >= 0.0), "{at_least_none} in {page}");
    }
}

#[tokio::test]
async fn no_series_is_made_of_what_a_client_sends() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let client = server.client();
    client.signed_in("alice", PASSWORD).await;
    for (method, path) in [
        ("GET", "/nowhere/of-all"),
        ("BREW", "/v1/login"),
        ("GET", "/v1/sessions/x\"y"),
        ("PATCH", "/metrics"),
        ("POST", "/v1/login?outcome=mine"),
        ("GET", "/rest-sessions/an-app/get/a-token-of-theirs"),
    ] {
        let request = client.request(method, path).header("x-request-id", "an-id-of-theirs");
        assert!(send(request).await.status >= 400, "{method} {path}");
    }
    assert_eq!(client.login("an-unknown-name", PASSWORD).await.status, 401);
    let page = Page::of(&server).await;
    page.assert_bounded();
    for theirs in ["nowhere", "BREW", "theirs", "an-unknown-name", "alice", "an-app", "mine"] {
        assert!(!page.text.contains(theirs), "{theirs} in {page}");
    }
}

#[tokio::test]
async fn an_outage_is_a_gauge_a_count_and_one_line_with_its_cause() {
    let mut redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url());
    let server = with_alice(&install).await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    redis.kill();
    for _ in 0..20 {
        alice.refreshes().await.problem(503, "store_unavailable");
    }
    let page = Page::of(&server).await;
    assert_eq!(page.value(r#"keyward_store_away{store="redis"}"#), Some(1.0), "{page}");
    assert_eq!(page.value(r#"keyward_store_away{store="sqlite"}"#), Some(0.0), "{page}");
    let errors = r#"keyward_store_errors_total{store="redis",verb="sessions.find",error="away"}"#;
    assert!(page.value(errors).is_some_and(|count| count >= 20.0), "{page}");
    assert_eq!(page.value(r#"keyward_refreshes_total{outcome="store_unavailable"}"#), Some(20.0), "{page}");
    page.assert_bounded();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = Page::of(&server).await;
        let breaks = page.value("keyward_revocation_feed_breaks_total");
        if page.value("keyward_revocation_feed_following") == Some(0.0)
            && breaks.is_some_and(|breaks| breaks > 0.0)
        {
            break;
        }
        assert!(Instant::now() < deadline, "{page}");
    }
    let told = || {
        let log = server.stderr();
        let warnings: Vec<String> = log
            .lines()
            .filter(|line| line.contains("WARN") && line.contains("a store is away"))
            .map(str::to_owned)
            .collect();
        (!warnings.is_empty()).then_some(warnings)
    };
    let told = wait_for(told).unwrap_or_else(|| panic!("{}", server.stderr()));
    assert!(told.len() == 1 && told[0].contains("store=\"redis\"") && told[0].contains("error="), "{told:?}");

    redis.restart();
    // Some seconds after it has answered again.
    let deadline = Instant::now() + Duration::from_mins(1);
    while Page::of(&server).await.value(r#"keyward_store_away{store="redis"}"#) != Some(0.0) {
        assert!(Instant::now() < deadline, "{}", server.stderr());
        alice.refreshes().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let is_back = || server.stderr().contains("a store is back").then_some(());
    wait_for(is_back).unwrap_or_else(|| panic!("{}", server.stderr()));
}

#[tokio::test]
async fn the_check_by_every_door_is_timed_apart() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    assert_eq!(alice.check().await.status, 200);
    assert_eq!(Actor::new(&server.check_url).with_access(&alice.access).check_at("/any").await.status, 200);
    assert_eq!(alice.check_at("/v1/check?role=admin").await.status, 403);
    let page = Page::of(&server).await;
    assert_eq!(page.value("keyward_check_duration_seconds_count"), Some(3.0), "{page}");
    assert_eq!(page.value(r#"keyward_checks_total{outcome="insufficient_role"}"#), Some(1.0), "{page}");
    let route = r#"keyward_http_request_duration_seconds_count{route="/v1/check"}"#;
    assert_eq!(page.value(route), None, "{page}");
    let body = json!({ "username": "alice", "password": PASSWORD, "app": "nowhere" });
    assert_eq!(server.client().post("/v1/login", &body).await.status, 400);
    assert_eq!(Page::of(&server).await.value(r#"keyward_sign_ins_total{outcome="other"}"#), Some(1.0));
}
