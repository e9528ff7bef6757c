//! What a route asks for beyond a sign-in: roles, factors, recency.

use serde_json::json;
use totp_rs::{Builder, Secret};

use crate::{
    app::{App, both},
    http::until,
    server::{Server, SignedIn},
};

#[tokio::test(flavor = "multi_thread")]
async fn who_lacks_a_role_is_403() {
    let server = Server::start(&[]).await;
    let anna = server.sign_in().await;
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        assert_eq!(app.get("/editors", &anna.token).await.status, 200, "{way}");
        let lacking = app.get("/admins", &anna.token).await;
        assert_eq!(lacking.refusal(), (403, "insufficient_role".to_owned()), "{way}");
        assert_eq!(app.ask("GET", "/admins", &[]).await.refusal().0, 401, "{way}: who asks is told first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_factors_are_401_until_a_step_up() {
    let server = Server::start(&[]).await;
    let anna = server.sign_in().await;
    let ways = both(&server).await;
    for (way, keyward) in &ways {
        let app = App::start(keyward).await;
        let weak = app.get("/payments", &anna.token).await;
        assert_eq!(weak.refusal(), (401, "insufficient_user_authentication".to_owned()), "{way}");
        let challenge = weak.header("www-authenticate").to_owned();
        assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{way}: {challenge}");
        assert!(challenge.contains(r#"acr_values="2""#), "{way}: {challenge}");
    }
    let strong = step_up(&server, &anna).await;
    for (way, keyward) in &ways {
        let app = App::start(keyward).await;
        assert_eq!(app.get("/payments", &strong).await.status, 200, "{way}");
    }
}

/// Sets up an app for codes, and shows one of the recovery codes that come with it.
async fn step_up(server: &Server, anna: &SignedIn) -> String {
    let begun = server.post("/v1/factors/totp", anna, &json!({})).await.json();
    let secret = Secret::try_from_base32(begun["secret"].as_str().expect("a secret")).expect("base 32");
    let app = Builder::new().with_secret(secret).build_noncompliant();
    let code = json!({ "totp": app.generate_current().to_string() });
    let codes = server.post("/v1/factors/totp/confirm", anna, &code).await.json();
    let shown = json!({ "recovery_code": codes["recovery_codes"][0] });
    let tokens = server.post("/v1/step-up", anna, &shown).await.json();
    tokens["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_too_long_ago_is_401() {
    let server = Server::start(&[]).await;
    let anna = server.sign_in().await;
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        assert_eq!(app.get("/recent", &anna.token).await.status, 200, "{way}");
        let old = until("the sign-in is a second old", async || {
            Some(app.get("/now", &anna.token).await).filter(|answer| answer.status != 200)
        });
        let old = old.await;
        assert_eq!(old.refusal(), (401, "insufficient_user_authentication".to_owned()), "{way}");
        let challenge = old.header("www-authenticate");
        assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{way}: {challenge}");
        assert!(challenge.contains(r#"max_age="0""#), "{way}: {challenge}");
    }
}
