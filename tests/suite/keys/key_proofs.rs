//! Proofs of a client's key (RFC 9449 section 4.3): what is one, and every way of not being one.

use std::time::Duration;

use aws_lc_rs::hmac;
use keyward::{
    domain::{
        clock::Timestamp,
        key_proof::{KeyProof, KeyProofFault},
    },
    keys::key_proof::{ProvedRequest, read},
};
use serde_json::{Value, json};

use super::START;
use crate::support::client_key::{ClientKey, base64url, claims};

const ADDRESS: &str = "https://auth.example.com/v1/refresh";

fn read_at(proof: &str, now: Timestamp) -> Result<KeyProof, KeyProofFault> {
    read(proof, &ProvedRequest { method: "POST", address: ADDRESS }, now)
}

#[track_caller]
fn is_refused(proof: &str, fault: KeyProofFault) {
    assert_eq!(read_at(proof, START), Err(fault), "{proof}");
}

fn now() -> Value {
    claims(ADDRESS, START.secs())
}

/// The object with one member more, or another value for it.
fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object.as_object_mut().expect("an object").remove(name);
    object
}

#[test]
fn a_proof_names_its_key_by_the_thumbprint_of_rfc_7638() {
    for key in [ClientKey::es256(), ClientKey::ed25519()] {
        let said = with(&now(), "jti", json!("once"));
        let proof = read_at(&key.signed(&key.header(), &said), START).expect("a proof");
        assert_eq!((proof.key.to_string(), proof.id.as_str()), (key.thumbprint(), "once"));
        assert_eq!(proof.made_at, START);
    }
}

#[test]
fn what_libraries_add_is_let_be() {
    let key = ClientKey::ed25519();
    let jwk = with(&with(&key.jwk(), "ext", json!(true)), "key_ops", json!(["verify"]));
    let header = with(&with(&key.header(), "jwk", with(&jwk, "alg", json!("Ed25519"))), "kid", json!("1"));
    let said = with(&with(&now(), "ath", json!("x")), "nonce", json!("y"));
    for (name, value) in [("alg", "Ed25519"), ("typ", "DPoP+JWT"), ("typ", "application/dpop+jwt")] {
        let header = with(&header, name, json!(value));
        assert!(read_at(&key.signed(&header, &said), START).is_ok(), "{name} {value}");
    }
    let fraction = with(&said, "iat", json!(2_000_000_000.25_f64));
    assert!(read_at(&key.signed(&header, &fraction), START).is_ok());
    let escaped = said.to_string().replace('/', "\\/");
    assert!(read_at(&key.signed_text(&header.to_string(), &escaped), START).is_ok(), "{escaped}");
}

#[test]
fn a_proof_is_of_now_within_a_minute_either_way() {
    let key = ClientKey::es256();
    let proof = key.proof(ADDRESS, START.secs());
    let minute = Duration::from_mins(1);
    let late = minute + Duration::from_millis(1);
    for good in [START - minute, START, START + minute] {
        assert!(read_at(&proof, good).is_ok());
    }
    for bad in [START - late, START + late, START + Duration::from_hours(24)] {
        assert_eq!(read_at(&proof, bad), Err(KeyProofFault::Moment));
    }
    for never in [json!(-1), json!(1e300), json!(0)] {
        is_refused(&key.signed(&key.header(), &with(&now(), "iat", never)), KeyProofFault::Moment);
    }
}

#[test]
fn a_proof_for_another_request_is_none() {
    let key = ClientKey::es256();
    let said = |name, value| key.signed(&key.header(), &with(&now(), name, json!(value)));
    for method in ["GET", "post", "", "POST "] {
        is_refused(&said("htm", method), KeyProofFault::Method);
    }
    for address in ["https://auth.example.com/v1/login", "https://evil.example/v1/refresh", "/v1/refresh", ""]
    {
        is_refused(&said("htu", address), KeyProofFault::Address);
    }
}

#[test]
fn a_jti_has_a_length_that_can_be_kept() {
    let key = ClientKey::es256();
    let of = |length| key.signed(&key.header(), &with(&now(), "jti", json!("j".repeat(length))));
    assert!(read_at(&of(1), START).is_ok() && read_at(&of(128), START).is_ok());
    for length in [0, 129, 2000] {
        is_refused(&of(length), KeyProofFault::Id);
    }
}

#[test]
fn each_claim_is_there_once_and_of_its_type() {
    let key = ClientKey::es256();
    for name in ["jti", "htm", "htu", "iat"] {
        is_refused(&key.signed(&key.header(), &without(&now(), name)), KeyProofFault::Malformed);
        for value in [json!(null), json!([]), json!({}), json!(true)] {
            is_refused(&key.signed(&key.header(), &with(&now(), name, value)), KeyProofFault::Malformed);
        }
        let twice = now().to_string().replacen('{', &format!("{{\"{name}\":{},", now()[name]), 1);
        is_refused(&key.signed_text(&key.header().to_string(), &twice), KeyProofFault::Malformed);
    }
}

#[test]
fn a_token_of_another_type_is_no_proof() {
    let key = ClientKey::es256();
    for typ in ["JWT", "at+jwt", "dpop", "dpop+jwt ", "application/x+dpop+jwt", ""] {
        is_refused(&key.signed(&with(&key.header(), "typ", json!(typ)), &now()), KeyProofFault::Type);
    }
    for name in ["typ", "alg", "jwk"] {
        is_refused(&key.signed(&without(&key.header(), name), &now()), KeyProofFault::Malformed);
    }
}

#[test]
fn alg_is_one_of_the_list_and_that_of_the_key() {
    let (es256, ed25519) = (ClientKey::es256(), ClientKey::ed25519());
    for alg in ["none", "None", "", "HS256", "RS256", "PS256", "ES384", "ES256K", "Ed448", "es256"] {
        for key in [&es256, &ed25519] {
            let header = with(&key.header(), "alg", json!(alg));
            is_refused(&key.signed(&header, &now()), KeyProofFault::Algorithm);
        }
    }
    is_refused(&es256.signed(&with(&es256.header(), "alg", json!("EdDSA")), &now()), KeyProofFault::Key);
    is_refused(&ed25519.signed(&with(&ed25519.header(), "alg", json!("ES256")), &now()), KeyProofFault::Key);
}

#[test]
fn a_mac_by_the_public_key_is_no_signature() {
    let key = ClientKey::es256();
    let jwk = json!({ "kty": "oct", "k": base64url(b"shared with everybody") });
    let mac_key = hmac::Key::new(hmac::HMAC_SHA256, b"shared with everybody");
    for (alg, jwk) in [("HS256", key.jwk()), ("HS256", jwk.clone()), ("ES256", jwk)] {
        let header = json!({ "typ": "dpop+jwt", "alg": alg, "jwk": jwk }).to_string();
        let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(now().to_string().as_bytes()));
        let mac = base64url(hmac::sign(&mac_key, signed.as_bytes()).as_ref());
        let fault = if alg == "HS256" { KeyProofFault::Algorithm } else { KeyProofFault::Key };
        is_refused(&format!("{signed}.{mac}"), fault);
    }
}

#[test]
fn a_key_with_a_private_member_is_refused_whatever_is_in_it() {
    for key in [ClientKey::es256(), ClientKey::ed25519()] {
        for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            for value in [json!("AAAA"), json!(""), json!(null), json!([])] {
                let header = with(&key.header(), "jwk", with(&key.jwk(), name, value));
                is_refused(&key.signed(&header, &now()), KeyProofFault::Key);
            }
        }
    }
}

#[test]
fn what_is_no_key_of_its_type_is_refused() {
    let (es256, ed25519) = (ClientKey::es256(), ClientKey::ed25519());
    let zero = base64url(&[0; 32]);
    let short = base64url(&[1; 31]);
    let of_es256 = [
        ("x", json!(zero)),
        ("y", json!(zero)),
        ("x", es256.jwk()["y"].clone()),
        ("y", json!(short)),
        ("y", json!(format!("{zero}="))),
        ("crv", json!("P-384")),
        ("crv", json!("Ed25519")),
        ("kty", json!("OKP")),
        ("kty", json!("RSA")),
    ];
    for (name, value) in of_es256 {
        let header = with(&es256.header(), "jwk", with(&es256.jwk(), name, value));
        is_refused(&es256.signed(&header, &now()), KeyProofFault::Key);
    }
    for (name, value) in [("x", json!(short)), ("crv", json!("X25519")), ("kty", json!("EC"))] {
        let header = with(&ed25519.header(), "jwk", with(&ed25519.jwk(), name, value));
        is_refused(&ed25519.signed(&header, &now()), KeyProofFault::Key);
    }
    // The identity of the curve, by which all of this is a signature of anything.
    let identity = [&[1][..], &[0; 31]].concat();
    let header = with(&ed25519.header(), "jwk", with(&ed25519.jwk(), "x", json!(base64url(&identity))));
    let signed = ed25519.signed(&header, &now());
    let signed = signed.rsplit_once('.').expect("three parts").0;
    let forged = base64url(&[&identity[..], &[0; 32]].concat());
    is_refused(&format!("{signed}.{forged}"), KeyProofFault::Key);
    for name in ["x", "y", "crv"] {
        let header = with(&es256.header(), "jwk", without(&es256.jwk(), name));
        is_refused(&es256.signed(&header, &now()), KeyProofFault::Key);
    }
}

#[test]
fn a_signature_by_another_key_or_over_something_else_is_refused() {
    for (key, other) in
        [(ClientKey::es256(), ClientKey::es256()), (ClientKey::ed25519(), ClientKey::ed25519())]
    {
        is_refused(&other.signed(&key.header(), &now()), KeyProofFault::Signature);
        let proof = key.proof(ADDRESS, START.secs());
        let (signed, signature) = proof.rsplit_once('.').expect("three parts");
        let (header, _) = signed.split_once('.').expect("three parts");
        let payload = base64url(now().to_string().as_bytes());
        is_refused(&format!("{header}.{payload}.{signature}"), KeyProofFault::Signature);
        let zero = base64url(&[0; 64]);
        for forged in ["", "AAAA", &zero, &signature[..80]] {
            is_refused(&format!("{signed}.{forged}"), KeyProofFault::Signature);
        }
    }
}

#[test]
fn what_must_be_understood_or_refused_is_refused() {
    let key = ClientKey::es256();
    for critical in [json!(["b64"]), json!([]), json!(null)] {
        let header = with(&with(&key.header(), "crit", critical), "b64", json!(false));
        is_refused(&key.signed(&header, &now()), KeyProofFault::Malformed);
    }
    let twice = key.header().to_string().replacen('{', "{\"alg\":\"ES256\",", 1);
    is_refused(&key.signed_text(&twice, &now().to_string()), KeyProofFault::Malformed);
}

#[test]
fn what_is_no_jwt_of_bounded_size_is_refused() {
    let key = ClientKey::es256();
    let proof = key.proof(ADDRESS, START.secs());
    for text in ["", ".", "..", "a.b.c", "a.b.c.d", &format!("{proof}."), &format!(" {proof}"), &proof[1..]] {
        is_refused(text, KeyProofFault::Malformed);
    }
    let long = with(&now(), "more", json!("x".repeat(4096)));
    is_refused(&key.signed(&key.header(), &long), KeyProofFault::Malformed);
    let deep = format!("{{\"x\":{}1{},{}", "[".repeat(400), "]".repeat(400), &key.header().to_string()[1..]);
    is_refused(&key.signed_text(&deep, &now().to_string()), KeyProofFault::Malformed);
}
