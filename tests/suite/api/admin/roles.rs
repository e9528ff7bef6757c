//! Who may do what: each endpoint with each role, and how fast it ends.

use keyward::{
    domain::admin::AdminRole,
    http::endpoints::{ENDPOINTS, Endpoint, MayCall, Surface},
};
use serde_json::json;

use super::{Stage, ask, good, id_of, send};
use crate::support::outside::actor::Actor;

fn endpoints() -> impl Iterator<Item = (&'static Endpoint, AdminRole)> {
    let ours = ENDPOINTS.iter().filter(|endpoint| endpoint.surface == Surface::Admin);
    ours.map(|endpoint| match endpoint.caller {
        MayCall::Admin(needed) => (endpoint, needed),
        other => panic!("{}: {other:?}", endpoint.path),
    })
}

/// What is there for nobody: what passes the door changes nothing.
fn filled(endpoint: &Endpoint) -> String {
    endpoint
        .path
        .split('/')
        .map(|part| if part.starts_with('{') { "x" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test]
async fn each_endpoint_takes_its_role_or_one_that_goes_further() {
    let stage = Stage::new().await;
    for (name, role) in [
        ("alice", None),
        ("rita", Some(AdminRole::Read)),
        ("sue", Some(AdminRole::Support)),
        ("root", Some(AdminRole::Full)),
    ] {
        let somebody = stage.admin(name).await;
        for (endpoint, needed) in endpoints() {
            let answer = ask(&somebody, endpoint.method.as_str(), &filled(endpoint), None).await;
            let told = format!("{name} {} {}: {answer:?}", endpoint.method.as_str(), endpoint.path);
            if role >= Some(needed) {
                assert!(![401, 403, 405].contains(&answer.status) && answer.status < 500, "{told}");
            } else {
                answer.problem(403, "insufficient_role");
            }
        }
    }
}

#[test]
fn to_look_takes_the_role_to_read_and_to_change_takes_more() {
    for (endpoint, needed) in endpoints() {
        let is_look = endpoint.method.as_str() == "GET";
        assert_eq!(needed == AdminRole::Read, is_look, "{}", endpoint.path);
    }
}

#[tokio::test]
async fn support_grants_no_role_and_nobody_below_admin_changes_themselves() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    for name in ["sue", "rita", "alice"] {
        let (somebody, id) = (stage.admin(name).await, id_of(&root, name).await);
        let path = format!("/admin/v1/users/{id}");
        let before = good(&root, "GET", &path, None).await;
        let grant = json!({ "roles": ["admin"] });
        ask(&somebody, "PATCH", &path, Some(&grant)).await.problem(403, "insufficient_role");
        let new = json!({ "username": "mallory", "roles": ["admin"] });
        ask(&somebody, "POST", "/admin/v1/users", Some(&new)).await.problem(403, "insufficient_role");
        let app = json!({ "role": "admin" });
        ask(&somebody, "PATCH", "/admin/v1/apps/tools", Some(&app)).await.problem(403, "insufficient_role");
        let secret = ask(&somebody, "POST", "/admin/v1/apps/tools/secret", None).await;
        secret.problem(403, "insufficient_role");
        assert_eq!(good(&root, "GET", &path, None).await, before);
    }
}

#[tokio::test]
async fn ones_own_id_and_session_open_nothing_that_a_role_does_not() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let alice = stage.admin("alice").await;
    let id = id_of(&root, "alice").await;
    for (method, path) in [
        ("GET", format!("/admin/v1/users/{id}")),
        ("GET", format!("/admin/v1/sessions?user={id}")),
        ("GET", format!("/admin/v1/sessions/{}", alice.session)),
        ("DELETE", format!("/admin/v1/sessions/{}", alice.session)),
        ("POST", format!("/admin/v1/users/{id}/unlock")),
    ] {
        ask(&alice, method, &path, None).await.problem(403, "insufficient_role");
    }
    let rita = stage.admin("rita").await;
    let own = format!("/admin/v1/sessions/{}", rita.session);
    ask(&rita, "DELETE", &own, None).await.problem(403, "insufficient_role");
    // An id of one kind is none of another, and none is a path.
    for path in [
        format!("/admin/v1/users/{}", alice.session),
        format!("/admin/v1/users/{}", id.to_uppercase()),
        format!("/admin/v1/sessions/{id}"),
        "/admin/v1/users/..%2Fapps".to_owned(),
        "/admin/v1/users/alice".to_owned(),
        "/admin/v1/users/%00".to_owned(),
        "/admin/v1/apps/..".to_owned(),
    ] {
        ask(&root, "GET", &path, None).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn an_admin_who_is_demoted_disabled_or_signed_out_is_out_with_the_next_request() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let out = async |somebody: &Actor, status, code| {
        ask(somebody, "GET", "/admin/v1/users", None).await.problem(status, code);
    };
    let rita = stage.admin("rita").await;
    let path = format!("/admin/v1/users/{}", id_of(&root, "rita").await);
    good(&root, "PATCH", &path, Some(&json!({ "roles": [] }))).await;
    out(&rita, 401, "token_outdated").await;
    let refreshed = rita.at(&stage.server.url).refreshed().await.at(&stage.server.admin_url);
    out(&refreshed, 403, "insufficient_role").await;

    let sue = stage.admin("sue").await;
    good(&root, "POST", &format!("/admin/v1/users/{}/disable", id_of(&root, "sue").await), None).await;
    out(&sue, 401, "token_revoked").await;
    assert_eq!(root.at(&stage.server.url).logout().await.status, 204);
    out(&root, 401, "token_revoked").await;
    for token in ["", "x", "kwr_x", &stage.secret] {
        let answer = send(root.with_access(token).authorized("GET", "/admin/v1/users")).await;
        answer.problem(401, "token_invalid");
    }
}

#[tokio::test]
async fn the_last_enabled_admin_stays_and_of_two_who_go_at_once_one_stays() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let own = format!("/admin/v1/users/{}", id_of(&root, "root").await);
    let last = async |root: &Actor| {
        let lesser = json!({ "roles": ["admin.support"], "email": "root@example.com" });
        ask(root, "PATCH", &own, Some(&lesser)).await.problem(409, "conflict");
        ask(root, "POST", &format!("{own}/disable"), None).await.problem(409, "conflict");
        ask(root, "DELETE", &own, None).await.problem(409, "conflict");
        let shown = good(root, "GET", &own, None).await;
        assert_eq!((&shown["status"], &shown["email"]), (&json!("active"), &json!(null)), "nothing is done");
    };
    last(&root).await;
    for command in [
        &["user", "disable", "root"][..],
        &["user", "delete", "root"],
        &["user", "role", "root", "--remove", "admin"],
    ] {
        let refused = stage.install.run(command);
        assert!(refused.code == Some(1) && refused.stderr.contains("role admin"), "{refused:?}");
    }
    last(&root).await;

    let sue = format!("/admin/v1/users/{}", id_of(&root, "sue").await);
    good(&root, "PATCH", &sue, Some(&json!({ "roles": ["admin"] }))).await;
    let second = stage.admin("sue").await;
    let (sue_out, root_out) = (format!("{sue}/disable"), format!("{own}/disable"));
    let (one, other) =
        tokio::join!(ask(&root, "POST", &sue_out, None), ask(&second, "POST", &root_out, None));
    assert!([one.status, other.status] != [200, 200], "both are out: {one:?} {other:?}");
    let admins: serde_json::Value =
        serde_json::from_str(&stage.install.good(&["user", "list", "--json"])).expect("JSON");
    let is_left = |user: &&serde_json::Value| user["roles"] == json!(["admin"]) && user["status"] == "active";
    assert!(admins.as_array().expect("users").iter().any(|user| is_left(&user)), "{admins}");
}
