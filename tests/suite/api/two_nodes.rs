//! Two nodes on one Redis and one database: what a session is at one of them, it is at the other (contract 4).

use serde_json::{Value, json};

use super::{
    actor::{Actor, check, send},
    app_server::{AppServer, Held, good},
    cookies,
    install::Install,
    nodes::{TwoNodes, comes_to},
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";
const OTHER: &str = "another seven words that nobody would guess";

/// Two nodes, and the user alice.
async fn nodes() -> TwoNodes {
    TwoNodes::with_alice(PASSWORD, |install| install).await
}

/// A confidential app, as it asks each of them.
fn shop(nodes: &TwoNodes) -> [AppServer; 2] {
    let shop = AppServer::register(&nodes.install, &nodes.one, "shop");
    let there = shop.at(&nodes.two);
    [shop, there]
}

/// No node finds the session, and no save that comes late brings it back.
async fn is_gone(session: &Held<'_>, nodes: &[AppServer; 2]) {
    let ghost = json!({ "by": "ghost" });
    for session in nodes.each_ref().map(|node| session.at(node)) {
        session.get().await.problem(404, "not_found");
        for version in [None, Some("*"), Some("\"1\""), Some("\"3\"")] {
            session.merge(&ghost, version).await.problem(404, "not_found");
        }
        send(session.request("PUT", "/data").json(&ghost)).await.problem(404, "not_found");
        assert_eq!(good(&send(session.request("DELETE", "")).await), json!({ "ended": 0 }));
        session.get().await.problem(404, "not_found");
    }
}

/// What each node lists, and how many users it counts.
async fn seen(nodes: &[AppServer; 2], query: &str) -> [(usize, Value); 2] {
    let [one, two] = nodes.each_ref().map(async |node| {
        let sessions = node.ask("GET", query).await["sessions"].as_array().map_or(0, Vec::len);
        (sessions, node.ask("GET", "/activity?within=600").await["users"].clone())
    });
    [one.await, two.await]
}

#[tokio::test]
async fn a_kept_session_is_one_session_at_both_nodes() {
    let nodes = nodes().await;
    let shop = shop(&nodes);
    let here = shop[0].created(&json!({ "user": "anna", "ip": "10.0.0.1", "data": { "cart": 1 } })).await;
    let there = here.at(&shop[1]);
    let read = there.get().await;
    assert_eq!((&good(&read)["data"], read.header("etag")), (&json!({ "cart": 1 }), "\"1\""));

    let merged = there.merge(&json!({ "name": "Anna" }), Some("\"1\"")).await;
    assert_eq!((merged.status, merged.header("etag")), (200, "\"2\""));
    // A save at the other node that knows nothing of it does not overwrite it.
    let late = here.merge(&json!({ "name": "Bert" }), Some("\"1\"")).await;
    assert_eq!(late.problem(412, "version_mismatch")["version"], 2);
    assert_eq!(here.merge(&json!({ "cart": null }), Some("\"2\"")).await.status, 200);
    let late = send(there.request("PUT", "/data").header("if-match", "\"2\"").json(&json!({}))).await;
    assert_eq!(late.problem(412, "version_mismatch")["version"], 3);
    for session in [&here, &there] {
        assert_eq!(good(&session.get().await)["data"], json!({ "name": "Anna" }));
    }
    assert_eq!(good(&here.get().await)["reads"], 4, "reads at both are counted");
    assert_eq!(seen(&shop, "?user=anna").await, [(1, json!(1)), (1, json!(1))]);

    assert_eq!(good(&send(there.request("DELETE", "")).await), json!({ "ended": 1 }));
    is_gone(&here, &shop).await;
    assert_eq!(seen(&shop, "?user=anna").await, [(0, json!(0)), (0, json!(0))]);
}

#[tokio::test]
async fn an_end_of_all_at_one_node_is_one_at_the_other() {
    let nodes = nodes().await;
    let shop = shop(&nodes);
    let mut annas = Vec::new();
    for node in [0, 1, 0] {
        annas.push(shop[node].created(&json!({ "user": "anna", "ip": "10.0.0.1" })).await);
    }
    let bert = shop[1].created(&json!({ "user": "bert", "ip": "10.0.0.2" })).await;
    assert_eq!(seen(&shop, "").await, [(4, json!(2)), (4, json!(2))]);

    assert_eq!(shop[1].ask("DELETE", "?user=anna").await, json!({ "ended": 3 }));
    for anna in &annas {
        is_gone(anna, &shop).await;
    }
    assert_eq!(seen(&shop, "").await, [(1, json!(1)), (1, json!(1))]);
    assert_eq!(good(&bert.at(&shop[0]).get().await)["user"], "bert");

    assert_eq!(shop[0].ask("DELETE", "").await, json!({ "ended": 1 }));
    is_gone(&bert, &shop).await;
    assert_eq!(seen(&shop, "").await, [(0, json!(0)), (0, json!(0))]);
}

#[tokio::test]
async fn a_sign_in_that_is_ended_at_one_node_is_refused_at_the_other_with_its_reason() {
    let nodes = nodes().await;
    let sign_in = async || {
        let alice = nodes.one.client().signed_in("alice", PASSWORD).await;
        assert_eq!(alice.at(&nodes.two.url).check().await.status, 200);
        alice
    };
    let is_refused = async |alice: &Actor, reason: &str| {
        let there = alice.at(&nodes.two.url);
        comes_to(401, async || there.check().await).await.refused(401, "token_revoked");
        there.get("/v1/me").await.problem_with_reason(401, "token_revoked", reason);
        there.refreshes().await.problem_with_reason(401, "session_ended", reason);
    };
    let (here, other) = (sign_in().await, sign_in().await);
    let end = here.authorized("DELETE", &format!("/v1/sessions/{}", other.session));
    assert_eq!(send(end).await.status, 204);
    is_refused(&other, "logout").await;

    let other = sign_in().await;
    assert_eq!(send(here.authorized("POST", "/v1/logout/all?keep=current")).await.json()["ended"], 1);
    is_refused(&other, "logout_all").await;

    let other = sign_in().await;
    let change = json!({ "current": PASSWORD, "new": OTHER });
    assert_eq!(here.post_authorized("/v1/password", &change).await.status, 204);
    is_refused(&other, "password_changed").await;
    assert_eq!(here.at(&nodes.two.url).check().await.status, 200);
    assert_eq!(here.at(&nodes.two.url).sessions().await.len(), 1);
}

#[tokio::test]
async fn a_session_cookie_that_is_ended_at_one_node_is_refused_at_the_other_at_once() {
    let nodes = nodes().await;
    let here = nodes.one.client().signed_in("alice", PASSWORD).await;
    let body = json!({ "username": "alice", "password": PASSWORD, "transport": "session" });
    let login = cookies::send(nodes.one.client().request("POST", "/v1/login").json(&body)).await;
    let cookie = cookies::cookie(&login.headers).expect("a cookie");
    let cookie = cookie.split(';').next().expect("a pair");
    let there = |path: &str| nodes.two.client().request("GET", path).header("cookie", cookie);
    assert_eq!(check(there("/v1/check")).await.status, 200);

    let id = login.json()["session_id"].as_str().expect("an id").to_owned();
    assert_eq!(send(here.authorized("DELETE", &format!("/v1/sessions/{id}"))).await.status, 204);
    check(there("/v1/check")).await.refused(401, "session_ended");
    send(there("/v1/me")).await.problem_with_reason(401, "session_ended", "logout");
}

#[tokio::test]
async fn own_sessions_are_listed_by_pages() {
    let install = Install::new().with("KEYWARD_ACCOUNTS_SESSIONS_PER_USER", 5);
    let server = install.start().await;
    let first = server.admin().await;
    let password = server.admin_password();
    let mut latest = first.clone();
    for _ in 0..5 {
        latest = server.client().signed_in("admin", &password).await;
    }
    first.check().await.problem_with_reason(401, "token_revoked", "too_many_sessions");
    first.refreshes().await.problem_with_reason(401, "session_ended", "too_many_sessions");

    let list = async |query: &str| send(latest.authorized("GET", &format!("/v1/sessions{query}"))).await;
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = list(&query).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        seen.extend(page["sessions"].as_array().expect("a list").iter().map(|s| s["id"].to_string()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={next}");
    }
    assert_eq!(seen.len(), 5);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5, "each once");
    for wrong in ["?limit=0", "?limit=1001", "?limit=x", "?cursor=x"] {
        list(wrong).await.problem(400, "invalid_request");
    }
}
