//! `POST /oauth/introspect`: INT-01 to INT-04.

use std::time::Instant;

use serde_json::json;

use super::{Stage, is_error, with_form};
use crate::support::outside::{
    actor::send,
    install::{Install, PATIENCE},
};

const INTROSPECT: &str = "/oauth/introspect";

#[tokio::test]
async fn int_01_only_a_confidential_app_is_told() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("phone").await;
    let token = ("token", user.access.as_str());
    is_error(&stage.form(INTROSPECT, &[token]).await, 401, "invalid_client");
    for public in ["default", "phone", "shop", "nobody"] {
        is_error(&stage.form(INTROSPECT, &[token, ("client_id", public)]).await, 401, "invalid_client");
        let request = user.request("POST", INTROSPECT).basic_auth(public, Some("made up"));
        is_error(&send(with_form(request, &[token])).await, 401, "invalid_client");
    }
    is_error(&send(with_form(user.authorized("POST", INTROSPECT), &[token])).await, 401, "invalid_client");
    let posted = [token, ("client_id", "shop"), ("client_secret", stage.shop.secret.as_str())];
    assert_eq!(stage.form(INTROSPECT, &posted).await.json()["active"], true);
    is_error(&stage.form_of_shop(INTROSPECT, &[]).await, 400, "invalid_request");
    is_error(&stage.form_of_shop(INTROSPECT, &[token, token]).await, 400, "invalid_request");
    let query = format!("{INTROSPECT}?token={}", user.access);
    is_error(&stage.form_of_shop(&query, &[]).await, 400, "invalid_request");
}

#[tokio::test]
async fn int_02_what_is_not_valid_now_is_inactive_and_no_more() {
    let stage = Stage::new().await;
    let inactive = json!({ "active": false });
    let user = stage.signed_in_to("phone").await;
    let (body, _) = user.access.rsplit_once('.').expect("a signature");
    let forged = format!("{body}.{}", "A".repeat(86));
    for token in ["nonsense", "a.b.c", &user.refresh, &forged, "kws_nonsense", " "] {
        assert_eq!(stage.introspected(token).await, inactive, "{token}");
    }
    for hint in ["refresh_token", "access_token", "nonsense"] {
        let params = [("token", user.access.as_str()), ("token_type_hint", hint)];
        let answer = stage.form_of_shop(INTROSPECT, &params).await;
        assert_eq!(answer.json()["active"], true, "{hint}");
    }
    assert_eq!(user.logout().await.status, 204);
    assert_eq!(stage.introspected(&user.access).await, inactive);
    let user = stage.signed_in_to("phone").await;
    assert_eq!(stage.introspected(&user.access).await["active"], true);
    stage.install.good(&["user", "disable", "alice"]);
    assert_eq!(stage.comes_to_know(&user.access, false).await, inactive);
}

#[tokio::test]
async fn int_02_an_expired_token_is_inactive() {
    let stage = Stage::on(Install::new().with("KEYWARD_TOKENS_ACCESS_TTL", "2s")).await;
    let user = stage.signed_in_to("phone").await;
    stage.comes_to_know(&user.access, true).await;
    assert_eq!(stage.comes_to_know(&user.access, false).await, json!({ "active": false }));
}

#[tokio::test]
async fn int_04_a_token_for_others_is_inactive() {
    let install = Install::new();
    let stage = Stage::on(Install::beside(&install)).await;
    let user = stage.signed_in_to("phone").await;
    assert_eq!(stage.introspected(&user.access).await["active"], true);
    let Stage { server, shop, .. } = stage;
    server.terminate();
    let others = Install::beside(&install).with("KEYWARD_TOKENS_AUDIENCE", "others").start().await;
    let request = others.client().request("POST", INTROSPECT).basic_auth(shop.name, Some(shop.secret));
    let answer = send(with_form(request, &[("token", user.access.as_str())])).await;
    assert_eq!(answer.json(), json!({ "active": false }));
}

#[tokio::test]
async fn int_03_an_active_token_says_what_it_is() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("phone").await;
    let told = stage.introspected(&user.access).await;
    let checked = user.check().await;
    let (exp, iat) = (told["exp"].as_i64().expect("exp"), told["iat"].as_i64().expect("iat"));
    assert_eq!(exp - iat, 900);
    let expected = json!({
        "active": true, "iss": stage.server.url, "sub": checked.header("x-auth-user"), "aud": "keyward",
        "client_id": "phone", "username": "alice", "token_type": "Bearer", "exp": exp, "iat": iat,
        "jti": told["jti"].as_str().expect("jti"), "sid": user.session, "roles": ["editor"],
        "auth_time": iat, "amr": ["pwd"], "acr": "1",
    });
    assert_eq!(told, expected);
}

#[tokio::test]
async fn to_be_introspected_is_to_be_seen_but_not_to_be_counted() {
    let install = Install::new().with("KEYWARD_TOKENS_REUSE_GRACE", "0s");
    let stage = Stage::on(install.with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 2)).await;
    let first = stage.signed_in_to("default").await;
    let second = first.refreshed().await;
    assert_eq!(first.refreshed().await.refresh, second.refresh, "not confirmed yet");
    for _ in 0..5 {
        assert_eq!(stage.introspected(&second.access).await["active"], true);
    }
    for _ in 0..2 {
        assert_eq!(second.check().await.status, 200);
    }
    second.check().await.refused(429, "rate_limited");
    assert_eq!(stage.introspected(&second.access).await["active"], true, "the rate is the check's");

    let first = stage.signed_in_to("default").await;
    let second = first.refreshed().await;
    stage.introspected(&second.access).await;
    first.refreshes().await.problem(401, "refresh_reused");
    assert_eq!(stage.introspected(&second.access).await, json!({ "active": false }));
}

#[tokio::test]
async fn int_03_an_apps_own_audience_and_life_are_told_as_its_token_says_them() {
    let stage = Stage::new().await;
    let before = stage.signed_in_to("phone").await;
    let decided = ["app", "update", "phone", "--audience", "https://api.example.com", "--access-ttl", "1m"];
    stage.install.good(&decided);
    // The server goes by it within a second.
    let deadline = Instant::now() + PATIENCE;
    let told = loop {
        let told = stage.introspected(&stage.signed_in_to("phone").await.access).await;
        if told["aud"] != "keyward" {
            break told;
        }
        assert!(Instant::now() < deadline, "{told}");
    };
    assert_eq!(told["aud"], json!(["keyward", "https://api.example.com"]));
    let (exp, iat) = (told["exp"].as_i64().expect("exp"), told["iat"].as_i64().expect("iat"));
    assert_eq!(exp - iat, 60);
    assert_eq!(stage.introspected(&before.access).await["aud"], "keyward", "what was issued before goes on");
    let other = stage.signed_in_to("default").await;
    assert_eq!(stage.introspected(&other.access).await["aud"], "keyward");
}
