//! An authenticator in software, with the browser before it: what they make of a challenge (`WebAuthn` Level 3,
//! sections 5.8.1 and 6.1), and what they never would, for who attacks.

use aws_lc_rs::{
    digest,
    encoding::AsDer,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub const PRESENT: u8 = 0x01;
pub const VERIFIED: u8 = 0x04;
pub const BACKUP_ELIGIBLE: u8 = 0x08;
pub const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;
/// Of a key that is bound to its device, and counts.
pub const BOUND: u8 = PRESENT | VERIFIED;
/// Of a key that is copied to all devices of its owner.
pub const COPIED: u8 = BOUND | BACKUP_ELIGIBLE | BACKED_UP;

/// One passkey. What it signs is what its members say at that moment.
#[derive(Clone)]
pub struct Authenticator {
    pub key: Key,
    pub id: Vec<u8>,
    /// What it was told that its user is called.
    pub user: Option<Vec<u8>>,
    pub origin: String,
    pub domain: String,
    pub flags: u8,
    pub counter: u32,
    /// In the place of `webauthn.create` and `webauthn.get`.
    pub kind: Option<&'static str>,
    /// In the place of the public key.
    pub cose: Option<Vec<u8>>,
    pub is_cross_origin: bool,
    /// Signs ES256 as JOSE has it, and not in DER.
    pub is_raw: bool,
    /// How much of a signature is left out.
    pub cut: usize,
}

#[derive(Clone)]
pub enum Key {
    Es256(Vec<u8>),
    Ed25519(Vec<u8>),
    Rs256(Vec<u8>),
}

impl Authenticator {
    pub fn es256(domain: &str, origin: &str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        Self::of(Key::Es256(key.to_pkcs8v1().expect("PKCS#8").as_ref().to_vec()), domain, origin)
    }

    pub fn ed25519(domain: &str, origin: &str) -> Self {
        let key = Ed25519KeyPair::generate().expect("a key");
        Self::of(Key::Ed25519(key.to_pkcs8v1().expect("PKCS#8").as_ref().to_vec()), domain, origin)
    }

    pub fn rs256(domain: &str, origin: &str) -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        Self::of(Key::Rs256(key.as_der().expect("PKCS#8").as_ref().to_vec()), domain, origin)
    }

    fn of(key: Key, domain: &str, origin: &str) -> Self {
        let mut id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut id).expect("chance");
        Self {
            key,
            id,
            user: None,
            origin: origin.to_owned(),
            domain: domain.to_owned(),
            flags: COPIED,
            counter: 0,
            kind: None,
            cose: None,
            is_cross_origin: false,
            is_raw: false,
            cut: 0,
        }
    }

    /// What `navigator.credentials.create()` brings, as JSON.
    pub fn create(&mut self, options: &Value) -> Value {
        let user = options["user"]["id"].as_str().expect("a user");
        self.user = Some(URL_SAFE_NO_PAD.decode(user).expect("base64url"));
        let client_data = self.client_data("webauthn.create", options);
        let mut data = self.data(self.flags | ATTESTED);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).expect("short").to_be_bytes());
        data.extend(&self.id);
        data.extend(self.cose.clone().unwrap_or_else(|| self.public_key()));
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
        object.extend(data);
        let [client_data, object] = [client_data, object].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let response = json!({
            "clientDataJSON": client_data, "attestationObject": object, "transports": ["internal", "hybrid"],
        });
        self.credential(&response)
    }

    /// What `navigator.credentials.get()` brings, as JSON.
    pub fn get(&self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.get", options);
        let data = self.data(self.flags);
        let signed = [data.as_slice(), sha256(&client_data).as_ref()].concat();
        let mut signature = self.sign(&signed);
        signature.truncate(signature.len() - self.cut);
        let [client_data, data, signature] =
            [client_data, data, signature].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let user = self.user.as_ref().map(|user| URL_SAFE_NO_PAD.encode(user));
        let response = json!({
            "clientDataJSON": client_data, "authenticatorData": data, "signature": signature, "userHandle": user,
        });
        self.credential(&response)
    }

    fn credential(&self, response: &Value) -> Value {
        let id = URL_SAFE_NO_PAD.encode(&self.id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform",
            "clientExtensionResults": {}, "response": response,
        })
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let kind = self.kind.unwrap_or(kind);
        let data = json!({
            "type": kind, "challenge": options["challenge"], "origin": self.origin,
            "crossOrigin": self.is_cross_origin,
        });
        data.to_string().into_bytes()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        [sha256(self.domain.as_bytes()).as_ref(), &[flags], &self.counter.to_be_bytes()].concat()
    }

    /// As COSE has it (RFC 9052, section 7).
    pub fn public_key(&self) -> Vec<u8> {
        match &self.key {
            Key::Es256(pkcs8) => {
                let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8).expect("a key");
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", x, b"\x22\x58\x20", y].concat()
            }
            Key::Ed25519(pkcs8) => {
                let key = Ed25519KeyPair::from_pkcs8(pkcs8).expect("a key");
                okp(6, key.public_key().as_ref())
            }
            Key::Rs256(pkcs8) => {
                let key = RsaKeyPair::from_pkcs8(pkcs8).expect("a key");
                let modulus = key.public_key().modulus().big_endian_without_leading_zero().to_vec();
                rsa(&modulus)
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let chance = SystemRandom::new();
        match &self.key {
            Key::Es256(pkcs8) => {
                let form = if self.is_raw {
                    &ECDSA_P256_SHA256_FIXED_SIGNING
                } else {
                    &ECDSA_P256_SHA256_ASN1_SIGNING
                };
                let key = EcdsaKeyPair::from_pkcs8(form, pkcs8).expect("a key");
                key.sign(&chance, message).expect("signed").as_ref().to_vec()
            }
            Key::Ed25519(pkcs8) => {
                Ed25519KeyPair::from_pkcs8(pkcs8).expect("a key").sign(message).as_ref().to_vec()
            }
            Key::Rs256(pkcs8) => {
                let key = RsaKeyPair::from_pkcs8(pkcs8).expect("a key");
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &chance, message, &mut signature).expect("signed");
                signature
            }
        }
    }
}

/// A public key of RSA, with the exponent 65537.
pub fn rsa(modulus: &[u8]) -> Vec<u8> {
    let length = u16::try_from(modulus.len()).expect("short").to_be_bytes();
    [b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59", length.as_slice(), modulus, b"\x21\x43\x01\x00\x01"].concat()
}

/// A public key of `EdDSA` with that point on that curve, as COSE numbers it.
pub fn okp(curve: u8, x: &[u8]) -> Vec<u8> {
    [&[0xa4, 1, 1, 3, 0x27, 0x20, curve, 0x21, 0x58, u8::try_from(x.len()).expect("short")], x].concat()
}

/// A public key of ES256 with these coordinates on that curve, as COSE numbers it.
pub fn ec(curve: u8, x: &[u8], y: &[u8]) -> Vec<u8> {
    let [x_length, y_length] = [x, y].map(|part| u8::try_from(part.len()).expect("short"));
    [&[0xa5, 1, 2, 3, 0x26, 0x20, curve, 0x21, 0x58, x_length], x, &[0x22, 0x58, y_length], y].concat()
}

fn sha256(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, bytes)
}
