//! Passkeys of Ed25519, which the library reads the steps of Level 3 for and cannot verify. Their key and their
//! signature are judged here, and nothing else: for all other steps the library gets the same bytes with a stand-in,
//! a P-256 key of that moment and its signature. So both have to be content, and none of its steps is done twice.
//!
//! What an authenticator makes is CBOR in the one form that CTAP2 allows (Level 3, section 2.4), so it is compared and
//! not read: what has another form goes to the library as it is, which takes no Ed25519 key.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, KeyPair, UnparsedPublicKey},
};
use webauthn_rs_core::{
    error::WebauthnError,
    proto::{
        COSEAlgorithm, COSEEC2Key, COSEKey, COSEKeyType, COSEOKPKey, ECDSACurve, EDDSACurve,
        PublicKeyCredential, RegisterPublicKeyCredential,
    },
};

use crate::keys::ed25519;

/// Before the 32 bytes of a key (RFC 9053, section 7.2): OKP, `EdDSA`, Ed25519.
const COSE: &[u8] = b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20";
/// Before the authenticator data, where there is no attestation, as it is asked for.
const NONE: &[u8] = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData";
/// The same where the key attests itself, which browsers let be: its signature follows.
const ITSELF: &[u8] = b"\xa3\x63fmt\x66packed\x67attStmt\xa2\x63alg\x27\x63sig\x58\x40";
const AUTH_DATA: &[u8] = b"\x68authData";
const SIGNATURE: usize = 64;
/// RP ID hash, flags, counter and AAGUID: what stands before the length of the credential's id.
const BEFORE_ID: usize = 32 + 1 + 4 + 16;
const ATTESTED: u8 = 0x40;

/// A new passkey of Ed25519.
pub(super) struct Ed25519Attested<'a> {
    object: AttestationObject<'a>,
    /// Of the authenticator data: what stands before the key, and what follows it.
    before: &'a [u8],
    key: &'a [u8; 32],
    after: &'a [u8],
}

struct AttestationObject<'a> {
    signature: Option<&'a [u8]>,
    data: &'a [u8],
}

/// What the library verifies in the place of the other.
struct StandIn(EcdsaKeyPair);

impl<'a> Ed25519Attested<'a> {
    /// `None` = it is of another algorithm, or of no form.
    pub(super) fn read(brought: &'a RegisterPublicKeyCredential) -> Option<Self> {
        let object = AttestationObject::read(&brought.response.attestation_object)?;
        let (length, rest) = object.data.get(BEFORE_ID..)?.split_first_chunk()?;
        let id = usize::from(u16::from_be_bytes(*length));
        let (key, after) = rest.get(id..)?.strip_prefix(COSE)?.split_first_chunk()?;
        let before = &object.data[..BEFORE_ID + length.len() + id];
        (before[32] & ATTESTED != 0).then_some(Self { object, before, key, after })
    }

    /// What the library is to judge, where the key may be one and its attestation is right.
    pub(super) fn stood_in(
        &self,
        brought: &RegisterPublicKeyCredential,
    ) -> Result<RegisterPublicKeyCredential, WebauthnError> {
        if ed25519::is_weak(self.key) {
            return Err(WebauthnError::COSEKeyEDDSAXInvalid);
        }
        if let Some(signature) = self.object.signature {
            let signed = signed(self.object.data, &brought.response.client_data_json);
            verify(self.key, &signed, signature)?;
        }
        let data = [self.before, &StandIn::new()?.cose(), self.after].concat();
        let length = u16::try_from(data.len()).map_err(|_| WebauthnError::ParseNOMFailure)?;
        let mut stood_in = brought.clone();
        stood_in.response.attestation_object =
            [NONE, &[0x59], &length.to_be_bytes(), data.as_slice()].concat();
        Ok(stood_in)
    }

    /// The key as it is kept.
    pub(super) fn kept(&self) -> COSEKey {
        let key = COSEOKPKey { curve: EDDSACurve::ED25519, x: self.key.to_vec() };
        COSEKey { type_: COSEAlgorithm::EDDSA, key: COSEKeyType::EC_OKP(key) }
    }
}

impl<'a> AttestationObject<'a> {
    fn read(object: &'a [u8]) -> Option<Self> {
        let (signature, data) = if let Some(data) = object.strip_prefix(NONE) {
            (None, data)
        } else {
            let (signature, data) = object.strip_prefix(ITSELF)?.split_at_checked(SIGNATURE)?;
            (Some(signature), data.strip_prefix(AUTH_DATA)?)
        };
        let (length, data) = match data {
            [0x58, length, data @ ..] => (usize::from(*length), data),
            [0x59, high, low, data @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), data),
            _ => return None,
        };
        (data.len() == length).then_some(Self { signature, data })
    }
}

/// Verifies the use of a passkey of that key; then what the library is to judge, and by which key.
pub(super) fn stood_in(
    key: &COSEOKPKey,
    shown: &PublicKeyCredential,
) -> Result<(PublicKeyCredential, COSEKey), WebauthnError> {
    let signed = signed(&shown.response.authenticator_data, &shown.response.client_data_json);
    verify(&key.x, &signed, &shown.response.signature)?;
    let stand_in = StandIn::new()?;
    let mut stood_in = shown.clone();
    stood_in.response.signature = stand_in.sign(&signed)?;
    Ok((stood_in, stand_in.key()))
}

/// What an authenticator signs (Level 3, section 6.3.3).
fn signed(authenticator_data: &[u8], client_data: &[u8]) -> Vec<u8> {
    [authenticator_data, digest(&SHA256, client_data).as_ref()].concat()
}

/// RFC 8032: 32 bytes of key and 64 of signature, whose second half is below the order of the group.
fn verify(key: &[u8], signed: &[u8], signature: &[u8]) -> Result<(), WebauthnError> {
    let verified = UnparsedPublicKey::new(&ED25519, key).verify(signed, signature);
    verified.map_err(|_| WebauthnError::AuthenticationFailure)
}

impl StandIn {
    fn new() -> Result<Self, WebauthnError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
        pair.map(Self).map_err(|_| WebauthnError::AuthenticationFailure)
    }

    fn coordinates(&self) -> (&[u8], &[u8]) {
        // The byte before them says that both are there.
        self.0.public_key().as_ref()[1..].split_at(32)
    }

    fn cose(&self) -> Vec<u8> {
        let (x, y) = self.coordinates();
        [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", x, b"\x22\x58\x20", y].concat()
    }

    fn key(&self) -> COSEKey {
        let (x, y) = self.coordinates();
        let key = COSEEC2Key { curve: ECDSACurve::SECP256R1, x: x.to_vec(), y: y.to_vec() };
        COSEKey { type_: COSEAlgorithm::ES256, key: COSEKeyType::EC_EC2(key) }
    }

    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, WebauthnError> {
        let signature = self.0.sign(&SystemRandom::new(), signed);
        Ok(signature.map_err(|_| WebauthnError::AuthenticationFailure)?.as_ref().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use aws_lc_rs::signature::Ed25519KeyPair;
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::*;

    fn registered(object: &[u8]) -> RegisterPublicKeyCredential {
        let object = URL_SAFE_NO_PAD.encode(object);
        let response = json!({ "clientDataJSON": "e30", "attestationObject": object });
        let brought = json!({ "id": "AA", "rawId": "AA", "type": "public-key", "response": response });
        serde_json::from_value(brought).expect("a form")
    }

    fn data(key: &[u8]) -> Vec<u8> {
        let id = [7; 20];
        [&[9; 32][..], &[0x45], &[0; 20], &[0, 20], &id, COSE, key].concat()
    }

    fn none(data: &[u8]) -> Vec<u8> {
        let length = u8::try_from(data.len()).expect("short");
        [NONE, &[0x58, length], data].concat()
    }

    #[test]
    fn what_the_library_judges_differs_in_the_key_alone() {
        let data = data(&[3; 32]);
        let brought = registered(&none(&data));
        let attested = Ed25519Attested::read(&brought).expect("a key");
        assert_eq!(attested.key, &[3; 32]);
        let stood_in = attested.stood_in(&brought).expect("no weak key");
        let object = stood_in.response.attestation_object.strip_prefix(NONE).expect("no attestation");
        let key: Range<usize> = data.len() - COSE.len() - 32..data.len();
        assert_eq!(&object[3..][..key.start], &data[..key.start]);
        assert!(object[3 + key.start..].starts_with(b"\xa5\x01\x02\x03\x26"), "ES256");
        assert_eq!(stood_in.response.client_data_json, brought.response.client_data_json);
    }

    #[test]
    fn another_form_is_not_read_as_a_key() {
        let good = none(&data(&[3; 32]));
        assert!(Ed25519Attested::read(&registered(&good)).is_some());
        for cut in 0..good.len() {
            assert!(Ed25519Attested::read(&registered(&good[..cut])).is_none(), "{cut}");
        }
        assert!(Ed25519Attested::read(&registered(&[&good[..], &[0]].concat())).is_none(), "more behind");
        // The place of the key's kind, algorithm and curve, of the flag, and of the length of the id.
        let at = |part: &[u8]| good.windows(part.len()).position(|window| window == part).expect("there");
        let (cose, flags) = (at(COSE), at(&[0x45, 0]));
        for place in (cose..cose + COSE.len()).chain([flags, cose - 21]) {
            let mut other = good.clone();
            other[place] ^= 0x42;
            assert!(Ed25519Attested::read(&registered(&other)).is_none(), "{place}");
        }
    }

    #[test]
    fn a_key_that_attests_itself_is_held_to_it() {
        let pair = Ed25519KeyPair::generate().expect("a key");
        let data = data(pair.public_key().as_ref());
        let attested = |signature: &[u8]| {
            let length = [u8::try_from(data.len()).expect("short")];
            registered(&[ITSELF, signature, AUTH_DATA, &[0x58], &length, &data].concat())
        };
        let right = pair.sign(&signed(&data, b"{}"));
        let brought = attested(right.as_ref());
        let read = Ed25519Attested::read(&brought).expect("a key");
        assert!(read.stood_in(&brought).is_ok());
        let wrong = pair.sign(&signed(&data, b"{ }"));
        let brought = attested(wrong.as_ref());
        let read = Ed25519Attested::read(&brought).expect("a key");
        assert_eq!(read.stood_in(&brought).err(), Some(WebauthnError::AuthenticationFailure));
    }

    #[test]
    fn a_key_by_which_everybody_can_sign_is_none() {
        for low in [0, 1] {
            let mut point = [0; 32];
            point[0] = low;
            let brought = registered(&none(&data(&point)));
            let attested = Ed25519Attested::read(&brought).expect("a key");
            assert_eq!(attested.stood_in(&brought).err(), Some(WebauthnError::COSEKeyEDDSAXInvalid));
        }
    }

    /// `packed-eddsa` of Level 3, section 16, whose user was not verified, so that nothing else takes it.
    fn vector() -> (COSEOKPKey, PublicKeyCredential) {
        let vectors: Vec<Value> = serde_json::from_str(include_str!("level_3_vectors.json")).expect("JSON");
        let vector = vectors.iter().find(|vector| vector["name"] == "packed-eddsa").expect("there");
        let object = vector["create"]["attestationObject"].as_str().expect("a text");
        let object = URL_SAFE_NO_PAD.decode(object).expect("base64url");
        let at = object.windows(COSE.len()).position(|window| window == COSE).expect("a key") + COSE.len();
        let mut response = vector["get"].clone();
        response["userHandle"] = Value::Null;
        let shown = json!({ "id": "AA", "rawId": "AA", "type": "public-key", "response": response });
        let key = COSEOKPKey { curve: EDDSACurve::ED25519, x: object[at..at + 32].to_vec() };
        (key, serde_json::from_value(shown).expect("a form"))
    }

    #[test]
    fn the_signature_of_the_standards_vector_is_right() {
        let (key, shown) = vector();
        let (judged, stand_in) = stood_in(&key, &shown).expect("verified");
        let of = &judged.response;
        let signed = signed(&of.authenticator_data, &of.client_data_json);
        assert_eq!(stand_in.verify_signature(&of.signature, &signed), Ok(true));
        assert_eq!(of.authenticator_data, shown.response.authenticator_data);
        assert_eq!(of.client_data_json, shown.response.client_data_json);
    }

    #[test]
    fn no_other_signature_is_right() {
        let (key, shown) = vector();
        let right = &shown.response.signature;
        let mut changed = right.clone();
        changed[0] ^= 1;
        // The same, modulo the order of the group: RFC 8032 has it refused.
        let order = b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10";
        let (mut with_order, mut carry) = (right.clone(), 0);
        for (byte, more) in with_order[32..].iter_mut().zip(order) {
            carry += u16::from(*byte) + u16::from(*more);
            (*byte, carry) = (carry.to_le_bytes()[0], carry >> 8);
        }
        let es256 = StandIn::new().expect("a key").sign(b"x").expect("signed");
        let long = [right, &[0][..]].concat();
        for wrong in [&right[..63], &long, &with_order, &changed, &es256, &[], &[0; 64]] {
            let mut shown = shown.clone();
            shown.response.signature = wrong.to_vec();
            let refused = stood_in(&key, &shown).err();
            assert_eq!(refused, Some(WebauthnError::AuthenticationFailure), "{wrong:02x?}");
        }
    }
}
