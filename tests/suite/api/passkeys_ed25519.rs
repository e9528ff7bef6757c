//! Contract 5.2: passkeys of Ed25519, whose signatures this server verifies by itself. What an attacker would leave out
//! of an answer is refused as it is of the others (`passkeys.rs`).

use serde_json::json;

use super::passkeys::{DOMAIN, PAGE, Scene, enrol, key};
use crate::support::authenticator::{Authenticator, BOUND, Key, PRESENT, VERIFIED};

/// 17, of a key that is verified here, and every other step by the library.
#[tokio::test]
async fn an_answer_by_ed25519_that_is_not_right_in_every_part_signs_nobody_in() {
    let scene = Scene::set().await;
    let mut own = Authenticator { flags: BOUND, counter: 7, ..Authenticator::ed25519(DOMAIN, PAGE) };
    enrol(&scene.by_password("alice").await, &mut own).await;
    own.counter = 8;
    let other = Authenticator::ed25519(DOMAIN, PAGE).key;
    let es256 = key().key;
    assert!(matches!((&other, &es256), (Key::Ed25519(_), Key::Es256(_))));
    let foreign = |origin: &str| Authenticator { origin: origin.to_owned(), ..own.clone() };
    let wrong = [
        ("a stranger's page", foreign("https://app.example.com.evil.net")),
        ("another port", foreign("https://app.example.com:8443")),
        ("a page within another", Authenticator { is_cross_origin: true, ..own.clone() }),
        ("another domain", Authenticator { domain: "example.net".to_owned(), ..own.clone() }),
        ("another ceremony", Authenticator { kind: Some("webauthn.create"), ..own.clone() }),
        ("nobody there", Authenticator { flags: own.flags & !PRESENT, ..own.clone() }),
        ("nobody verified", Authenticator { flags: own.flags & !VERIFIED, ..own.clone() }),
        ("a copy of what is not copied", Authenticator { flags: BOUND | 0x10, ..own.clone() }),
        ("the same count again", Authenticator { counter: 7, ..own.clone() }),
        ("another key", Authenticator { key: other, ..own.clone() }),
        ("a signature of ES256", Authenticator { key: es256, ..own.clone() }),
        ("a signature cut short", Authenticator { cut: 1, ..own.clone() }),
        ("no signature", Authenticator { cut: 64, ..own.clone() }),
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
    let (request, token) = scene.begins(&json!({})).await;
    let answer = own.get(&request);
    let (_, other_token) = scene.begins(&json!({})).await;
    scene.answers(&other_token, &answer).await.problem(422, "wrong_code");
    scene.client().with_tokens(&scene.answers(&token, &answer).await);
    // Its count is that of the last one.
    scene.answers(&token, &answer).await.problem(422, "wrong_code");
}
