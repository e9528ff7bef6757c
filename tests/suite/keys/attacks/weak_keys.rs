//! JWT-14: a weak key, or a file that is no key of ours, is refused before anything is signed.

use std::fs;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use keyward::{
    domain::algorithm::Algorithm,
    keys::{
        error::KeyError,
        key_file::{self, KeyFile},
        signing_key::SigningKey,
    },
};
use rstest::rstest;

use crate::keys::{KeysFolder, START};

const OTHER_KIND: &str = "not a PKCS#8 private key of P-256, Ed25519 or RSA with 2048 to 8192 bits";

#[rstest]
#[case(include_str!("../fixtures/rsa-1024.pem"), "its RSA modulus is shorter than 2048 bits")]
#[case(include_str!("../fixtures/rsa-exponent-3.pem"), "its RSA exponent is below 65537")]
#[case(include_str!("../fixtures/rsa-roca.pem"), "its RSA modulus is of the kind that can be factored (ROCA)")]
#[case(include_str!("../fixtures/p384.pem"), OTHER_KIND)]
#[case(include_str!("../fixtures/secp256k1.pem"), OTHER_KIND)]
#[case(include_str!("../fixtures/x25519.pem"), OTHER_KIND)]
#[case(include_str!("../fixtures/sec1.pem"), "not PKCS#8: convert it with openssl pkcs8 -topk8 -nocrypt")]
#[case(include_str!("../fixtures/encrypted.pem"), "an encrypted key: only its file mode protects a signing key")]
#[case(include_str!("../fixtures/public.pem"), "not a private key")]
#[case("", "not a PEM file with one key")]
#[case("no key at all\n", "not a PEM file with one key")]
#[case(
    "born: yesterday\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "a date before its key is not RFC 3339"
)]
#[case("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", OTHER_KIND)]
fn jwt_14_weak_and_foreign_keys(#[case] text: &str, #[case] reason: &str) {
    use std::os::unix::fs::PermissionsExt;
    let place = KeysFolder::new();
    drop(place.ring(Algorithm::Es256));
    let path = place.dir().join("brought.pem");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode");
    let error = place.open(Algorithm::Es256).err().expect("JWT-14: taken");
    assert!(matches!(error, KeyError::Unusable { .. }), "JWT-14: {error:?}");
    assert_eq!(error.to_string(), format!("{}: {reason}", path.display()));
}

#[test]
fn jwt_14_a_point_that_is_not_on_the_curve() {
    let der = SigningKey::generate(Algorithm::Es256).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).expect("a key");
    let point = pair.public_key().as_ref();
    let place = der.windows(point.len()).position(|window| window == point).expect("the public point");
    let mut moved = der.to_vec();
    moved[place + 64] ^= 1;
    assert!(SigningKey::from_pkcs8(&der).is_ok());
    assert_eq!(SigningKey::from_pkcs8(&moved).err(), Some(OTHER_KIND));
}

#[test]
fn jwt_14_two_keys_in_one_file() {
    let key = |algorithm| {
        let der = SigningKey::generate(algorithm).expect("a key");
        key_file::render(&der, &keyward::keys::schedule::Life { born: START, retired: None }).to_string()
    };
    let both = key(Algorithm::Es256) + &key(Algorithm::EdDsa);
    assert_eq!(KeyFile::parse(&both, START).err(), Some("not a PEM file with one key"));
}
