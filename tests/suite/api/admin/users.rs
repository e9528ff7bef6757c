//! Users by the admin API.

use serde_json::{Value, json};

use super::{PASSWORD, Stage, ask, good, id_of};
use crate::support::outside::actor::Actor;

fn names(page: &Value) -> Vec<String> {
    let users = page["users"].as_array().expect("users").iter();
    users.map(|user| user["username"].as_str().expect("a name").to_owned()).collect()
}

async fn listed(admin: &Actor, query: &str) -> Vec<String> {
    names(&good(admin, "GET", &format!("/admin/v1/users{query}"), None).await)
}

#[tokio::test]
async fn users_are_listed_by_age_search_role_and_status() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let all = ["root", "sue", "rita", "alice"];
    assert_eq!(listed(&root, "").await, all);
    assert_eq!(listed(&root, "?order=newest").await, ["alice", "rita", "sue", "root"]);
    assert_eq!(listed(&root, "?search=R").await, ["rita", "root"]);
    assert_eq!(listed(&root, "?search=alice").await, ["alice"], "found by name and address, and once");
    assert_eq!(listed(&root, "?search=ALICE@ex").await, ["alice"]);
    assert!(listed(&root, "?search=lice").await.is_empty(), "what a name begins with");
    assert_eq!(listed(&root, "?role=admin").await, ["root"], "and no role that only begins so");
    assert_eq!(listed(&root, "?role=editor&status=active").await, ["alice"]);
    assert!(listed(&root, "?status=disabled").await.is_empty());

    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = good(&root, "GET", &format!("/admin/v1/users?limit=1{cursor}"), None).await;
        found.extend(names(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, all);
    let next = good(&root, "GET", "/admin/v1/users?limit=1", None).await["next_cursor"].clone();
    let next = next.as_str().expect("a cursor");
    for query in [
        "?limit=0",
        "?limit=1001",
        "?cursor=x",
        "?search=",
        "?search=%00",
        "?role=a,b",
        "?status=gone",
        "?order=up",
        "?search=a&order=newest",
        "?serach=a",
        "?limit=1&limit=2",
        &format!("?search=a&cursor={next}"),
    ] {
        ask(&root, "GET", &format!("/admin/v1/users{query}"), None).await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn an_account_is_made_without_a_password_and_nobody_signs_in_to_it_until_it_has_one() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let wanted = json!({ "username": "Bob", "email": "bob@example.com", "roles": ["editor", "editor"] });
    let answer = ask(&root, "POST", "/admin/v1/users", Some(&wanted)).await;
    let bob = answer.json();
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!((&bob["username"], &bob["roles"]), (&json!("Bob"), &json!(["editor"])));
    assert_eq!((&bob["email_verified"], &bob["status"]), (&json!(false), &json!("active")));
    for guess in ["", " ", "bob", PASSWORD] {
        stage.server.client().login("bob", guess).await.problem(
            if guess.is_empty() { 400 } else { 401 },
            if guess.is_empty() { "invalid_request" } else { "invalid_credentials" },
        );
    }
    let set = ["user", "set-password", "bob", "--password-stdin"];
    assert_eq!(stage.install.run_with_input(&set, PASSWORD).code, Some(0));
    assert_eq!(stage.server.client().login("bob", PASSWORD).await.status, 200);

    let taken = ask(&root, "POST", "/admin/v1/users", Some(&json!({ "username": "BOB" }))).await;
    taken.problem(409, "username_taken");
    let many: Vec<String> = (0..17).map(|number| format!("r{number}")).collect();
    for wrong in [
        json!({}),
        json!({ "username": "x", "password": PASSWORD }),
        json!({ "username": "x", "password_hash": "x" }),
        json!({ "username": " x" }),
        json!({ "username": "x", "email": "x" }),
        json!({ "username": "x", "roles": ["a b"] }),
        json!({ "username": "x", "roles": many }),
        json!({ "username": "x", "id": "x" }),
    ] {
        ask(&root, "POST", "/admin/v1/users", Some(&wrong)).await.problem(400, "invalid_request");
    }
    assert!(listed(&root, "?search=x").await.is_empty(), "nothing was made of it");
}

#[tokio::test]
async fn a_patch_changes_what_it_names_alone() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let path = format!("/admin/v1/users/{}", id_of(&root, "alice").await);
    let before = good(&root, "GET", &path, None).await;
    assert_eq!(good(&root, "PATCH", &path, Some(&json!({}))).await, before);
    let mut expected = before.clone();
    for (patch, member, value) in [
        (json!({ "email_verified": true }), "email_verified", json!(true)),
        (json!({ "roles": ["b", "a", "b"] }), "roles", json!(["a", "b"])),
        (json!({ "roles": ["b"] }), "roles", json!(["b"])),
    ] {
        expected[member] = value;
        assert_eq!(good(&root, "PATCH", &path, Some(&patch)).await, expected, "{patch}");
        assert_eq!(good(&root, "PATCH", &path, Some(&patch)).await, expected, "and once more");
    }
    let moved = good(&root, "PATCH", &path, Some(&json!({ "email": "a@example.org" }))).await;
    assert_eq!((&moved["email"], &moved["email_verified"]), (&json!("a@example.org"), &json!(false)));
    let removed = good(&root, "PATCH", &path, Some(&json!({ "email": null, "roles": [] }))).await;
    assert_eq!((&removed["email"], &removed["roles"]), (&Value::Null, &json!([])));
    for wrong in [
        json!({ "email": 1 }),
        json!({ "email": "x" }),
        json!({ "email_verified": true }),
        json!({ "email_verified": true, "roles": ["b"] }),
        json!({ "roles": "admin" }),
        json!({ "status": "disabled" }),
        json!({ "username": "mallory" }),
        json!({ "password": PASSWORD }),
        json!({ "id": "x" }),
        json!([]),
    ] {
        ask(&root, "PATCH", &path, Some(&wrong)).await.problem(400, "invalid_request");
    }
    assert_eq!(good(&root, "GET", &path, None).await, removed);
    let typed = root.authorized("PATCH", &path).header("content-type", "text/plain").body("{}");
    super::send(typed).await.problem(415, "unsupported_media_type");
    let long = root.authorized("PATCH", &path).json(&json!({ "email": "x".repeat(70_000) }));
    super::send(long).await.problem(413, "payload_too_large");
}

#[tokio::test]
async fn an_account_is_disabled_enabled_unlocked_and_deleted_once_and_again() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let alice = stage.server.client().signed_in("alice", PASSWORD).await;
    let path = format!("/admin/v1/users/{}", id_of(&root, "alice").await);
    for _ in 0..2 {
        let disabled = good(&root, "POST", &format!("{path}/disable"), None).await;
        assert_eq!(disabled["status"], "disabled");
        alice.check().await.refused(401, "token_revoked");
        alice.login("alice", PASSWORD).await.problem(403, "account_disabled");
    }
    assert_eq!(listed(&root, "?status=disabled").await, ["alice"]);
    for _ in 0..2 {
        assert_eq!(good(&root, "POST", &format!("{path}/enable"), None).await["status"], "active");
    }
    // Those of before count too.
    let mut tries = 0;
    while alice.login("alice", "wrong").await.status != 429 {
        tries += 1;
        assert!(tries <= 10, "it is never locked");
    }
    alice.login("alice", PASSWORD).await.problem(429, "too_many_attempts");
    for _ in 0..2 {
        assert_eq!(good(&root, "POST", &format!("{path}/unlock"), None).await["username"], "alice");
    }
    assert_eq!(alice.login("alice", PASSWORD).await.status, 200);

    let deleted = good(&root, "DELETE", &path, None).await;
    assert_eq!(deleted["username"], "alice");
    for (method, path) in
        [("DELETE", path.clone()), ("GET", path.clone()), ("POST", format!("{path}/enable"))]
    {
        ask(&root, method, &path, None).await.problem(404, "not_found");
    }
    ask(&root, "PATCH", &path, Some(&json!({ "roles": [] }))).await.problem(404, "not_found");
    // Her name has failed too often, or is that of nobody: in either case nobody gets in.
    assert!([401, 429].contains(&alice.login("alice", PASSWORD).await.status));
}
