//! An app that is changed by a command holds so on every node: its origins, its secret, whether it has one, and
//! that it is gone. How long a node may go by what it knew is held to in `verbs/app_policies.rs`.

use serde_json::json;

use super::{
    actor::{Answer, send},
    install::Server,
    nodes::{TwoNodes, comes_to},
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";
const PAGE: &str = "https://app.example.com";

/// Whether a node lets a page read its answers.
async fn lets_read(node: &Server) -> bool {
    let preflight = node.client().request("OPTIONS", "/v1/login").header("origin", PAGE);
    let answer = send(preflight.header("access-control-request-method", "POST")).await;
    answer.headers.contains_key("access-control-allow-origin")
}

async fn introspects(node: &Server, secret: &str) -> Answer {
    let form = node.client().request("POST", "/oauth/introspect").basic_auth("shop", Some(secret));
    send(form.header("content-type", "application/x-www-form-urlencoded").body("token=x")).await
}

async fn signs_in(node: &Server) -> Answer {
    let body = json!({ "username": "alice", "password": PASSWORD, "app": "shop" });
    node.client().post("/v1/login", &body).await
}

#[tokio::test]
async fn what_a_command_changes_of_an_app_holds_on_both_nodes() {
    let TwoNodes { install, one, two, .. } = &TwoNodes::with_alice(PASSWORD, |install| install).await;
    let both = [one, two];
    install.good(&["app", "add", "shop"]);
    let mut alices = Vec::new();
    for node in both {
        assert!(!lets_read(node).await);
        alices.push(node.client().with_tokens(&comes_to(200, async || signs_in(node).await).await));
    }
    install.good(&["app", "update", "shop", "--origin", PAGE]);
    for node in both {
        assert!(lets_read(node).await);
    }
    install.good(&["app", "update", "shop", "--no-origin"]);
    for node in both {
        assert!(!lets_read(node).await);
    }

    let old = install.good(&["app", "update", "shop", "--confidential"]).trim_end().to_owned();
    for (node, alice) in both.into_iter().zip(&alices) {
        signs_in(node).await.problem(401, "invalid_credentials");
        alice.refreshes().await.problem(401, "invalid_credentials");
        assert_eq!(introspects(node, &old).await.status, 200);
    }
    let new = install.good(&["app", "new-secret", "shop"]).trim_end().to_owned();
    for node in both {
        assert_eq!(introspects(node, &new).await.status, 200);
        comes_to(401, async || introspects(node, &old).await).await;
    }
    install.good(&["app", "update", "shop", "--public"]);
    for (node, alice) in both.into_iter().zip(&alices) {
        comes_to(401, async || introspects(node, &new).await).await;
        assert_eq!(alice.refreshes().await.status, 200);
    }

    install.good(&["app", "update", "shop", "--origin", PAGE]);
    install.good(&["app", "remove", "shop"]);
    for (node, alice) in both.into_iter().zip(&alices) {
        assert!(!lets_read(node).await);
        comes_to(401, async || alice.check().await).await.refused(401, "token_revoked");
        alice.refreshes().await.problem(401, "session_ended");
        assert_eq!(signs_in(node).await.status, 400, "there is no such app");
    }
}
