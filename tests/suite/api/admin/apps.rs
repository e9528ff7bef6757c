//! Apps by the admin API, and apps that use it.

use serde_json::json;

use super::{Stage, ask, good, send};

#[tokio::test]
async fn an_app_is_registered_changed_given_another_secret_and_removed() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let wanted = json!({ "name": "shop", "confidential": true, "origins": ["https://shop.example.com"] });
    let answer = ask(&root, "POST", "/admin/v1/apps", Some(&wanted)).await;
    let shop = answer.json();
    assert_eq!((answer.status, &shop["kind"]), (201, &json!("confidential")), "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let secret = shop["secret"].as_str().expect("a secret, once").to_owned();
    ask(&root, "POST", "/admin/v1/apps", Some(&wanted)).await.problem(409, "conflict");

    let shown = good(&root, "GET", "/admin/v1/apps/shop", None).await;
    assert_eq!((&shown["secret"], &shown["role"]), (&json!(null), &json!(null)));
    let patch = json!({ "access_ttl": 60, "audience": "https://api.example.com", "role": "admin.read" });
    let changed = good(&root, "PATCH", "/admin/v1/apps/shop", Some(&patch)).await;
    for (member, value) in patch.as_object().expect("an object") {
        assert_eq!(&changed[member], value);
    }
    assert_eq!((&changed["origins"], &changed["secret"]), (&wanted["origins"], &json!(null)));
    let changed = good(&root, "PATCH", "/admin/v1/apps/shop", Some(&json!({ "audience": null }))).await;
    assert_eq!((&changed["audience"], &changed["access_ttl"]), (&json!(null), &json!(60)));
    for wrong in [
        json!({ "access_ttl": 0 }),
        json!({ "access_ttl": 86401 }),
        json!({ "role": "root" }),
        json!({ "secret": "x" }),
        json!({ "origins": ["example.com"] }),
        json!({ "name": "x" }),
    ] {
        ask(&root, "PATCH", "/admin/v1/apps/shop", Some(&wrong)).await.problem(400, "invalid_request");
    }
    let role = json!({ "role": "admin" });
    ask(&root, "PATCH", "/admin/v1/apps/default", Some(&role)).await.problem(400, "invalid_request");

    let renewed = good(&root, "POST", "/admin/v1/apps/shop/secret", None).await;
    assert_ne!(renewed["secret"].as_str().expect("a secret"), secret);
    let old = root.request("GET", "/admin/v1/stats").basic_auth("shop", Some(&secret));
    send(old).await.problem(401, "invalid_credentials");
    let page = good(&root, "GET", "/admin/v1/apps?limit=2", None).await;
    assert_eq!(page["apps"].as_array().map(Vec::len), Some(2));
    let rest = good(&root, "GET", "/admin/v1/apps?limit=2&cursor=shop", None).await;
    assert_eq!((&page["next_cursor"], &rest["apps"][0]["name"]), (&json!("shop"), &json!("tools")));
    assert_eq!(good(&root, "DELETE", "/admin/v1/apps/shop", None).await["name"], "shop");
    for method in ["GET", "DELETE"] {
        ask(&root, method, "/admin/v1/apps/shop", None).await.problem(404, "not_found");
    }
    ask(&root, "DELETE", "/admin/v1/apps/default", None).await.problem(409, "conflict");
}

#[tokio::test]
async fn an_app_goes_as_far_as_the_role_it_was_given_and_no_longer_than_it_has_it() {
    let stage = Stage::new().await;
    let refused =
        async |method, path| send(stage.tools(method, path)).await.problem(403, "insufficient_role");
    refused("GET", "/admin/v1/users").await;
    stage.install.good(&["app", "update", "tools", "--role", "admin.read"]);
    assert_eq!(send(stage.tools("GET", "/admin/v1/users")).await.status, 200);
    refused("POST", "/admin/v1/keys/rotate").await;
    refused("DELETE", "/admin/v1/sessions?app=default").await;
    stage.install.good(&["app", "update", "tools", "--role", "admin.support"]);
    assert_eq!(send(stage.tools("DELETE", "/admin/v1/sessions?app=default")).await.status, 200);
    refused("POST", "/admin/v1/users").await;
    stage.install.good(&["app", "update", "tools", "--role", "admin"]);
    assert_eq!(send(stage.tools("POST", "/admin/v1/keys/rotate")).await.status, 201);
    stage.install.good(&["app", "update", "tools", "--no-role"]);
    refused("GET", "/admin/v1/users").await;

    let wrong = stage.install.run(&["app", "update", "tools", "--role", "editor"]);
    assert!(wrong.code == Some(1) && wrong.stderr.contains("admin.support"), "{wrong:?}");
    let public = stage.install.run(&["app", "update", "default", "--role", "admin"]);
    assert!(public.code == Some(1) && public.stderr.contains("secret"), "{public:?}");
}

#[tokio::test]
async fn a_wrong_secret_is_no_credential_and_no_cookie_or_name_stands_in_for_it() {
    let stage = Stage::new().await;
    stage.install.good(&["app", "update", "tools", "--role", "admin"]);
    let client = stage.server.client().at(&stage.server.admin_url);
    for (name, secret) in
        [("tools", "wrong"), ("tools", ""), ("default", ""), ("nobody", "x"), ("root", super::PASSWORD)]
    {
        let answer = send(client.request("GET", "/admin/v1/users").basic_auth(name, Some(secret))).await;
        answer.problem(401, "invalid_credentials");
        assert!(answer.header("www-authenticate").starts_with("Basic "), "{answer:?}");
    }
    stage.install.good(&["app", "update", "tools", "--public"]);
    let deadline = std::time::Instant::now() + super::super::install::PATIENCE;
    // Another process has changed it: it is noticed within a second.
    while send(stage.tools("GET", "/admin/v1/users")).await.status != 401 {
        assert!(std::time::Instant::now() < deadline, "a public app gets in for ever");
    }
}
