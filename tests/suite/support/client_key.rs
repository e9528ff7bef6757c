//! A client that has a key, and proves it (RFC 9449): written beside the standard, and by nothing of the server's.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward::domain::random;
use serde_json::{Value, json};

#[derive(Debug)]
pub enum ClientKey {
    Es256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl ClientKey {
    pub fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
    }

    pub fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().expect("a key"))
    }

    /// The public key, with its members in the order that names it (RFC 7638 section 3.3).
    pub fn jwk(&self) -> Value {
        match self {
            Self::Es256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "crv": "P-256", "kty": "EC", "x": base64url(x), "y": base64url(y) })
            }
            Self::Ed25519(pair) => {
                json!({ "crv": "Ed25519", "kty": "OKP", "x": base64url(pair.public_key().as_ref()) })
            }
        }
    }

    pub fn thumbprint(&self) -> String {
        let mut members: Vec<_> = self.jwk().as_object().expect("an object").clone().into_iter().collect();
        members.sort_by(|one, other| one.0.cmp(&other.0));
        let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        base64url(digest(&SHA256, format!("{{{}}}", members.join(",")).as_bytes()).as_ref())
    }

    pub fn header(&self) -> Value {
        let alg = if let Self::Es256(_) = self { "ES256" } else { "EdDSA" };
        json!({ "typ": "dpop+jwt", "alg": alg, "jwk": self.jwk() })
    }

    /// A proof of that second, which is used for the first time.
    pub fn proof(&self, address: &str, at: i64) -> String {
        self.signed(&self.header(), &claims(address, at))
    }

    /// Whatever is to be said, signed.
    pub fn signed(&self, header: &Value, claims: &Value) -> String {
        self.signed_text(&header.to_string(), &claims.to_string())
    }

    pub fn signed_text(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
        let signature = match self {
            Self::Es256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("signed");
                base64url(signature.as_ref())
            }
            Self::Ed25519(pair) => base64url(pair.sign(signed.as_bytes()).as_ref()),
        };
        format!("{signed}.{signature}")
    }
}

/// What a proof says, with a `jti` of its own.
pub fn claims(address: &str, at: i64) -> Value {
    let jti = base64url(&random::bytes::<12>());
    json!({ "jti": jti, "htm": "POST", "htu": address, "iat": at })
}
