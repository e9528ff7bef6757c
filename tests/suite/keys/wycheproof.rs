//! Project Wycheproof's signature vectors. A vector fixes its message, so it cannot be a whole token of
//! ours; it goes through `PublicKey::verify`, the one function by which `KeyRing::verify` checks what a
//! token's signature segment holds, with the message where header and payload would stand.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward::{domain::algorithm::Algorithm, keys::public_key::PublicKey};
use rstest::rstest;
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify};

struct Vector {
    id: usize,
    comment: String,
    expected: TestResult,
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

/// Vectors that are not held to what Wycheproof calls right: set, number, and why.
const WAIVED: [(&str, usize, &str); 4] = [
    // Wycheproof calls a DigestInfo without the NULL parameter acceptable, neither right nor wrong; RFC
    // 8017 section 9.2 note 1 wants the NULL, and the library refuses it.
    ("RS256 2048", 8, "acceptable, refused: no NULL in the DigestInfo"),
    ("RS256 3072", 8, "acceptable, refused: no NULL in the DigestInfo"),
    ("RS256 4096", 8, "acceptable, refused: no NULL in the DigestInfo"),
    ("RS256 8192", 8, "acceptable, refused: no NULL in the DigestInfo"),
];

fn ecdsa_vectors() -> Vec<Vector> {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).expect("vectors");
    let groups = set.test_groups.into_iter();
    let vectors = groups.flat_map(|group| {
        let key = group.key.key.to_vec();
        group.tests.into_iter().map(move |test| Vector {
            id: test.tc_id,
            comment: test.comment,
            expected: test.result,
            key: key.clone(),
            message: test.msg.to_vec(),
            signature: test.sig.to_vec(),
        })
    });
    vectors.collect()
}

fn eddsa_vectors() -> Vec<Vector> {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("vectors");
    let groups = set.test_groups.into_iter();
    let vectors = groups.flat_map(|group| {
        let key = group.key.pk.to_vec();
        group.tests.into_iter().map(move |test| Vector {
            id: test.tc_id,
            comment: test.comment,
            expected: test.result,
            key: key.clone(),
            message: test.msg.to_vec(),
            signature: test.sig.to_vec(),
        })
    });
    vectors.collect()
}

fn rsa_vectors(name: rsa_pkcs1_verify::TestName) -> Vec<Vector> {
    let set = rsa_pkcs1_verify::TestSet::load(name).expect("vectors");
    let groups = set.test_groups.into_iter();
    let vectors = groups.flat_map(|group| {
        let key = group.asn_key.to_vec();
        group.tests.into_iter().map(move |test| Vector {
            id: test.tc_id,
            comment: test.comment,
            expected: test.result,
            key: key.clone(),
            message: test.msg.to_vec(),
            signature: test.sig.to_vec(),
        })
    });
    vectors.collect()
}

#[rstest]
#[case("ES256", Algorithm::Es256, ecdsa_vectors())]
#[case("EdDSA", Algorithm::EdDsa, eddsa_vectors())]
#[case("RS256 2048", Algorithm::Rs256, rsa_vectors(rsa_pkcs1_verify::TestName::Rsa2048Sha256))]
#[case("RS256 3072", Algorithm::Rs256, rsa_vectors(rsa_pkcs1_verify::TestName::Rsa3072Sha256))]
#[case("RS256 4096", Algorithm::Rs256, rsa_vectors(rsa_pkcs1_verify::TestName::Rsa4096Sha256))]
#[case("RS256 8192", Algorithm::Rs256, rsa_vectors(rsa_pkcs1_verify::TestName::Rsa8192Sha256))]
fn valid_is_accepted_and_invalid_refused(
    #[case] set: &str,
    #[case] algorithm: Algorithm,
    #[case] vectors: Vec<Vector>,
) {
    let mut wrong = Vec::new();
    let (mut accepted, mut refused) = (0, 0);
    for vector in vectors {
        let key = PublicKey::new(algorithm, &vector.key).expect("a public key");
        let taken = key.verify(&vector.message, &URL_SAFE_NO_PAD.encode(&vector.signature));
        let right = match vector.expected {
            TestResult::Valid => taken,
            TestResult::Invalid => !taken,
            TestResult::Acceptable => false,
        };
        let waived = WAIVED.iter().any(|(of, id, _)| (*of, *id) == (set, vector.id));
        if right == waived {
            wrong.push(format!("{} {:?}: taken {taken}, {}", vector.id, vector.expected, vector.comment));
        }
        *(if taken { &mut accepted } else { &mut refused }) += 1;
    }
    assert!(wrong.is_empty(), "{set}: {wrong:#?}");
    assert!(accepted > 0 && refused > 0, "{set}: {accepted} accepted, {refused} refused");
}
