//! Which proofs a sign-in takes, and which of its steps they count at.

use serde_json::{Value, json};

use super::{PAGE, PASSWORD, Phone, now, said, with_alice};
use crate::{
    api::{
        actor::{Actor, Answer, send},
        cookies,
        install::Install,
        passkeys::{self, Scene},
        second_factor::enrol,
    },
    support::client_key::{ClientKey, claims},
};

#[tokio::test]
async fn a_sign_in_with_a_bad_proof_opens_nothing_and_counts_as_no_failure() {
    // Two failures, and she is locked out.
    let install = Install::new().with("KEYWARD_RATE_LIMIT_LOGIN_FAILURES", "2");
    let server = with_alice(&install).await;
    let phone = Phone::of(&server);
    let address = format!("{}/v1/login", phone.url);
    let good = phone.proof("/v1/login");
    let bad = [
        String::new(),
        "x".to_owned(),
        phone.proof("/v1/refresh"),
        phone.key.proof(&address, now() - 90),
        phone.key.proof(&address, now() + 90),
        ClientKey::ed25519().signed(&phone.key.header(), &claims(&address, now())),
        format!("{good}, {good}"),
    ];
    for proof in &bad {
        let answer = send(phone.login(&json!({})).header("dpop", proof)).await;
        answer.problem_with_reason(400, "invalid_request", "proof");
    }
    let twice = phone.login(&json!({})).header("dpop", &good).header("dpop", phone.proof("/v1/login"));
    send(twice).await.problem_with_reason(400, "invalid_request", "proof");
    assert_eq!(phone.signed_in().await.sessions().await.len(), 1);
}

#[tokio::test]
async fn a_session_that_is_a_cookie_is_bound_to_nothing_and_says_so() {
    let server = with_alice(&Install::new()).await;
    let phone = Phone::of(&server);
    let asked = phone.login(&json!({ "transport": "session" }));
    let answer = send(asked.header("dpop", phone.proof("/v1/login"))).await;
    answer.problem_with_reason(400, "invalid_request", "proof");
    let asked = phone.client.request("POST", "/v1/login/passkey").json(&json!({ "transport": "session" }));
    let answer = send(asked.header("dpop", phone.proof("/v1/login/passkey"))).await;
    answer.problem_with_reason(400, "invalid_request", "proof");
    let asked = phone.client.request("POST", "/v1/login/passkey").json(&json!({}));
    let answer = send(asked.header("dpop", phone.proof("/v1/login"))).await;
    answer.problem_with_reason(400, "invalid_request", "proof");
}

/// Alice, who has recovery codes by now.
struct Guarded {
    phone: Phone,
    codes: Vec<String>,
}

impl Guarded {
    async fn on(install: &Install) -> (Self, super::Server) {
        let server = with_alice(install).await;
        let (_, codes) = enrol(&server.client().signed_in("alice", PASSWORD).await).await;
        (Self { phone: Phone::of(&server), codes }, server)
    }

    async fn begins(&self, proof: Option<&str>) -> Value {
        let request = self.phone.login(&json!({}));
        let request = proof.into_iter().fold(request, |request, proof| request.header("dpop", proof));
        send(request).await.problem(403, "mfa_required")["mfa_token"].clone()
    }

    async fn answers(&self, token: &Value, code: usize, proof: Option<&str>) -> Answer {
        let body = json!({ "mfa_token": token, "recovery_code": self.codes[code] });
        let request = self.phone.client.request("POST", "/v1/login/answer").json(&body);
        send(proof.into_iter().fold(request, |request, proof| request.header("dpop", proof))).await
    }

    fn tokens(&self, answer: &Answer) -> Actor {
        self.phone.client.with_tokens(answer)
    }
}

#[tokio::test]
async fn of_a_sign_in_in_two_steps_the_proof_counts_that_opens_the_session() {
    let (alice, _server) = Guarded::on(&Install::new()).await;
    let phone = &alice.phone;
    let answer = || phone.proof("/v1/login/answer");
    let token = alice.begins(None).await;
    let bound = alice.tokens(&alice.answers(&token, 0, Some(&answer())).await);
    assert_eq!(said(&bound.access)["cnf"]["jkt"], phone.key.thumbprint());
    bound.refreshes().await.is_unproved();
    phone.refreshed(&bound).await;

    let token = alice.begins(Some(&phone.proof("/v1/login"))).await;
    let bound = alice.tokens(&alice.answers(&token, 1, Some(&answer())).await);
    assert_eq!(said(&bound.access)["cnf"]["jkt"], phone.key.thumbprint());

    let token = alice.begins(None).await;
    let unbound = alice.tokens(&alice.answers(&token, 2, None).await);
    assert!(said(&unbound.access).get("cnf").is_none());
    unbound.refreshed().await;
}

#[tokio::test]
async fn a_proof_of_the_first_step_is_not_dropped_by_the_last() {
    let (alice, _server) = Guarded::on(&Install::new()).await;
    let (phone, other) = (&alice.phone, ClientKey::es256());
    let token = alice.begins(Some(&phone.proof("/v1/login"))).await;
    let address = format!("{}/v1/login/answer", phone.url);
    let others = other.proof(&address, now());
    for bad in [None, Some(others.as_str()), Some(&phone.proof("/v1/login")), Some("x")] {
        let refused = alice.answers(&token, 0, bad).await;
        refused.problem_with_reason(400, "invalid_request", "proof");
    }
    // Neither the attempt nor the code is spent by that.
    let answer = alice.answers(&token, 0, Some(&phone.proof("/v1/login/answer"))).await;
    assert_eq!(said(&alice.tokens(&answer).access)["cnf"]["jkt"], phone.key.thumbprint());
}

#[tokio::test]
async fn a_sign_in_by_a_passkey_alone_is_bound_like_any_other() {
    let scene = Scene::set().await;
    let (alice, mut own) = (scene.by_password("alice").await, passkeys::key());
    let made = own.create(&passkeys::options(&alice).await);
    assert_eq!(passkeys::confirms(&alice, &made).await.status, 201);
    let key = ClientKey::ed25519();
    let proof = |path: &str| key.proof(&format!("https://auth.example.com{path}"), now());
    let begin =
        || alice.request("POST", "/v1/login/passkey").json(&json!({ "app": "web" })).header("origin", PAGE);
    let asked = cookies::send(begin().header("dpop", proof("/v1/login/passkey"))).await.json();
    let body = json!({ "mfa_token": asked["mfa_token"], "passkey": own.get(&asked["public_key"]) });
    let answer = || alice.request("POST", "/v1/login/answer").json(&body).header("origin", PAGE);
    send(answer()).await.problem_with_reason(400, "invalid_request", "proof");
    let signed_in = send(answer().header("dpop", proof("/v1/login/answer"))).await;
    let tokens = alice.with_tokens(&signed_in);
    assert_eq!(said(&tokens.access)["cnf"]["jkt"], key.thumbprint());
    tokens.refreshes().await.is_unproved();
}
