//! The vectors of RFC 7638 and RFC 8037, put through the code that names and checks our keys.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward::{domain::algorithm::Algorithm, keys::public_key::PublicKey};

/// RFC 7638 section 3.1.
const RFC7638_N: &str = concat!(
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3",
    "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA",
    "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-",
    "kEgU8awapJzKnqDKgw",
);
/// RFC 8037 appendix A.2.
const RFC8037_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// A DER element of the given tag.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short").to_be_bytes();
    [&[tag, 0x82][..], &length, content].concat()
}

#[test]
fn rfc_7638_section_3_1() {
    // A DER integer is signed: the modulus needs a zero before its first bit.
    let modulus = der(2, &[&[0], &decode(RFC7638_N)[..]].concat());
    let key = der(0x30, &[&modulus[..], &[2, 3, 1, 0, 1]].concat());
    let key = PublicKey::new(Algorithm::Rs256, &key).expect("a public key");
    assert_eq!(key.kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let jwk: serde_json::Value = serde_json::from_str(key.jwk()).expect("JSON");
    assert_eq!((&jwk["n"], &jwk["e"]), (&RFC7638_N.into(), &"AQAB".into()));
}

#[test]
fn rfc_8037_appendix_a_3() {
    let key = PublicKey::new(Algorithm::EdDsa, &decode(RFC8037_X)).expect("a public key");
    assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn rfc_8037_appendix_a_4_signature() {
    let key = PublicKey::new(Algorithm::EdDsa, &decode(RFC8037_X)).expect("a public key");
    let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert!(key.verify(message, signature));
    assert!(!key.verify(&message[1..], signature));
}
