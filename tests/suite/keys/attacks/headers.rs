//! JWT-01 to JWT-05, JWT-08 and JWT-10: what a header may make a verifier do.

use std::{io::ErrorKind, net::TcpListener, time::Duration};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    hmac,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair},
};
use keyward::{
    domain::algorithm::Algorithm,
    keys::{key_file, schedule::Retirement},
};
use rstest::rstest;
use serde_json::{Value, json};

use super::{Forge, Row, encode, merged, row};
use crate::keys::{ALGORITHMS, claims};

#[test]
fn jwt_01_alg_none() {
    let forge = Forge::new(Algorithm::Es256);
    let genuine = forge.genuine();
    let signature = genuine.rsplit('.').next().expect("a signature");
    let algs = [
        json!("none"),
        json!("None"),
        json!("nOnE"),
        json!("NONE"),
        json!(""),
        json!(1),
        json!(true),
        json!([]),
        json!(["ES256"]),
        json!({"alg": "ES256"}),
    ];
    let mut headers: Vec<Value> =
        algs.iter().map(|alg| merged(forge.header(), &json!({"alg": alg}))).collect();
    headers.push(merged(forge.header(), &json!({"alg": null})));
    let mut null = forge.header();
    null["alg"] = Value::Null;
    headers.push(null);
    let rows = headers.iter().flat_map(|header| {
        let signed = format!("{}.{}", encode(header.to_string()), encode(forge.payload().to_string()));
        let bare =
            ["", ".", ".AA"].map(|end| row("JWT-01", format!("{header}{end}"), format!("{signed}{end}")));
        let stolen = row("JWT-01", format!("{header} stolen"), format!("{signed}.{signature}"));
        let genuine = row("JWT-01", format!("{header} signed"), forge.signed(&signed));
        bare.into_iter().chain([stolen, genuine])
    });
    forge.assert_refused(rows.collect::<Vec<_>>());
}

/// Everything that is public about the key, and could be taken for a shared secret.
fn public_forms(forge: &Forge) -> Vec<(&'static str, Vec<u8>)> {
    let file =
        std::fs::read_dir(forge.place.dir()).expect("a folder").map(|entry| entry.expect("an entry").path());
    let path = file.into_iter().find(|path| path.extension().is_some_and(|end| end == "pem")).expect("a key");
    let der = key_file::pkcs8(&std::fs::read_to_string(path).expect("text")).expect("PKCS#8");
    let (raw, spki): (Vec<u8>, PublicKeyX509Der<'_>) = match forge.key.public().algorithm() {
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).expect("a key");
            (pair.public_key().as_ref().to_vec(), pair.public_key().as_der().expect("DER"))
        }
        Algorithm::EdDsa => {
            let pair = Ed25519KeyPair::from_pkcs8(&der).expect("a key");
            (pair.public_key().as_ref().to_vec(), pair.public_key().as_der().expect("DER"))
        }
        Algorithm::Rs256 => {
            let pair = RsaKeyPair::from_pkcs8(&der).expect("a key");
            (pair.public_key().as_ref().to_vec(), pair.public_key().as_der().expect("DER"))
        }
    };
    let pem = pem::encode_config(
        &pem::Pem::new("PUBLIC KEY", spki.as_ref()),
        pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
    );
    vec![
        ("PEM", pem.clone().into_bytes()),
        ("PEM without its last line feed", pem.trim_end().as_bytes().to_vec()),
        ("DER", spki.as_ref().to_vec()),
        ("JWK", forge.key.public().jwk().as_bytes().to_vec()),
        ("raw", raw),
        ("empty", Vec::new()),
    ]
}

#[rstest]
fn jwt_02_the_public_key_as_a_shared_secret(#[values(0, 1, 2)] algorithm: usize) {
    let forge = Forge::new(ALGORITHMS[algorithm]);
    let rows = public_forms(&forge).into_iter().flat_map(|(form, secret)| {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        ["HS256", ALGORITHMS[algorithm].as_str()].map(|alg| {
            let header = merged(forge.header(), &json!({"alg": alg}));
            let message = format!("{}.{}", encode(header.to_string()), encode(forge.payload().to_string()));
            let tag = encode(hmac::sign(&secret, message.as_bytes()));
            row("JWT-02", format!("{alg} with the {form}"), format!("{message}.{tag}"))
        })
    });
    forge.assert_refused(rows.collect::<Vec<_>>());
}

#[rstest]
fn jwt_02_the_algorithm_is_the_keys_own(#[values(0, 1, 2)] algorithm: usize) {
    let forge = Forge::new(ALGORITHMS[algorithm]);
    let own = ALGORITHMS[algorithm].as_str();
    let names = [
        "HS256", "HS384", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "RS256", "RS384", "PS256",
        "es256", "eddsa", "rs256", "ES256 ", "ES256\0",
    ];
    let others = names.into_iter().filter(|name| *name != own);
    forge.assert_refused(others.map(|alg| row("JWT-02", alg, forge.with_header(&json!({"alg": alg})))));
}

#[test]
fn jwt_03_keys_and_addresses_in_the_header() {
    let forge = Forge::new(Algorithm::Es256);
    let attacker = Forge::new(Algorithm::Es256);
    let jwk: Value = serde_json::from_str(attacker.key.public().jwk()).expect("JSON");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let address = listener.local_addr().expect("an address");
    let url = format!("http://{address}/keys.json");
    let baits = [
        json!({"jwk": jwk}),
        json!({"jku": url}),
        json!({"x5u": url}),
        json!({"x5c": ["MIIB"]}),
        json!({"x5t": "AAAA"}),
        json!({"x5t#S256": "AAAA"}),
        json!({"kid": url}),
        json!({"kid": attacker.key.public().kid(), "jwk": jwk}),
        json!({"kid": attacker.key.public().kid(), "jku": url}),
    ];
    let rows = baits.iter().flat_map(|bait| {
        let header = merged(forge.header(), bait);
        [
            row("JWT-03", format!("{bait} signed by us"), forge.token(&header, forge.payload())),
            row("JWT-03", format!("{bait} signed by the attacker"), attacker.token(&header, forge.payload())),
        ]
    });
    forge.assert_refused(rows.collect::<Vec<_>>());
    let called = listener.accept().expect_err("nobody called");
    assert_eq!(called.kind(), ErrorKind::WouldBlock, "JWT-03: something in a header was fetched");
}

#[test]
fn jwt_04_kid_is_only_compared() {
    let forge = Forge::new(Algorithm::Es256);
    let own = forge.key.public().kid().to_owned();
    let before = forge.place.files();
    let kids = [
        json!(null),
        json!(""),
        json!("A".repeat(43)),
        json!("A".repeat(10_000)),
        json!("../../../../../../dev/null"),
        json!("/dev/null"),
        json!(format!("./{own}")),
        json!(format!("{own}.pem")),
        json!(format!("{own}\0")),
        json!(format!("{own}\r\nX-Evil: 1")),
        json!(format!("{own} ")),
        json!(own.to_lowercase()),
        json!("' OR 1=1--"),
        json!("|id"),
        json!("$(id)"),
        json!("*"),
        json!("[A-Za-z0-9_-]*"),
        json!("?".repeat(43)),
        json!("refresh.secret"),
        json!([own]),
        json!({"kid": own}),
        json!(0),
        json!(true),
    ];
    let mut rows: Vec<Row> = kids
        .iter()
        .map(|kid| row("JWT-04", kid.to_string(), forge.with_header(&json!({"kid": kid}))))
        .collect();
    let mut null = forge.header();
    null["kid"] = Value::Null;
    rows.push(row("JWT-04", "a real null", forge.token(null, forge.payload())));
    forge.assert_refused(rows);
    assert_eq!(forge.place.files(), before);
}

#[test]
fn jwt_04_unknown_kids_read_the_folder_once_a_second() {
    let forge = Forge::new(Algorithm::Es256);
    let other = forge.place.ring(Algorithm::Es256);
    let unknown = forge.with_header(&json!({"kid": "A".repeat(43)}));
    forge.place.clock.advance(Duration::from_secs(2));
    assert!(forge.verify(&unknown).is_err(), "JWT-04: this one is let read the folder");
    // A key that the ring could only learn of by reading the folder again.
    other.retire(forge.key.public().kid(), Retirement::Compromised).expect("retired");
    let claims = claims(forge.place.now());
    let token = other.sign(&claims).expect("a token");
    for _ in 0..100 {
        assert!(forge.verify(&unknown).is_err());
        assert!(forge.verify(&token).is_err(), "JWT-04: read again within a second");
    }
    forge.place.clock.advance(Duration::from_secs(1));
    assert_eq!(forge.verify(&token), Ok(claims));
}

#[test]
fn jwt_05_critical_extensions() {
    let forge = Forge::new(Algorithm::Es256);
    let changes = [
        json!({"crit": ["exp"], "exp": 1}),
        json!({"crit": ["unknown"], "unknown": true}),
        json!({"crit": []}),
        json!({"crit": "b64"}),
        json!({"crit": {}}),
        json!({"crit": ["alg"]}),
        json!({"crit": ["absent"]}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"crit": ["b64"], "b64": true}),
        json!({"b64": false}),
        json!({"b64": true}),
    ];
    forge.assert_refused(
        changes.iter().map(|change| row("JWT-05", change.to_string(), forge.with_header(change))),
    );
}

#[test]
fn jwt_08_encryption_compression_and_nesting() {
    let forge = Forge::new(Algorithm::Es256);
    let changes = [
        json!({"zip": "DEF"}),
        json!({"cty": "JWT"}),
        json!({"enc": "A256GCM"}),
        json!({"alg": "dir", "enc": "A256GCM"}),
        json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_000_000_000, "p2s": "AAAA"}),
        json!({"alg": "RSA-OAEP", "enc": "A256GCM"}),
        json!({"epk": {"kty": "EC"}}),
    ];
    let mut rows: Vec<Row> =
        changes.iter().map(|change| row("JWT-08", change.to_string(), forge.with_header(change))).collect();
    let genuine = forge.genuine();
    rows.push(row("JWT-08", "JWE", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA"));
    rows.push(row("JWT-08", "five segments", format!("{genuine}.AAAA.AAAA")));
    let nested = forge.signed(&format!("{}.{}", encode(forge.header().to_string()), encode(&genuine)));
    rows.push(row("JWT-08", "a token in a token", nested));
    forge.assert_refused(rows);
}

#[test]
fn jwt_10_typ() {
    let forge = Forge::new(Algorithm::Es256);
    for typ in ["at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "Application/AT+jwt"] {
        forge.assert_accepted(typ, &forge.with_header(&json!({"typ": typ})));
    }
    let typs = [
        json!(null),
        json!(""),
        json!("JWT"),
        json!("jwt"),
        json!("rt+jwt"),
        json!("dpop+jwt"),
        json!("logout+jwt"),
        json!("secevent+jwt"),
        json!("application/jwt"),
        json!("application/application/at+jwt"),
        json!("application/"),
        json!("text/at+jwt"),
        json!("at+jwt "),
        json!(" at+jwt"),
        json!("at+jwt; charset=utf-8"),
        json!("ſt+jwt"),
        json!(["at+jwt"]),
        json!(1),
    ];
    forge.assert_refused(
        typs.iter().map(|typ| row("JWT-10", typ.to_string(), forge.with_header(&json!({"typ": typ})))),
    );
}
