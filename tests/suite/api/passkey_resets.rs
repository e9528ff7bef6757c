//! Contract 5.1: who has forgotten the password of an account with a passkey sets another one by the link and the passkey.

use serde_json::{Value, json};

use super::{
    actor::Answer,
    mails::{mail, secret_of},
    passkeys::{Scene, enrol, key},
};
use crate::support::authenticator::Authenticator;

const OTHER: &str = "another passphrase of seven odd words";

/// A link in the mail of `alice`, who has a verified address from here on.
async fn link(scene: &Scene) -> String {
    scene.install.good(&["user", "email", "alice", "alice@example.com", "--verified"]);
    let body = json!({ "identifier": "alice", "app": "web" });
    assert_eq!(scene.client().post("/v1/password/forgot", &body).await.status, 202);
    secret_of(&mail(&scene.install))
}

async fn challenge(scene: &Scene, link: &str, method: &str) -> Answer {
    let body = json!({ "token": link, "method": method });
    scene.client().post("/v1/password/reset/challenge", &body).await
}

async fn asked(scene: &Scene, link: &str) -> Value {
    let answer = challenge(scene, link, "passkey").await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
    answer.json()["public_key"].clone()
}

async fn reset(scene: &Scene, link: &str, passkey: &Value) -> Answer {
    let body = json!({ "token": link, "new": OTHER, "passkey": passkey });
    scene.client().post("/v1/password/reset", &body).await
}

#[tokio::test]
async fn a_forgotten_password_is_set_by_a_link_and_a_passkey() {
    let scene = Scene::set().await;
    let (alice, mut own) = (scene.by_password("alice").await, key());
    enrol(&alice, &mut own).await;
    let link = link(&scene).await;
    let bare = json!({ "token": link, "new": OTHER });
    scene.client().post("/v1/password/reset", &bare).await.problem(403, "mfa_required");
    for method in ["totp", "password"] {
        challenge(&scene, &link, method).await.problem(400, "invalid_request");
    }
    challenge(&scene, "no link", "passkey").await.problem(410, "link_spent");

    let options = asked(&scene, &link).await;
    assert_eq!(options["allowCredentials"].as_array().map(Vec::len), Some(1));
    let shown = own.get(&options);
    let answer = reset(&scene, &link, &shown).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    // All sessions ended, nobody is signed in, and the link is spent.
    alice.get("/v1/me").await.problem(401, "token_revoked");
    reset(&scene, &link, &shown).await.problem(410, "link_spent");
    challenge(&scene, &link, "passkey").await.problem(410, "link_spent");
    scene.client().login("alice", OTHER).await.problem(403, "mfa_required");
}

#[tokio::test]
async fn a_link_alone_is_not_helped_by_a_passkey_shown_elsewhere() {
    let scene = Scene::set().await;
    let (alice, bob) = (scene.by_password("alice").await, scene.by_password("bob").await);
    let (mut own, mut other) = (key(), key());
    enrol(&alice, &mut own).await;
    enrol(&bob, &mut other).await;
    let (first, second) = (link(&scene).await, link(&scene).await);
    // Of a sign-in, and of another link.
    let (at_sign_in, _) = scene.begins(&json!({})).await;
    let at_first = asked(&scene, &first).await;
    for options in [&at_sign_in, &at_first] {
        reset(&scene, &second, &own.get(options)).await.problem(422, "wrong_code");
    }
    let by_bob = Authenticator { user: None, ..other };
    reset(&scene, &first, &by_bob.get(&at_first)).await.problem(422, "wrong_code");
    // What was refused spent nothing.
    assert_eq!(reset(&scene, &first, &own.get(&at_first)).await.status, 204);
}
