//! Contract 5.2: passkeys, from the enrolment to sign-ins with and without a name, and what none of them gets past.

use serde_json::{Value, json};

use super::{
    actor::{Actor, Answer},
    cookies::{cookie, send},
    install::{Install, Server},
};
use crate::support::authenticator::{Authenticator, BOUND, PRESENT, VERIFIED, ec, okp, rsa};

pub(super) const PASSWORD: &str = "seven words make a fine passphrase indeed";
pub(super) const DOMAIN: &str = "example.com";
pub(super) const PAGE: &str = "https://app.example.com";

/// A server of `example.com`, with pages on a host of its own, and users who have nothing set up yet.
pub(super) struct Scene {
    pub(super) install: Install,
    pub(super) server: Server,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let install = Install::new()
            .with("KEYWARD_SERVER_PUBLIC_URL", "https://auth.example.com")
            .with("KEYWARD_ACCOUNTS_PASSKEY_RP_ID", DOMAIN);
        install.good(&["app", "add", "web", "--origin", PAGE]);
        for name in ["alice", "bob"] {
            install.add_user(name, PASSWORD, &[]);
        }
        let server = install.start().await;
        Self { install, server }
    }

    pub(super) fn client(&self) -> Actor {
        self.server.client()
    }

    /// Signed in by the password alone.
    pub(super) async fn by_password(&self, name: &str) -> Actor {
        let body = json!({ "username": name, "password": PASSWORD, "app": "web" });
        self.client().with_tokens(&self.client().post("/v1/login", &body).await)
    }

    /// The options of a sign-in with no name, and by what it goes on.
    pub(super) async fn begins(&self, more: &Value) -> (Value, Value) {
        let mut body = json!({ "app": "web" });
        body.as_object_mut().expect("members").extend(more.as_object().expect("members").clone());
        let request = self.client().request("POST", "/v1/login/passkey").header("origin", PAGE).json(&body);
        let asked = send(request).await;
        assert_eq!((asked.status, asked.header("cache-control")), (200, "no-store"), "{asked:?}");
        let asked = asked.json();
        (asked["public_key"].clone(), asked["mfa_token"].clone())
    }

    pub(super) async fn answers(&self, token: &Value, passkey: &Value) -> Answer {
        let body = json!({ "mfa_token": token, "passkey": passkey });
        send(self.client().request("POST", "/v1/login/answer").header("origin", PAGE).json(&body)).await
    }

    /// A sign-in by the passkey alone.
    pub(super) async fn signs_in(&self, key: &Authenticator) -> Answer {
        let (options, token) = self.begins(&json!({})).await;
        self.answers(&token, &key.get(&options)).await
    }
}

pub(super) fn key() -> Authenticator {
    Authenticator::es256(DOMAIN, PAGE)
}

pub(super) async fn options(owner: &Actor) -> Value {
    let begun = owner.post_authorized("/v1/factors/passkeys", &json!({})).await;
    assert_eq!((begun.status, begun.header("cache-control")), (200, "no-store"), "{begun:?}");
    begun.json()["public_key"].clone()
}

pub(super) async fn confirms(owner: &Actor, made: &Value) -> Answer {
    owner.post_authorized("/v1/factors/passkeys/confirm", &json!({ "passkey": made })).await
}

/// Sets a passkey up; the codes that came with it.
pub(super) async fn enrol(owner: &Actor, key: &mut Authenticator) -> Vec<String> {
    let answer = confirms(owner, &key.create(&options(owner).await)).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"), "{answer:?}");
    let codes = answer.json()["recovery_codes"].as_array().expect("codes").clone();
    codes.iter().map(|code| code.as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn a_passkey_is_enrolled_and_signs_in_alone_and_after_a_password() {
    let scene = Scene::set().await;
    let (alice, mut own) = (scene.by_password("alice").await, key());
    let asked = options(&alice).await;
    assert_eq!(asked["rp"], json!({ "id": DOMAIN, "name": DOMAIN }));
    assert_eq!((&asked["user"]["name"], &asked["attestation"]), (&json!("alice"), &json!("none")));
    let selection =
        json!({ "residentKey": "required", "requireResidentKey": true, "userVerification": "required" });
    assert_eq!(asked["authenticatorSelection"], selection);
    assert_eq!(asked["excludeCredentials"], json!([]));
    let algorithms = asked["pubKeyCredParams"].as_array().expect("a list");
    assert_eq!(
        algorithms.iter().map(|one| one["alg"].clone()).collect::<Vec<_>>(),
        [json!(-7), json!(-8), json!(-257)]
    );
    assert_eq!(enrol(&alice, &mut own).await.len(), 10, "the first factor brings codes");

    let by_name = json!({ "username": "alice", "password": PASSWORD, "app": "web" });
    let asked = scene.client().post("/v1/login", &by_name).await.problem(403, "mfa_required");
    assert_eq!(asked["methods"], json!(["recovery_code", "passkey"]));
    let challenge = json!({ "mfa_token": asked["mfa_token"], "method": "passkey" });
    let offered = scene.client().post("/v1/login/challenge", &challenge).await.json();
    let request = &offered["public_key"];
    assert_eq!((&offered["method"], &request["rpId"]), (&json!("passkey"), &json!(DOMAIN)));
    assert_eq!(request["userVerification"], "required");
    assert_eq!(request["allowCredentials"][0]["transports"], json!(["internal", "hybrid"]));
    let answer = scene.answers(&asked["mfa_token"], &own.get(request)).await;
    let second = scene.client().with_tokens(&answer);
    assert_eq!(second.check_at("/v1/check?acr=2&max_age=60").await.status, 200);

    let (request, token) = scene.begins(&json!({ "device": "phone" })).await;
    assert_eq!(request["allowCredentials"], json!([]), "nobody has said who they are");
    let signed_in = scene.client().with_tokens(&scene.answers(&token, &own.get(&request)).await);
    assert_eq!(signed_in.check_at("/v1/check?acr=2&max_age=60").await.status, 200, "it is two factors");
    assert_eq!(signed_in.refreshed().await.get("/v1/me").await.json()["username"], "alice");
    let sessions = signed_in.sessions().await;
    assert_eq!(sessions.iter().filter(|session| session["device"] == "phone").count(), 1);
    let listed = signed_in.get("/v1/factors").await.json();
    assert_eq!((&listed["factors"][0]["kind"], &listed["recovery_codes"]), (&json!("passkey"), &json!(10)));
}

/// Contract 5.3: any of the user's factors.
#[tokio::test]
async fn a_passkey_steps_the_session_up_that_asked_and_no_other() {
    let scene = Scene::set().await;
    let (alice, bob, mut own) = (scene.by_password("alice").await, scene.by_password("bob").await, key());
    let elsewhere = scene.by_password("alice").await;
    enrol(&alice, &mut own).await;
    let asks = async |user: &Actor, method: &str| {
        user.post_authorized("/v1/step-up/challenge", &json!({ "method": method })).await
    };
    let shows = async |user: &Actor, shown: &Value| {
        user.post_authorized("/v1/step-up", &json!({ "passkey": shown })).await
    };
    let offered = asks(&alice, "passkey").await.json();
    let request = &offered["public_key"];
    assert_eq!((&offered["method"], &request["userVerification"]), (&json!("passkey"), &json!("required")));
    let signed = own.get(request);
    shows(&elsewhere, &signed).await.problem(422, "wrong_code");
    let none = "totp, recovery_code, passkey: the account has none";
    assert_eq!(shows(&bob, &signed).await.problem(400, "invalid_request")["detail"], none);
    let (of_sign_in, token) = scene.begins(&json!({})).await;
    scene.answers(&token, &signed).await.problem(422, "wrong_code");
    shows(&alice, &own.get(&of_sign_in)).await.problem(422, "wrong_code");

    let strong = "/v1/check?acr=2&max_age=60";
    alice.check_at(strong).await.refused(401, "insufficient_user_authentication");
    let said = shows(&alice, &signed).await.json();
    assert_eq!((&said["session_id"], &said["acr"]), (&json!(alice.session), &json!("2")));
    assert_eq!(said["amr"], json!(["swk", "mfa"]));
    let access = said["access_token"].as_str().expect("a token");
    assert_eq!(alice.with_access(access).check_at(strong).await.status, 200);
    assert_eq!(alice.refreshed().await.check_at(strong).await.status, 200);

    asks(&bob, "passkey").await.problem(400, "invalid_request");
    asks(&alice, "totp").await.problem(400, "invalid_request");
    asks(&alice, "face").await.problem(400, "invalid_request");
    assert_eq!(asks(&alice, "password").await.json(), json!({ "method": "password" }));
    let both = json!({ "passkey": own.get(request), "totp": "123456" });
    alice.post_authorized("/v1/step-up", &both).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn a_passkey_opens_what_was_asked_for_in_every_transport_from_its_apps_pages_alone() {
    let scene = Scene::set().await;
    let mut own = key();
    enrol(&scene.by_password("alice").await, &mut own).await;
    for (transport, kept) in [("cookie", "keyward-refresh=kwr_"), ("session", "keyward-session=kws_")] {
        let (request, token) = scene.begins(&json!({ "transport": transport })).await;
        // Attack 20: a stranger's page that signs its visitor in as somebody else.
        let body = json!({ "mfa_token": token, "passkey": own.get(&request) });
        let elsewhere = scene.client().request("POST", "/v1/login/answer");
        let elsewhere = elsewhere.header("origin", "https://evil.example.net").json(&body);
        send(elsewhere).await.problem(403, "cross_site");
        let elsewhere = scene.client().request("POST", "/v1/login/passkey");
        let elsewhere = elsewhere.header("origin", "https://evil.example.net");
        send(elsewhere.json(&json!({ "app": "web", "transport": transport })))
            .await
            .problem(403, "cross_site");
        let answer = scene.answers(&token, &own.get(&request)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let set = cookie(&answer.headers).expect("a cookie");
        assert!(set.contains(kept) && set.contains("HttpOnly"), "{set}");
    }
}

/// 17: each step of Level 3, section 7.2, that an attacker would have left out.
#[tokio::test]
async fn an_answer_of_a_passkey_that_is_not_right_in_every_part_signs_nobody_in() {
    let scene = Scene::set().await;
    let (mut own, mut bobs) = (key(), key());
    enrol(&scene.by_password("alice").await, &mut own).await;
    enrol(&scene.by_password("bob").await, &mut bobs).await;
    let foreign = |origin: &str| Authenticator { origin: origin.to_owned(), ..own.clone() };
    let wrong = [
        ("a stranger's page", foreign("https://app.example.com.evil.net")),
        ("a page of the domain that is no app's", foreign("https://other.example.com")),
        ("the same host by http", foreign("http://app.example.com")),
        ("another port", foreign("https://app.example.com:8443")),
        ("a page within another", Authenticator { is_cross_origin: true, ..own.clone() }),
        ("another domain", Authenticator { domain: "example.net".to_owned(), ..own.clone() }),
        ("another ceremony", Authenticator { kind: Some("webauthn.create"), ..own.clone() }),
        ("nobody there", Authenticator { flags: own.flags & !PRESENT, ..own.clone() }),
        ("nobody verified", Authenticator { flags: own.flags & !VERIFIED, ..own.clone() }),
        ("no copy any more", Authenticator { flags: BOUND, ..own.clone() }),
        ("not in DER", Authenticator { is_raw: true, ..own.clone() }),
        ("another's key", Authenticator { user: bobs.user.clone(), ..own.clone() }),
        ("another's name for one's key", Authenticator { user: own.user.clone(), ..bobs.clone() }),
        ("nobody's key", Authenticator { user: own.user.clone(), ..key() }),
        ("another key under its id", Authenticator { id: own.id.clone(), ..bobs.clone() }),
        ("no name", Authenticator { user: None, ..own.clone() }),
    ];
    for (what, authenticator) in wrong {
        let answer = scene.signs_in(&authenticator).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (422, Some("wrong_code")),
            "{what}: {answer:?}"
        );
    }
    scene.client().with_tokens(&scene.signs_in(&own).await);
    let events = scene.install.good(&["audit", "--json"]);
    assert!(events.contains("\"reason\":\"wrong_passkey\""), "{events}");
    let said = scene.server.stderr();
    assert!(!said.contains(" ERROR ") && !said.contains("webauthn_rs"), "a stranger's are no errors: {said}");
}

/// 17: a challenge is for one attempt, one purpose and one answer.
#[tokio::test]
async fn a_challenge_is_answered_once_and_where_it_was_asked() {
    let scene = Scene::set().await;
    let (alice, mut own) = (scene.by_password("alice").await, key());
    enrol(&alice, &mut own).await;
    let (request, token) = scene.begins(&json!({})).await;
    let (other_request, other_token) = scene.begins(&json!({})).await;
    let answer = own.get(&request);
    scene.answers(&other_token, &answer).await.problem(422, "wrong_code");
    scene.answers(&token, &own.get(&other_request)).await.problem(422, "wrong_code");
    // That of an enrolment is no sign-in's, nor one of the attacker's own.
    let strong = scene.client().with_tokens(&scene.answers(&token, &answer).await);
    let of_enrolment = options(&strong).await;
    scene.answers(&other_token, &own.get(&of_enrolment)).await.problem(422, "wrong_code");
    let made_up = json!({ "challenge": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" });
    scene.answers(&other_token, &own.get(&made_up)).await.problem(422, "wrong_code");
    // The answer that signed in, again.
    scene.answers(&token, &answer).await.problem(401, "token_invalid");
    let totp = json!({ "mfa_token": other_token, "totp": "123456" });
    let problem = scene.client().post("/v1/login/answer", &totp).await.problem(400, "invalid_request");
    assert_eq!(problem["detail"], "this sign-in does not ask for that");
    scene.client().with_tokens(&scene.answers(&other_token, &own.get(&other_request)).await);
}

/// 17: each step of section 7.1, and keys that are none.
#[tokio::test]
async fn a_passkey_that_was_not_made_as_asked_is_not_taken() {
    let scene = Scene::set().await;
    let (alice, bob) = (scene.by_password("alice").await, scene.by_password("bob").await);
    let good = key();
    let foreign = |origin: &str| Authenticator { origin: origin.to_owned(), ..good.clone() };
    let with = |cose: Vec<u8>| Authenticator { cose: Some(cose), ..good.clone() };
    let p384 = [0x17; 48];
    let wrong = [
        ("a stranger's page", foreign("https://evil.net")),
        ("a page within another", Authenticator { is_cross_origin: true, ..good.clone() }),
        ("another domain", Authenticator { domain: "app.example.com".to_owned(), ..good.clone() }),
        ("another ceremony", Authenticator { kind: Some("webauthn.get"), ..good.clone() }),
        ("nobody there", Authenticator { flags: good.flags & !PRESENT, ..good.clone() }),
        ("nobody verified", Authenticator { flags: good.flags & !VERIFIED, ..good.clone() }),
        ("a copy of what is not copied", Authenticator { flags: BOUND | 0x10, ..good.clone() }),
        ("a point off the curve", with(ec(1, &[1; 32], &[2; 32]))),
        ("a point at zero", with(ec(1, &[0; 32], &[0; 32]))),
        ("coordinates cut short", with(ec(1, &[1; 31], &[2; 31]))),
        ("a curve that is none", with(ec(9, &[1; 32], &[2; 32]))),
        ("another curve", with(ec(2, &p384, &p384))),
        ("a point of Ed25519 at zero", with(okp(6, &[0; 32]))),
        ("a point by which everybody signs", with(okp(6, &[&[1][..], &[0; 31]].concat()))),
        ("a point with a second form", with(okp(6, &[&[0xee][..], &[0xff; 30], &[0x7f]].concat()))),
        ("a point cut short", with(okp(6, &[3; 31]))),
        ("a point too long", with(okp(6, &[3; 33]))),
        ("a curve for no signatures", with(okp(4, &[3; 32]))),
        ("Ed448", with(okp(7, &[3; 57]))),
        ("1024 bits", with(rsa(&[0xc1; 128]))),
        ("1024 bits, filled up", with(rsa(&[[0; 128], [0xc1; 128]].concat()))),
        ("no key", with(Vec::new())),
        ("no CBOR", with(vec![0xff; 77])),
    ];
    for (what, mut authenticator) in wrong {
        let answer = confirms(&alice, &authenticator.create(&options(&alice).await)).await;
        assert!([400, 422].contains(&answer.status), "{what}: {answer:?}");
    }
    // An id that is not the one in what was made: of no length, and of more than a browser may say.
    for id in [Vec::new(), vec![7; 1024], good.id.clone()] {
        let mut made = Authenticator { id, ..good.clone() }.create(&options(&alice).await);
        made["rawId"] = json!("AQID");
        confirms(&alice, &made).await.problem(422, "wrong_code");
    }
    // What another session was asked, of the same user or not.
    let mut own = key();
    for asked in [options(&bob).await, options(&scene.by_password("alice").await).await] {
        confirms(&alice, &own.create(&asked)).await.problem(422, "wrong_code");
    }
    assert_eq!(alice.get("/v1/factors").await.json(), json!({ "factors": [], "recovery_codes": 0 }));
    // Of one challenge one passkey comes.
    let asked = options(&alice).await;
    let (made, other) = (own.create(&asked), key().create(&asked));
    assert_eq!(confirms(&alice, &made).await.status, 201);
    let alice = scene.client().with_tokens(&scene.signs_in(&own).await);
    confirms(&alice, &other).await.problem(422, "wrong_code");
    let known = options(&alice).await;
    assert_eq!(known["excludeCredentials"].as_array().map(Vec::len), Some(1));
    confirms(&alice, &own.create(&known)).await.problem(409, "conflict");
    // Nor does another take it for theirs.
    confirms(&bob, &own.create(&options(&bob).await)).await.problem(409, "conflict");
}

#[tokio::test]
async fn each_algorithm_signs_in_and_further_passkeys_leave_the_codes_as_they_are() {
    let scene = Scene::set().await;
    let mut keys = [key(), Authenticator::rs256(DOMAIN, PAGE), Authenticator::ed25519(DOMAIN, PAGE)];
    assert_eq!(enrol(&scene.by_password("alice").await, &mut keys[0]).await.len(), 10);
    let alice = scene.client().with_tokens(&scene.signs_in(&keys[0]).await);
    for key in &mut keys[1..] {
        assert_eq!(enrol(&alice, key).await.len(), 0);
    }
    for key in &keys {
        scene.client().with_tokens(&scene.signs_in(key).await);
    }
    let own = alice.get("/v1/factors").await.json();
    assert_eq!(own["recovery_codes"], 10);
    let id = own["factors"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(send(alice.authorized("DELETE", &format!("/v1/factors/{id}"))).await.status, 204);
    scene.signs_in(&keys[0]).await.problem(422, "wrong_code");
    scene.client().with_tokens(&scene.signs_in(&keys[1]).await);
    assert!(scene.install.good(&["user", "factors", "alice"]).contains("passkey"));
    let events = scene.install.good(&["audit", "--user", "alice", "--json"]);
    for kind in ["factor_added", "factor_removed"] {
        assert!(events.contains(kind) && events.contains("\"reason\":\"passkey\""), "{events}");
    }
}

/// What is told of an account is told to who has its passkey alone.
#[tokio::test]
async fn who_may_not_sign_in_does_not_by_a_passkey_either() {
    let scene = Scene::set().await;
    let mut own = key();
    enrol(&scene.by_password("alice").await, &mut own).await;
    scene.install.good(&["app", "update", "web", "--mfa", "required"]);
    scene.client().with_tokens(&scene.signs_in(&own).await);
    scene.install.good(&["user", "disable", "alice"]);
    scene.signs_in(&own).await.problem(403, "account_disabled");
    let stranger = Authenticator { id: vec![7; 32], ..own.clone() };
    scene.signs_in(&stranger).await.problem(422, "wrong_code");
    scene.install.good(&["user", "enable", "alice"]);
    let (request, token) = scene.begins(&json!({})).await;
    scene.install.good(&["user", "delete", "alice"]);
    scene.answers(&token, &own.get(&request)).await.problem(422, "wrong_code");
}

#[tokio::test]
async fn wrong_passkeys_are_counted_for_their_address_and_lock_no_account_out() {
    let install = Install::new()
        .with("KEYWARD_SERVER_PUBLIC_URL", "https://auth.example.com")
        .with("KEYWARD_ACCOUNTS_PASSKEY_RP_ID", DOMAIN)
        .with("KEYWARD_SERVER_TRUSTED_PROXIES", "127.0.0.0/8")
        .with("KEYWARD_RATE_LIMIT_LOGIN_FAILURES", 1);
    install.good(&["app", "add", "web", "--origin", PAGE]);
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let scene = Scene { install, server };
    let mut own = key();
    enrol(&scene.by_password("alice").await, &mut own).await;
    let from = async |address: &str, key: &Authenticator| {
        let (options, token) = scene.begins(&json!({})).await;
        let body = json!({ "mfa_token": token, "passkey": key.get(&options) });
        let request = scene.client().request("POST", "/v1/login/answer").header("x-forwarded-for", address);
        send(request.json(&body)).await
    };
    let wrong = Authenticator { flags: PRESENT, ..own.clone() };
    for _ in 0..5 {
        from("203.0.113.1", &wrong).await.problem(422, "wrong_code");
    }
    from("203.0.113.1", &own).await.problem(429, "too_many_attempts");
    scene.client().with_tokens(&from("203.0.113.2", &own).await);
}

#[tokio::test]
async fn what_is_no_passkey_says_what_it_would_take() {
    let scene = Scene::set().await;
    let alice = scene.by_password("alice").await;
    let mut own = key();
    let made = own.create(&options(&alice).await);
    let mut cut = made.clone();
    cut["response"]["clientDataJSON"] = json!("e30");
    let mut other = made.clone();
    other["type"] = json!("password");
    let detail = "passkey: takes what navigator.credentials brought, as its toJSON() has it";
    for brought in [json!({}), json!("text"), cut, other] {
        let problem = confirms(&alice, &brought).await.problem(400, "invalid_request");
        assert_eq!(problem["detail"], detail);
    }
    let (request, token) = scene.begins(&json!({})).await;
    for (body, detail) in [
        (json!({ "mfa_token": token, "passkey": made }), detail),
        (
            json!({ "mfa_token": token, "passkey": own.get(&request), "totp": "123456" }),
            "one of totp, recovery_code and passkey is expected",
        ),
    ] {
        let problem = scene.client().post("/v1/login/answer", &body).await.problem(400, "invalid_request");
        assert_eq!(problem["detail"], detail);
    }
    let unknown = scene.client().post("/v1/login/passkey", &json!({ "app": "nobodys" })).await;
    unknown.problem(400, "invalid_request");
    let related = scene.client().get("/.well-known/webauthn").await;
    assert_eq!(related.json(), json!({ "origins": ["https://auth.example.com"] }));
    assert_eq!(related.header("content-type"), "application/json");
}
