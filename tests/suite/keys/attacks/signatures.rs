//! JWT-15: a signature has one encoding, and degenerate ones are refused.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward::domain::algorithm::Algorithm;
use rstest::rstest;

use super::{Forge, Row, encode, row};
use crate::keys::ALGORITHMS;

/// The order of P-256, big-endian (SP 800-186 section 3.2.1.3).
const P256_ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC,
    0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];
/// The order of Ed25519's group, little-endian (RFC 8032 section 5.1).
const ED25519_ORDER: [u8; 32] = [
    0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn taken_apart(token: &str) -> (String, Vec<u8>) {
    let (message, signature) = token.rsplit_once('.').expect("segments");
    (message.to_owned(), URL_SAFE_NO_PAD.decode(signature).expect("base64url"))
}

/// An ASN.1 integer, positive.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let zero: &[u8] = if bytes[start] >= 0x80 { &[0] } else { &[] };
    let content = [zero, &bytes[start..]].concat();
    [&[2, u8::try_from(content.len()).expect("short")], &content[..]].concat()
}

#[test]
fn jwt_15_ecdsa() {
    let forge = Forge::new(Algorithm::Es256);
    let (message, genuine) = taken_apart(&forge.genuine());
    assert_eq!(genuine.len(), 64, "JWT-15: raw r || s");
    let (r, s) = genuine.split_at(32);
    let zero = [0; 32];
    let body = [integer(r), integer(s)].concat();
    let der = [&[0x30, u8::try_from(body.len()).expect("short")], &body[..]].concat();
    let one = [&zero[1..], &[1]].concat();
    let signatures = [
        ("DER", der),
        ("r = s = 0", [zero, zero].concat()),
        ("r = 0", [&zero, s].concat()),
        ("s = 0", [r, &zero].concat()),
        ("r = s = n", [P256_ORDER, P256_ORDER].concat()),
        ("r = n", [&P256_ORDER, s].concat()),
        ("s = n", [r, &P256_ORDER].concat()),
        ("r = s = 1", [&one[..], &one[..]].concat()),
        ("all ones", vec![0xFF; 64]),
        ("s before r", [s, r].concat()),
        ("63 bytes", genuine[..63].to_vec()),
        ("65 bytes", [&genuine[..], &[0]].concat()),
        ("66 bytes, as of P-521", [&[0], r, &[0], s].concat()),
        ("96 bytes, as of P-384", [&genuine[..], &zero].concat()),
        ("empty", Vec::new()),
    ];
    let rows = signatures.into_iter();
    forge.assert_refused(
        rows.map(|(what, bytes)| row("JWT-15", what, format!("{message}.{}", encode(bytes)))),
    );
}

#[test]
fn jwt_15_ed25519() {
    let forge = Forge::new(Algorithm::EdDsa);
    let (message, genuine) = taken_apart(&forge.genuine());
    let (point, scalar) = genuine.split_at(32);
    let mut carry = 0;
    let raised: Vec<u8> = scalar
        .iter()
        .zip(ED25519_ORDER)
        .map(|(a, b)| {
            let sum = u16::from(*a) + u16::from(b) + carry;
            carry = sum >> 8;
            sum.to_le_bytes()[0]
        })
        .collect();
    let identity = [&[1][..], &[0; 31]].concat();
    let signatures = [
        ("S + L", [point, &raised].concat()),
        ("S = 0", [point, &[0; 32]].concat()),
        ("R of small order, S = 0", [&identity[..], &[0; 32]].concat()),
        ("all zero", vec![0; 64]),
        ("all ones", vec![0xFF; 64]),
        ("63 bytes", genuine[..63].to_vec()),
        ("65 bytes", [&genuine[..], &[0]].concat()),
        ("empty", Vec::new()),
    ];
    let rows = signatures.into_iter();
    forge.assert_refused(
        rows.map(|(what, bytes)| row("JWT-15", what, format!("{message}.{}", encode(bytes)))),
    );
}

#[rstest]
fn jwt_15_every_bit_counts(#[values(0, 1, 2)] algorithm: usize) {
    let forge = Forge::new(ALGORITHMS[algorithm]);
    let (message, genuine) = taken_apart(&forge.genuine());
    let rows: Vec<Row> = (0..genuine.len())
        .map(|index| {
            let mut bytes = genuine.clone();
            bytes[index] ^= 1 << (index % 8);
            row("JWT-15", format!("bit of byte {index}"), format!("{message}.{}", encode(bytes)))
        })
        .collect();
    forge.assert_refused(rows);
}
