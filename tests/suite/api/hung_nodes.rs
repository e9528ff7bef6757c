//! A node that hangs for a while and goes on (its process stopped, or its machine): what reached it meanwhile, and what
//! it did not hear of meanwhile. Time passes for real here, as it does for a process.

use std::time::Duration;

use serde_json::json;

use super::{
    actor::Actor,
    install::{Install, Server},
    nodes::TwoNodes,
    raw::Raw,
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";
const GRACE: Duration = Duration::from_secs(1);

/// Two nodes, and alice signed in at the first.
async fn nodes() -> (TwoNodes, Actor) {
    let nodes =
        TwoNodes::with_alice(PASSWORD, |install| install.with("KEYWARD_TOKENS_REUSE_GRACE", "1s")).await;
    let alice = nodes.one.client().signed_in("alice", PASSWORD).await;
    (nodes, alice)
}

/// A refresh that is sent, and not answered yet.
fn sent(node: &Server, refresh_token: &str) -> Raw {
    let body = json!({ "refresh_token": refresh_token }).to_string();
    let length = format!("Content-Length: {}", body.len());
    let mut connection = Raw::connect(&node.url);
    connection.head("POST /v1/refresh", &["Content-Type: application/json", &length]).send(&body);
    connection
}

#[tokio::test]
async fn a_refresh_that_waited_while_the_only_node_hung_is_judged_by_when_it_came() {
    let install = Install::new().with("KEYWARD_TOKENS_REUSE_GRACE", "1s");
    install.add_user("alice", PASSWORD, &[]);
    let node = install.start().await;
    let alice = node.client().signed_in("alice", PASSWORD).await;
    // One tab has gone on when the other one's request comes.
    let child = alice.refreshed().await;
    assert_eq!(child.check().await.status, 200);
    node.freeze();
    let mut waiting = sent(&node, &alice.refresh);
    tokio::time::sleep(GRACE + Duration::from_millis(500)).await;
    node.thaw();
    let answer = waiting.answer();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["refresh_token"], child.refresh);
    tokio::time::sleep(GRACE + Duration::from_millis(1_500)).await;
    alice.refreshes().await.problem(401, "refresh_reused");
}

#[tokio::test]
async fn a_refresh_that_waited_while_its_node_hung_is_judged_by_when_it_came() {
    let (TwoNodes { two, .. }, alice) = &nodes().await;
    two.freeze();
    let mut waiting = sent(two, &alice.refresh);
    // Another tab goes on at the other node.
    let child = alice.refreshed().await;
    assert_eq!(child.check().await.status, 200);
    tokio::time::sleep(GRACE + Duration::from_millis(500)).await;
    two.thaw();
    let answer = waiting.answer();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["refresh_token"], child.refresh);
    // And once that is over, what comes late is theft again.
    tokio::time::sleep(GRACE + Duration::from_millis(1_500)).await;
    alice.at(&two.url).refreshes().await.problem(401, "refresh_reused");
}

#[tokio::test]
async fn a_node_that_hung_lets_in_nobody_who_signed_out_meanwhile() {
    let (TwoNodes { one, two, .. }, alice) = &nodes().await;
    lets_in_nobody_who_signs_out_while_it_hangs(one, two, alice, Duration::from_millis(1_500)).await;
}

/// Others' sign-outs are known within 100 ms.
#[tokio::test]
async fn a_node_that_hung_for_a_moment_lets_in_nobody_who_signed_out_meanwhile() {
    let (TwoNodes { one, two, .. }, alice) = &nodes().await;
    lets_in_nobody_who_signs_out_while_it_hangs(one, two, alice, Duration::from_millis(150)).await;
    for _ in 0..10 {
        let alice = one.client().signed_in("alice", PASSWORD).await;
        lets_in_nobody_who_signs_out_while_it_hangs(one, two, &alice, Duration::from_millis(150)).await;
    }
}

async fn lets_in_nobody_who_signs_out_while_it_hangs(
    one: &Server,
    two: &Server,
    alice: &Actor,
    hangs: Duration,
) {
    assert_eq!(alice.at(&two.url).check().await.status, 200, "it knows the token");
    let bearer = format!("Authorization: Bearer {}", alice.access);
    let mut waiting: Vec<Raw> = (0..32).map(|_| Raw::connect(&two.url)).collect();
    two.freeze();
    assert_eq!(alice.at(&one.url).logout().await.status, 204);
    for connection in &mut waiting {
        connection.head("GET /v1/check", &[&bearer]);
    }
    tokio::time::sleep(hangs).await;
    two.thaw();
    for connection in &mut waiting {
        let answer = connection.answer();
        assert!([401, 503].contains(&answer.status), "{answer:?}");
    }
}
