//! Passkeys in a real browser, with authenticators that it makes up (`WebAuthn` Level 3, section 11): what it makes of
//! the server's options, and what the server makes of its answers.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    super::actor::{Actor, Answer},
    Install, PASSWORD, Server,
    chromium::{Chromium, Tab},
    sites,
};

/// Pages of `localhost`, one of which is the app's, and alice, who is signed in.
struct Pages {
    server: Server,
    chromium: Chromium,
    own: String,
    foreign: String,
    alice: Actor,
}

/// A tab with an authenticator of its own.
struct Device<'a> {
    tab: Tab<'a>,
    path: String,
}

impl Pages {
    async fn set() -> Self {
        let here = "127.0.0.1".parse().expect("an address");
        let [own, foreign] =
            [sites::page(here).await, sites::page(here).await].map(|port| format!("http://localhost:{port}"));
        let install = Install::new().with("KEYWARD_ACCOUNTS_PASSKEY_RP_ID", "localhost");
        install.good(&["app", "add", "web", "--origin", &own]);
        install.add_user("alice", PASSWORD, &[]);
        let server = install.start().await;
        let body = json!({ "username": "alice", "password": PASSWORD, "app": "web" });
        let alice = server.client().with_tokens(&server.client().post("/v1/login", &body).await);
        Self { server, chromium: Chromium::start().await, own, foreign, alice }
    }

    async fn device(&self, page: &str, is_copied: bool) -> Device<'_> {
        let tab = self.chromium.open(page).await;
        let wanted = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "defaultBackupEligibility": is_copied, "defaultBackupState": is_copied,
        });
        let id = tab.authenticator(Method::POST, "", wanted).await;
        Device { tab, path: format!("/{}", id.as_str().expect("an id")) }
    }

    async fn enrols(&self, device: &Device<'_>, change: &str) -> Answer {
        let options = self.alice.post_authorized("/v1/factors/passkeys", &json!({})).await.json();
        let made = device.create(&options["public_key"], change).await;
        self.alice.post_authorized("/v1/factors/passkeys/confirm", &json!({ "passkey": made })).await
    }

    async fn signs_in(&self, device: &Device<'_>, change: &str) -> Answer {
        let asked = self.server.client().post("/v1/login/passkey", &json!({ "app": "web" })).await.json();
        let shown = device.get(&asked["public_key"], change).await;
        let body = json!({ "mfa_token": asked["mfa_token"], "passkey": shown });
        self.server.client().post("/v1/login/answer", &body).await
    }
}

impl Device<'_> {
    /// What the page makes of the options, after its own change to them; the browser's error by its name.
    async fn create(&self, options: &Value, change: &str) -> Value {
        let script = format!(
            "const asked = PublicKeyCredential.parseCreationOptionsFromJSON({options}); {change}; \
             return navigator.credentials.create({{ publicKey: asked }}).then(made => made.toJSON(), e => e.name)"
        );
        self.tab.run(&script).await
    }

    async fn get(&self, options: &Value, change: &str) -> Value {
        let script = format!(
            "const asked = PublicKeyCredential.parseRequestOptionsFromJSON({options}); {change}; \
             return navigator.credentials.get({{ publicKey: asked }}).then(shown => shown.toJSON(), e => e.name)"
        );
        self.tab.run(&script).await
    }

    async fn credential(&self) -> Value {
        let path = format!("{}/credentials", self.path);
        let all = self.tab.authenticator(Method::GET, &path, Value::Null).await;
        all[0].clone()
    }

    async fn takes(&self, credential: &Value) {
        self.tab.authenticator(Method::POST, &format!("{}/credential", self.path), credential.clone()).await;
    }

    /// Has the one credential be another.
    async fn becomes(&self, member: &str, value: Value) {
        let mut credential = self.credential().await;
        let id = credential["credentialId"].as_str().expect("an id").to_owned();
        let path = format!("{}/credentials/{id}", self.path);
        self.tab.authenticator(Method::DELETE, &path, Value::Null).await;
        credential[member] = value;
        self.takes(&credential).await;
    }

    async fn verifies(&self, is_verified: bool) {
        let path = format!("{}/uv", self.path);
        self.tab.authenticator(Method::POST, &path, json!({ "isUserVerified": is_verified })).await;
    }
}

#[tokio::test]
async fn a_browser_makes_and_uses_passkeys_of_each_algorithm() {
    let mut pages = Pages::set().await;
    for (algorithm, codes) in [(-7, 10), (-8, 0), (-257, 0)] {
        let device = pages.device(&pages.own, true).await;
        let only =
            format!("asked.pubKeyCredParams = asked.pubKeyCredParams.filter(one => one.alg == {algorithm})");
        let answer = pages.enrols(&device, &only).await;
        assert_eq!(answer.status, 201, "{algorithm}: {answer:?}");
        assert_eq!(answer.json()["recovery_codes"].as_array().map(Vec::len), Some(codes));
        let signed_in = pages.server.client().with_tokens(&pages.signs_in(&device, "").await);
        assert_eq!(signed_in.check_at("/v1/check?acr=2").await.status, 200);
        // With the first factor, a sign-in by the password alone changes no factors any more.
        pages.alice = signed_in;
    }
}

#[tokio::test]
async fn a_browser_without_its_users_consent_signs_nobody_in() {
    let pages = Pages::set().await;
    let device = pages.device(&pages.own, true).await;
    device.verifies(false).await;
    let options = pages.alice.post_authorized("/v1/factors/passkeys", &json!({})).await.json();
    assert_eq!(device.create(&options["public_key"], "").await, "NotAllowedError");
    device.verifies(true).await;
    assert_eq!(pages.enrols(&device, "").await.status, 201);
    device.verifies(false).await;
    // The browser holds to what was asked; a page that asks for less gets an answer that the server refuses.
    pages.signs_in(&device, "asked.userVerification = 'discouraged'").await.problem(422, "wrong_code");
    device.verifies(true).await;
    pages.server.client().with_tokens(&pages.signs_in(&device, "").await);
}

#[tokio::test]
async fn a_passkey_is_used_on_the_apps_pages_alone() {
    let pages = Pages::set().await;
    let (device, elsewhere) =
        (pages.device(&pages.own, true).await, pages.device(&pages.foreign, true).await);
    assert_eq!(pages.enrols(&device, "").await.status, 201);
    elsewhere.takes(&device.credential().await).await;
    pages.signs_in(&elsewhere, "").await.problem(422, "wrong_code");
    pages.server.client().with_tokens(&pages.signs_in(&device, "").await);
    let options = pages.server.client().post("/v1/login/passkey", &json!({ "app": "web" })).await.json();
    let other = device.get(&options["public_key"], "asked.rpId = 'example.com'").await;
    assert_eq!(other, "SecurityError", "a browser knows whose page it is");
}

#[tokio::test]
async fn a_browsers_count_and_its_copies_are_told_apart() {
    let pages = Pages::set().await;
    let device = pages.device(&pages.own, false).await;
    assert_eq!(pages.enrols(&device, "").await.status, 201);
    for _ in 0..2 {
        pages.server.client().with_tokens(&pages.signs_in(&device, "").await);
    }
    let counted = device.credential().await["signCount"].as_u64().expect("a count");
    assert!(counted >= 2, "{counted}");
    device.becomes("signCount", json!(0)).await;
    pages.signs_in(&device, "").await.problem(422, "wrong_code");
    device.becomes("signCount", json!(counted + 5)).await;
    pages.server.client().with_tokens(&pages.signs_in(&device, "").await);
    // From one device's to one of all devices of its owner, whose counts say nothing.
    device.becomes("backupEligibility", json!(true)).await;
    device.becomes("backupState", json!(true)).await;
    pages.server.client().with_tokens(&pages.signs_in(&device, "").await);
    device.becomes("signCount", json!(0)).await;
    pages.server.client().with_tokens(&pages.signs_in(&device, "").await);
    device.becomes("backupState", json!(false)).await;
    device.becomes("backupEligibility", json!(false)).await;
    pages.signs_in(&device, "").await.problem(422, "wrong_code");
}
