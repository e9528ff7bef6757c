//! Sessions, keys and counts by the admin API.

use serde_json::json;

use super::{PASSWORD, Stage, ask, good, id_of};
use crate::support::outside::nodes::comes_to;

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_by_user_and_by_app() {
    let stage = Stage::new().await;
    let (root, sue) = (stage.admin("root").await, stage.admin("sue").await);
    let alice = id_of(&root, "alice").await;
    let mut signed_in = Vec::new();
    for _ in 0..4 {
        signed_in.push(stage.server.client().signed_in("alice", PASSWORD).await);
    }
    let first = good(&root, "GET", &format!("/admin/v1/sessions?user={alice}&limit=3"), None).await;
    let rest =
        format!("/admin/v1/sessions?user={alice}&cursor={}", first["next_cursor"].as_str().expect("more"));
    let rest = good(&root, "GET", &rest, None).await;
    let count = |page: &serde_json::Value| page["sessions"].as_array().map(Vec::len);
    assert_eq!((count(&first), count(&rest), &rest["next_cursor"]), (Some(3), Some(1), &json!(null)));
    let shown = format!("/admin/v1/sessions/{}", signed_in[0].session);
    let shown = good(&root, "GET", &shown, None).await;
    assert_eq!((&shown["username"], &shown["user"]), (&json!("alice"), &json!(alice)));
    let at_default = good(&root, "GET", "/admin/v1/sessions?app=default", None).await;
    assert_eq!(count(&at_default), Some(6), "with those of root and sue");
    let none = good(&root, "GET", &format!("/admin/v1/sessions?user={alice}&app=tools"), None).await;
    assert_eq!(count(&none), Some(0));

    let one = format!("/admin/v1/sessions/{}", signed_in[0].session);
    assert_eq!(good(&sue, "DELETE", &one, None).await, json!({ "ended": 1 }));
    signed_in[0].check().await.refused(401, "token_revoked");
    signed_in[0].refreshes().await.problem_with_reason(401, "session_ended", "admin");
    ask(&sue, "DELETE", &one, None).await.problem(404, "not_found");
    ask(&sue, "GET", &one, None).await.problem(404, "not_found");
    let of_alice = format!("/admin/v1/sessions?user={alice}");
    assert_eq!(good(&sue, "DELETE", &of_alice, None).await, json!({ "ended": 3 }));
    assert_eq!(good(&sue, "DELETE", &of_alice, None).await, json!({ "ended": 0 }));
    for one in &signed_in {
        one.check().await.refused(401, "token_revoked");
    }
    for query in ["", "?usr=x", "?user=x", "?app=A", &format!("?user={alice}&limit=1")] {
        ask(&sue, "DELETE", &format!("/admin/v1/sessions{query}"), None)
            .await
            .problem(400, "invalid_request");
    }
    assert_eq!(good(&sue, "DELETE", "/admin/v1/sessions?app=default", None).await, json!({ "ended": 2 }));
    ask(&sue, "GET", "/admin/v1/users", None).await.problem(401, "token_revoked");
}

#[tokio::test]
async fn keys_rotate_and_retire_and_what_a_compromised_one_signed_is_refused_at_once() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let keys = good(&root, "GET", "/admin/v1/keys", None).await;
    let first = keys["keys"][0]["kid"].as_str().expect("a kid").to_owned();
    assert_eq!((keys["keys"].as_array().map(Vec::len), &keys["next_cursor"]), (Some(1), &json!(null)));
    assert!(!keys.to_string().contains("PRIVATE"), "{keys}");
    let made = ask(&root, "POST", "/admin/v1/keys/rotate", None).await;
    assert_eq!((made.status, &made.json()["state"]), (201, &json!("published")));

    let made = format!("/admin/v1/keys/{}", made.json()["kid"].as_str().expect("a kid"));
    for _ in 0..2 {
        assert_eq!(good(&root, "DELETE", &made, None).await["compromised"], json!(false));
    }
    ask(&root, "DELETE", "/admin/v1/keys/..%2F..%2Fdata", None).await.problem(404, "not_found");
    ask(&root, "DELETE", &format!("{made}?compromised=maybe"), None).await.problem(400, "invalid_request");
    let first = format!("/admin/v1/keys/{first}?compromised=true");
    assert_eq!(good(&root, "DELETE", &first, None).await["compromised"], json!(true));
    ask(&root, "GET", "/admin/v1/keys", None).await.problem(401, "token_invalid");
    let root = root.at(&stage.server.url).refreshed().await.at(&stage.server.admin_url);
    ask(&root, "DELETE", &first, None).await.problem(404, "not_found");
    assert_eq!(root.at(&stage.server.url).check().await.status, 200);
}

#[tokio::test]
async fn the_counts_are_of_now_or_of_a_moment_ago() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let stats = good(&root, "GET", "/admin/v1/stats", None).await;
    assert_eq!(stats["users"], json!({ "active": 4, "disabled": 0 }));
    assert_eq!((&stats["apps"], &stats["keys"], &stats["sessions"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(good(&root, "GET", "/admin/v1/stats", None).await, stats, "counted once for both");
}

#[tokio::test]
async fn a_change_takes_a_recent_sign_in_and_a_look_does_not() {
    let stage = Stage::with(
        super::Install::new()
            .with("KEYWARD_ADMIN_MAX_AGE", "1s")
            .with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 1_000_000),
    )
    .await;
    let root = stage.admin("root").await;
    let unlock = format!("/admin/v1/users/{}/unlock", id_of(&root, "alice").await);
    let refused = comes_to(401, async || ask(&root, "POST", &unlock, None).await).await;
    refused.problem(401, "insufficient_user_authentication");
    let challenge = refused.header("www-authenticate");
    assert!(challenge.starts_with("Bearer ") && challenge.contains("max_age=\"1\""), "{challenge}");
    assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
    assert_eq!(ask(&root, "GET", "/admin/v1/users", None).await.status, 200);
    let refreshed = root.at(&stage.server.url).refreshed().await.at(&stage.server.admin_url);
    let refused = ask(&refreshed, "POST", &unlock, None).await;
    refused.problem(401, "insufficient_user_authentication");
}
