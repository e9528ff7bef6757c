//! No secret is ever said (contract 1): not in the log at `debug`, not in the metrics, not in what a command complains
//! of. The harness looks for every secret of every test in every log; this one uses all kinds there are, and has stores
//! fail meanwhile.

use serde_json::json;

use super::{
    actor::{Actor, check, send},
    app_server::AppServer,
    cookies,
    install::{Install, Server, wait_for},
    secrets,
};
use crate::support::servers::redis;

const PASSWORD: &str = "Seven words make 1 fine passphrase";
const NEXT: &str = "Another 7 words for the time after";

/// Signs in and out in all ways, rightly and wrongly.
async fn live(server: &Server, shop: &AppServer) {
    let client = server.client();
    let alice = client.signed_in("alice", PASSWORD).await;
    client.login("alice", "Not the passphrase of 1 Alice").await;
    client.login(PASSWORD, "typed 1 field too early").await;
    let next = alice.refreshed().await;
    next.check().await;
    client.with_access(&alice.refresh).check().await;
    client.with_refresh(&format!("{}x", alice.refresh)).refreshes().await;
    for transport in ["cookie", "session"] {
        let body = json!({ "username": "alice", "password": PASSWORD, "transport": transport });
        let answer = cookies::send(client.request("POST", "/v1/login").json(&body)).await;
        let cookie = cookies::cookie(&answer.headers).expect("a cookie");
        let cookie = cookie.split(';').next().expect("a pair").to_owned();
        cookies::send(client.request("POST", "/v1/refresh").header("cookie", &cookie)).await;
        check(client.request("GET", "/v1/check").header("cookie", &cookie)).await;
        cookies::send(client.request("POST", "/v1/logout").header("cookie", &cookie)).await;
    }
    for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", &*shop.name),
            ("client_secret", &*shop.secret),
            ("refresh_token", &*next.refresh),
            ("token", &*next.access),
        ];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let form_type = "application/x-www-form-urlencoded";
        send(client.request("POST", path).header("content-type", form_type).body(form)).await;
    }
    let wanted = json!({ "user": "u1", "ip": "192.0.2.1", "ttl": "1h", "data": { "password": "Kept 4 the app alone" } });
    let made = shop.create(&wanted).await;
    if let Some(token) = made.json()["token"].as_str() {
        shop.rest("GET", &format!("get/{token}")).await;
    }
    let body = json!({ "current": PASSWORD, "new": NEXT });
    next.post_authorized("/v1/password", &body).await;
    next.post_authorized("/v1/password", &json!({ "current": NEXT, "new": PASSWORD })).await;
    alice.logout().await;
}

#[tokio::test]
async fn no_secret_of_a_whole_run_is_in_log_metrics_or_errors() {
    let mut redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_ACCOUNTS_SIGNUP", "open");
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let shop = AppServer::register(&install, &server, "shop");
    live(&server, &shop).await;
    let body = json!({ "username": "bob", "password": "1 more passphrase of Bob's own" });
    assert_eq!(server.client().post("/v1/signup", &body).await.status, 201);
    let outcome = install
        .run_with_input(&["user", "set-password", "nobody", "--password-stdin"], "For Nobody 1 of us\n");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    redis.kill();
    let alice = server.client().login("alice", PASSWORD).await;
    assert_eq!(alice.status, 503, "{alice:?}");
    server.client().with_refresh("kwr_1234567890abcdefGHIJ").refreshes().await;

    let page = Actor::new(&server.management_url).get("/metrics").await.text;
    secrets::assert_none_in(&page, "/metrics");
    let is_whole =
        |log: &String| ["DEBUG", "signed_in", "a store is away"].iter().all(|words| log.contains(words));
    let log = wait_for(|| Some(server.stderr()).filter(is_whole)).expect("lines in the log");
    secrets::assert_none_in(&log, "the server");
    assert!(secrets::found_in(&format!("{log}{PASSWORD}")).is_some(), "what is looked for would be found");
}
