//! What a gateway does while Keyward, or a store of it, is away: nobody gets in, clients are told that
//! it is not their fault, and all is well again once it is back, without a hand laid on the gateway.

use std::time::{Duration, Instant};

use reqwest::{Client, Response, header::AUTHORIZATION};
use rstest::rstest;
use serde_json::Value;

use super::{
    gateway::{Gateway, Kind},
    site::{PASSWORD, Site, USER},
};
use crate::support::{
    outside::install::{Install, PATIENCE, free_addresses},
    servers::redis,
};

/// The lines of both files of Envoy.
const ENVOY_ASKS: [(&str, &str); 4] = [
    ("    # health_checks:", "    health_checks:"),
    ("    # - { timeout: 1s", "    - { timeout: 1s"),
    ("    #     http_health_check", "        http_health_check"),
    (
        "    load_assignment:\n      cluster_name: keyward\n      endpoints:\n      - lb_endpoints:\n        - endpoint: {",
        "    load_assignment:\n      cluster_name: keyward\n      endpoints:\n      - lb_endpoints:\n        - endpoint: { health_check_config: { port_value: PORT },",
    ),
];

async fn ask(gateway: &Gateway, path: &str, token: &str) -> Response {
    let client = Client::builder().no_proxy().build().expect("a client");
    let request = client.get(format!("{}{path}", gateway.url));
    request.header(AUTHORIZATION, format!("Bearer {token}")).send().await.expect("an answer")
}

/// The probes that have reached the app.
async fn probes(gateway: &Gateway, token: &str) -> Vec<String> {
    let answer = ask(gateway, "/probes", token).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let told: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
    let probes = told["probes"].as_array().expect("an array");
    probes.iter().map(|probe| probe.as_str().expect("a text").to_owned()).collect()
}

async fn lets_in_again(gateway: &Gateway, token: &str) {
    let deadline = Instant::now() + PATIENCE;
    while ask(gateway, "/again", token).await.status() != 200 {
        assert!(Instant::now() < deadline, "{}", gateway.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks without a pause, with a token and without, until told to stop; says what was let in.
async fn press(gateway: &Gateway, token: &str, until: impl Future<Output = ()>) -> (usize, usize) {
    let (mut right, mut wrong) = (0, 0);
    let pressing = async {
        loop {
            right += usize::from(ask(gateway, "/?probe=good", token).await.status() == 200);
            wrong += usize::from(ask(gateway, "/?probe=bad", "nonsense").await.status() == 200);
        }
    };
    tokio::select! {
        never = pressing => never,
        () = until => {}
    }
    (right, wrong)
}

#[rstest]
#[case::caddy(Kind::Caddy, 502)]
#[case::envoy_grpc(Kind::EnvoyGrpc, 503)]
#[case::envoy_http(Kind::EnvoyHttp, 503)]
#[case::haproxy(Kind::Haproxy, 503)]
#[case::nginx(Kind::Nginx, 503)]
#[case::traefik(Kind::Traefik, 500)]
#[tokio::test]
async fn while_keyward_is_killed_nobody_gets_in(#[case] kind: Kind, #[case] status: u16) {
    let install = Install::new().with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", "1000000");
    install.add_user(USER, PASSWORD, &[]);
    let site = Site::start_in(install).await;
    let gateway = site.gateway(kind);
    let token = site.user().await.access;
    let Site { install, server, app: _app } = site;

    let killed = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        tokio::task::spawn_blocking(|| server.kill()).await.expect("killed");
    };
    let (right, wrong) = press(&gateway, &token, killed).await;
    assert!(right > 0 && wrong == 0, "{right} and {wrong}");
    for number in 0..5 {
        let answer = ask(&gateway, &format!("/?probe=away-{number}"), &token).await;
        assert_eq!(answer.status(), status, "{answer:?}\n{}", gateway.log());
    }

    let _server = install.start().await;
    lets_in_again(&gateway, &token).await;
    let reached = probes(&gateway, &token).await;
    assert!(reached.iter().any(|probe| probe == "good"), "{reached:?}");
    let wrongly: Vec<_> =
        reached.iter().filter(|probe| *probe == "bad" || probe.starts_with("away")).collect();
    assert!(wrongly.is_empty(), "{wrongly:?}");
}

#[tokio::test]
async fn while_the_store_is_away_clients_are_told_to_come_back() {
    let mut store = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", store.url()).with("KEYWARD_OUTAGE_CHECK", "0");
    install.add_user(USER, PASSWORD, &[]);
    let site = Site::start_in(install).await;
    let token = site.user().await.access;
    let gateways = Kind::ALL.map(|kind| (kind, site.gateway(kind)));
    for (_, gateway) in &gateways {
        assert_eq!(ask(gateway, "/", &token).await.status(), 200);
    }
    store.kill();
    for (kind, gateway) in &gateways {
        let answer = ask(gateway, "/?probe=away", &token).await;
        assert_eq!(answer.status(), 503, "{kind:?}: {answer:?}");
        assert!(answer.headers().contains_key("retry-after"), "{kind:?}: {answer:?}");
    }
    store.restart();
    for (_, gateway) in &gateways {
        lets_in_again(gateway, &token).await;
        assert!(!probes(gateway, &token).await.contains(&"away".to_owned()));
    }
}

/// With two nodes behind it, and one of them stopped, killed and started again under load, HAProxy in our
/// configuration refuses nobody.
#[tokio::test]
async fn behind_haproxy_a_node_that_goes_away_loses_no_request() {
    let install = Install::new().with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", "1000000");
    let install =
        Install::beside(&install).with("KEYWARD_SERVER_PUBLIC_URL", format!("http://{}", install.listen));
    install.add_user(USER, PASSWORD, &[]);
    let [listen, management, check, ext_authz] = free_addresses();
    let mut second = Install::beside(&install)
        .with("KEYWARD_SERVER_LISTEN", listen)
        .with("KEYWARD_SERVER_MANAGEMENT_LISTEN", management)
        .with("KEYWARD_SERVER_CHECK_LISTEN", check)
        .with("KEYWARD_SERVER_EXT_AUTHZ_LISTEN", ext_authz);
    second.listen = listen;
    let stays = second.start().await;
    let site = Site::start_in(install).await;
    let more = format!("    server keyward2 {check} check port {}", listen.port());
    let more = ("    # server keyward2 10.0.0.2:9082", &*more);
    let gateway = site.gateway_with(Kind::Haproxy, &[("# option httpchk", "option httpchk"), more]);
    let token = site.user().await.access;
    let Site { install, server, app: _app } = site;

    let comes_and_goes = async {
        let mut server = server;
        for is_killed in [false, true, false, true] {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let stop = move || if is_killed { server.kill() } else { server.terminate() };
            tokio::task::spawn_blocking(stop).await.expect("stopped");
            tokio::time::sleep(Duration::from_millis(300)).await;
            server = install.start().await;
        }
        server
    };
    let pressing = async {
        let mut served = 0;
        loop {
            let answer = ask(&gateway, "/", &token).await;
            assert_eq!(answer.status(), 200, "after {served}: {answer:?}\n{}", gateway.log());
            served += 1;
        }
    };
    tokio::select! {
        () = pressing => {}
        _server = comes_and_goes => {}
    }
    drop(stays);
}

/// What stands in the files as a comment works as it stands there.
#[rstest]
#[case::caddy(Kind::Caddy, &[("# health_uri", "health_uri"), ("# health_port 8080", "health_port PORT")])]
#[case::envoy_grpc(Kind::EnvoyGrpc, &ENVOY_ASKS)]
#[case::envoy_http(Kind::EnvoyHttp, &ENVOY_ASKS)]
#[case::haproxy(Kind::Haproxy, &[
    ("# option httpchk", "option httpchk"),
    ("# default-server check inter 2s fall 2 rise 1 port 8080", "default-server check inter 2s port PORT"),
])]
#[tokio::test]
async fn a_gateway_asks_whether_checks_are_answered(#[case] kind: Kind, #[case] changes: &[(&str, &str)]) {
    let site = Site::start().await;
    let port = site.install.listen.port().to_string();
    let changes: Vec<_> = changes.iter().map(|(from, to)| (*from, to.replace("PORT", &port))).collect();
    let changes: Vec<_> = changes.iter().map(|(from, to)| (*from, &**to)).collect();
    let line = r#"keyward_http_requests_total{route="/readyz",status="200"} "#;
    let asked = async || {
        let page = site.server.client().at(&site.server.management_url).get("/metrics").await.text;
        page.lines().find_map(|said| said.strip_prefix(line)?.parse::<u64>().ok()).unwrap_or(0)
    };
    let before = asked().await;
    let gateway = site.gateway_with(kind, &changes);
    let deadline = Instant::now() + PATIENCE;
    while asked().await == before {
        assert!(Instant::now() < deadline, "nothing was asked: {}", gateway.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let token = site.user().await.access;
    assert_eq!(ask(&gateway, "/", &token).await.status(), 200, "{}", gateway.log());
}

/// A check that hangs is asked again by some gateways. Keyward then answers a question more, which
/// costs the session a count and nothing else.
#[rstest]
#[case::caddy(Kind::Caddy, ("response_header_timeout 5s", "response_header_timeout 200ms"))]
#[case::envoy_grpc(Kind::EnvoyGrpc, ("timeout: 2s", "timeout: 0.2s"))]
#[case::envoy_http(Kind::EnvoyHttp, ("timeout: 2s", "timeout: 0.2s"))]
#[case::haproxy(Kind::Haproxy, ("timeout = 5000", "timeout = 200"))]
#[case::nginx(Kind::Nginx, ("proxy_read_timeout    5s", "proxy_read_timeout 200ms"))]
#[tokio::test]
async fn while_keyward_hangs_nobody_gets_in(#[case] kind: Kind, #[case] hasty: (&str, &str)) {
    let site = Site::start().await;
    let gateway = site.gateway_with(kind, &[hasty]);
    let token = site.user().await.access;
    assert_eq!(ask(&gateway, "/", &token).await.status(), 200);
    site.server.freeze();
    let answer = ask(&gateway, "/?probe=hung", &token).await;
    assert!(answer.status().is_server_error(), "{answer:?}");
    site.server.thaw();
    lets_in_again(&gateway, &token).await;
    assert!(!probes(&gateway, &token).await.contains(&"hung".to_owned()));
    let answer = site.user().await.with_access(&token).check().await;
    let left = answer.header("ratelimit").to_owned();
    let left: u32 = left.split("r=").nth(1).and_then(|rest| rest.split(';').next()?.parse().ok()).expect("r");
    assert!(left > 80, "{left} left of 100 after five questions");
}
