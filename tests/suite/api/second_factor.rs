//! Contract 5.2: a second factor, from the enrolment to sign-ins in every transport, and its end.

use keyward::domain::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret, Totp};

use super::{
    actor::{Actor, Answer},
    cookies::{cookie, send},
    install::{Install, Server},
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";
const PAGE: &str = "https://app.example.com";

/// Alice, who has an authenticator app by now.
struct Alice {
    server: Server,
    app: Totp,
    codes: Vec<String>,
}

impl Alice {
    async fn of(install: &Install) -> Self {
        install.good(&["app", "add", "web", "--origin", PAGE]);
        install.add_user("alice", PASSWORD, &["--role", "admin"]);
        let server = install.start().await;
        let alice = server.client().signed_in("alice", PASSWORD).await;
        let (app, codes) = enrol(&alice).await;
        Self { server, app, codes }
    }

    /// A code of the step after this one: good now, and also where the step ends just now.
    fn next_code(&self) -> String {
        code(&self.app, 1)
    }

    /// What the password alone comes to.
    async fn begins(&self, transport: &str) -> Value {
        let body = json!({ "username": "alice", "password": PASSWORD, "app": "web", "transport": transport, "device": "x" });
        let request = self.server.client().request("POST", "/v1/login").header("origin", PAGE).json(&body);
        send(request).await.problem(403, "mfa_required")
    }

    async fn answers(&self, page: &str, body: &Value) -> Answer {
        let request = self.server.client().request("POST", "/v1/login/answer").header("origin", page);
        send(request.json(body)).await
    }
}

pub(super) fn code(app: &Totp, steps: i64) -> String {
    app.generate(u64::try_from(SystemClock.now().secs() + 30 * steps).expect("after 1970")).to_string()
}

pub async fn enrol(alice: &Actor) -> (Totp, Vec<String>) {
    let begun = alice.post_authorized("/v1/factors/totp", &json!({})).await;
    assert_eq!((begun.status, begun.header("cache-control")), (200, "no-store"));
    let begun = begun.json();
    let secret = begun["secret"].as_str().expect("a secret");
    let uri = begun["uri"].as_str().expect("a URI");
    let name = alice.get("/v1/me").await.json()["username"].as_str().expect("a name").to_owned();
    let is_of_user = uri.contains(&format!(":{name}?secret={secret}"));
    assert!(uri.starts_with("otpauth://totp/127.") && is_of_user, "{uri}");
    let qr = begun["qr"].as_str().expect("an image");
    assert!(qr.starts_with("data:image/svg+xml;base64,") && !qr.contains(secret), "{qr}");
    assert_eq!(alice.get("/v1/factors").await.json(), json!({ "factors": [], "recovery_codes": 0 }));

    let app =
        Builder::new().with_secret(Secret::try_from_base32(secret).expect("base 32")).build_noncompliant();
    let wrong = alice.post_authorized("/v1/factors/totp/confirm", &json!({ "totp": code(&app, 9) })).await;
    wrong.problem(422, "wrong_code");
    let confirmed =
        alice.post_authorized("/v1/factors/totp/confirm", &json!({ "totp": code(&app, 0) })).await;
    assert_eq!((confirmed.status, confirmed.header("cache-control")), (200, "no-store"));
    let codes = confirmed.json()["recovery_codes"].as_array().expect("codes").clone();
    let codes: Vec<String> = codes.iter().map(|code| code.as_str().expect("a text").to_owned()).collect();
    assert_eq!(codes.len(), 10);
    (app, codes)
}

#[tokio::test]
async fn an_app_is_enrolled_and_then_asked_for_in_every_transport() {
    let install = Install::new();
    let alice = Alice::of(&install).await;
    let client = alice.server.client();

    let asked = client.login("alice", PASSWORD).await.problem(403, "mfa_required");
    assert_eq!(asked["methods"], json!(["totp", "recovery_code"]));
    assert_eq!(asked["expires_in"], 600);
    let token = &asked["mfa_token"];
    let wrong = json!({ "mfa_token": token, "totp": code(&alice.app, 9) });
    client.post("/v1/login/answer", &wrong).await.problem(422, "wrong_code");
    let answer = json!({ "mfa_token": token, "totp": alice.next_code() });
    let signed_in = client.with_tokens(&client.post("/v1/login/answer", &answer).await);
    assert_eq!(signed_in.check().await.status, 200);
    signed_in.refreshed().await;
    client.post("/v1/login/answer", &answer).await.problem(401, "token_invalid");

    let asked = alice.begins("cookie").await;
    let body = json!({ "mfa_token": asked["mfa_token"], "recovery_code": alice.codes[0] });
    let answer = alice.answers(PAGE, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(cookie(&answer.headers).expect("a cookie").starts_with("keyward-refresh=kwr_"));
    assert!(answer.json()["refresh_token"].is_null() && answer.json()["access_token"].is_string());

    let asked = alice.begins("session").await;
    let body = json!({ "mfa_token": asked["mfa_token"], "recovery_code": alice.codes[1].to_uppercase() });
    let answer = alice.answers(PAGE, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(cookie(&answer.headers).expect("a cookie").starts_with("keyward-session=kws_"));
    assert!(answer.json()["session_id"].is_string() && answer.json()["access_token"].is_null());

    let sessions = signed_in.sessions().await;
    assert_eq!(sessions.iter().filter(|session| session["device"] == "x").count(), 2, "{sessions:?}");
    let own = signed_in.get("/v1/factors").await.json();
    assert_eq!((&own["factors"][0]["kind"], &own["recovery_codes"]), (&json!("totp"), &json!(8)));
}

#[tokio::test]
async fn a_gateway_asks_for_two_factors_and_for_a_recent_sign_in() {
    let install = Install::new();
    install.add_user("bob", PASSWORD, &[]);
    let alice = Alice::of(&install).await;
    let client = alice.server.client();

    let bob = client.signed_in("bob", PASSWORD).await;
    let refused = bob.check_at("/v1/check?acr=2").await;
    refused.refused(401, "insufficient_user_authentication");
    let challenge = refused.header("www-authenticate");
    assert!(challenge.starts_with("Bearer ") && challenge.contains(r#"acr_values="2""#), "{challenge}");
    assert_eq!(bob.check_at("/v1/check?acr=1&max_age=3600").await.status, 200);

    let asked = alice.begins("body").await;
    let body = json!({ "mfa_token": asked["mfa_token"], "recovery_code": alice.codes[0] });
    let strong = client.with_tokens(&alice.answers(PAGE, &body).await);
    for signed_in in [&strong, &strong.refreshed().await] {
        assert_eq!(signed_in.check_at("/v1/check?acr=2&max_age=3600").await.status, 200);
    }

    let asked = alice.begins("session").await;
    let body = json!({ "mfa_token": asked["mfa_token"], "recovery_code": alice.codes[1] });
    let answer = alice.answers(PAGE, &body).await;
    let cookie = cookie(&answer.headers).expect("a cookie");
    let held = cookie.split(';').next().expect("a pair");
    let check = client.request("GET", "/v1/check?acr=2&max_age=3600").header("cookie", held);
    assert_eq!(send(check).await.status, 200);
}

/// Attack 20: a stranger's page that finishes a sign-in of its own in somebody's browser.
#[tokio::test]
async fn an_attempt_that_sets_a_cookie_is_answered_from_pages_of_its_app_alone() {
    let install = Install::new();
    let alice = Alice::of(&install).await;
    for transport in ["cookie", "session"] {
        let asked = alice.begins(transport).await;
        let body = json!({ "mfa_token": asked["mfa_token"], "recovery_code": alice.codes[0] });
        alice.answers("https://evil.example.com", &body).await.problem(403, "cross_site");
    }
    let left = alice.begins("body").await;
    let body = json!({ "mfa_token": left["mfa_token"], "recovery_code": alice.codes[0] });
    assert_eq!(alice.answers(PAGE, &body).await.status, 200, "the code was not spent");
}

#[tokio::test]
async fn what_is_no_answer_says_what_it_would_take() {
    let install = Install::new();
    let alice = Alice::of(&install).await;
    let client = alice.server.client();
    let asked = client.login("alice", PASSWORD).await.problem(403, "mfa_required");
    let token = &asked["mfa_token"];
    for (body, detail) in [
        (json!({ "mfa_token": token }), "one of totp, recovery_code and passkey is expected"),
        (
            json!({ "mfa_token": token, "totp": "123456", "recovery_code": alice.codes[0] }),
            "one of totp, recovery_code and passkey is expected",
        ),
        (json!({ "mfa_token": token, "totp": "12345" }), "totp: takes a code of six digits"),
        (json!({ "mfa_token": token, "totp": 123_456 }), "totp: takes a string"),
        (json!({ "totp": "123456" }), "mfa_token: is missing"),
    ] {
        let problem = client.post("/v1/login/answer", &body).await.problem(400, "invalid_request");
        assert_eq!(problem["detail"], detail);
    }
    let challenge = |method: &str| json!({ "mfa_token": token, "method": method });
    for method in ["totp", "recovery_code"] {
        let answer = client.post("/v1/login/challenge", &challenge(method)).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "method": method })));
    }
    for method in ["passkey", "password", "pigeon"] {
        client.post("/v1/login/challenge", &challenge(method)).await.problem(400, "invalid_request");
    }
    // Attack 7: it is no token but here.
    let token = token.as_str().expect("a text");
    client.with_access(token).check().await.refused(401, "token_invalid");
    client.with_refresh(token).refreshes().await.problem(401, "refresh_invalid");
    let other = json!({ "mfa_token": "kwm_x", "totp": "123456" });
    client.post("/v1/login/answer", &other).await.problem(401, "token_invalid");
}

#[tokio::test]
async fn the_secret_of_a_confidential_app_is_asked_for_in_both_halves() {
    let install = Install::new();
    let secret = install.good(&["app", "add", "shop", "--confidential"]).trim().to_owned();
    let alice = Alice::of(&install).await;
    let client = alice.server.client();
    let login = json!({ "username": "alice", "password": PASSWORD, "app": "shop" });
    let begun =
        send(client.request("POST", "/v1/login").basic_auth("shop", Some(&secret)).json(&login)).await;
    let asked = begun.problem(403, "mfa_required");
    let body = json!({ "mfa_token": asked["mfa_token"], "recovery_code": alice.codes[0] });
    client.post("/v1/login/answer", &body).await.problem(401, "invalid_credentials");
    let answer = client.request("POST", "/v1/login/answer").basic_auth("shop", Some(&secret)).json(&body);
    assert_eq!(send(answer).await.status, 200);
}

#[tokio::test]
async fn an_operator_sees_and_takes_away_factors_by_command() {
    let install = Install::new();
    let alice = Alice::of(&install).await;
    let shown: Value =
        serde_json::from_str(&install.good(&["user", "factors", "alice", "--json"])).expect("JSON");
    assert_eq!((&shown["factors"][0]["kind"], &shown["recovery_codes"]), (&json!("totp"), &json!(10)));
    assert!(install.good(&["user", "factors", "alice"]).contains("totp"));
    let said = install.good(&["user", "factors", "alice", "remove"]);
    assert_eq!(said, "alice signs in by the password alone; the second factor is removed.\n");
    assert_eq!(install.good(&["user", "factors", "alice", "remove", "--json"]), "{\"removed\":0}\n");
    assert_eq!(alice.server.client().login("alice", PASSWORD).await.status, 200);
    let events = install.good(&["audit", "--user", "alice", "--json"]);
    for (kind, reason) in [("factor_added", "totp"), ("factor_removed", "all")] {
        assert!(events.contains(kind) && events.contains(&format!("\"reason\":\"{reason}\"")), "{events}");
    }
}

#[tokio::test]
async fn the_owner_takes_a_factor_away_by_a_sign_in_with_both() {
    let install = Install::new();
    let alice = Alice::of(&install).await;
    let client = alice.server.client();
    install.good(&["app", "update", "default", "--mfa", "off"]);
    let shown: Value =
        serde_json::from_str(&install.good(&["app", "show", "default", "--json"])).expect("JSON");
    assert_eq!(shown["mfa"], "off");
    // Attack 16: the password alone, by an app that asks for no more.
    let weak = crate::support::backends::retried(async || {
        let answer = client.login("alice", PASSWORD).await;
        if answer.status == 200 { Ok(client.with_tokens(&answer)) } else { Err(answer.status) }
    })
    .await;
    let id = weak.get("/v1/factors").await.json()["factors"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/factors/{id}");
    let refused = send(weak.authorized("DELETE", &path)).await;
    refused.problem(401, "insufficient_user_authentication");
    assert!(refused.header("www-authenticate").contains("insufficient_user_authentication"));

    let asked = alice.begins("body").await;
    let body = json!({ "mfa_token": asked["mfa_token"], "recovery_code": alice.codes[0] });
    let strong = client.with_tokens(&alice.answers(PAGE, &body).await);
    let renewed = send(strong.authorized("POST", "/v1/factors/recovery-codes")).await;
    assert_eq!(renewed.json()["recovery_codes"].as_array().map(Vec::len), Some(10));
    assert_eq!(send(strong.authorized("DELETE", &path)).await.status, 204);
    send(strong.authorized("DELETE", &path)).await.problem(404, "not_found");
    send(strong.authorized("DELETE", "/v1/factors/x")).await.problem(404, "not_found");
    assert_eq!(strong.get("/v1/factors").await.json(), json!({ "factors": [], "recovery_codes": 0 }));
    send(strong.authorized("POST", "/v1/factors/recovery-codes")).await.problem(409, "conflict");
}
