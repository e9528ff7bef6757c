//! The private half of a key, parsed once. It signs here and not through `jsonwebtoken`, which would
//! parse it again for every token, or hold it in a process-wide hook shared by all rings.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
        RsaPublicKeyComponents,
    },
};
use pem::{EncodeConfig, LineEnding, Pem};
use zeroize::Zeroizing;

use super::{error::KeyError, public_key::PublicKey, weak};
use crate::domain::algorithm::Algorithm;

const NOT_A_KEY: &str = "not a PKCS#8 private key of P-256, Ed25519 or RSA with 2048 to 8192 bits";

/// A key that signs.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl SigningKey {
    /// Reads PKCS#8 DER; the algorithm is the one the key is made for.
    ///
    /// # Errors
    /// Says why the key cannot be used: of another kind, on another curve, or weak.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, &'static str> {
        let (algorithm, pair) =
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
                (Algorithm::Es256, Pair::Ecdsa(pair))
            } else if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
                (Algorithm::EdDsa, Pair::Ed25519(pair))
            } else {
                (Algorithm::Rs256, Pair::Rsa(strong_rsa(der)?))
            };
        let public = PublicKey::new(algorithm, pair.public_bytes()).map_err(|_| NOT_A_KEY)?;
        Ok(Self { pair, public })
    }

    /// The PKCS#8 DER of a new key.
    ///
    /// # Errors
    /// When the library cannot make one.
    pub fn generate(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let der = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .and_then(|pair| pair.to_pkcs8v1())
                .map(|der| der.as_ref().to_vec()),
            Algorithm::EdDsa => {
                Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1()).map(|der| der.as_ref().to_vec())
            }
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair))
                .map(|der| der.as_ref().to_vec()),
        };
        der.map(Zeroizing::new).map_err(|_| KeyError::Crypto("make a key"))
    }

    /// The signature of `message`, in the form RFC 7518 section 3 and RFC 8037 give it in a token.
    ///
    /// # Errors
    /// When the library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let failed = |_| KeyError::Crypto("sign");
        match &self.pair {
            Pair::Ecdsa(pair) => {
                pair.sign(&SystemRandom::new(), message).map(|made| made.as_ref().to_vec()).map_err(failed)
            }
            Pair::Ed25519(pair) => pair.try_sign(message).map(|made| made.as_ref().to_vec()).map_err(failed),
            Pair::Rsa(pair) => {
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut made).map_err(failed)?;
                Ok(made)
            }
        }
    }

    /// The half that may be known, as a `SubjectPublicKeyInfo` (RFC 5280 section 4.1) in PEM: for
    /// verifiers that read no JWKS.
    ///
    /// # Errors
    /// When the library fails.
    pub fn public_pem(&self) -> Result<String, KeyError> {
        let der = match &self.pair {
            Pair::Ecdsa(pair) => AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()),
        };
        let der = der.map_err(|_| KeyError::Crypto("write a public key"))?;
        let lines = EncodeConfig::new().set_line_ending(LineEnding::LF);
        Ok(pem::encode_config(&Pem::new("PUBLIC KEY", der.as_ref()), lines))
    }

    /// The half that may be known.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.public.algorithm(), self.public.kid())
    }
}

impl Pair {
    fn public_bytes(&self) -> &[u8] {
        match self {
            Self::Ecdsa(pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
            Self::Rsa(pair) => pair.public_key().as_ref(),
        }
    }
}

fn strong_rsa(der: &[u8]) -> Result<RsaKeyPair, &'static str> {
    let pair = RsaKeyPair::from_pkcs8(der).map_err(|rejected| match rejected.description_() {
        "TooSmall" => "its RSA modulus is shorter than 2048 bits",
        _ => NOT_A_KEY,
    })?;
    let components = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    match weak::weakness(&components.n, &components.e) {
        Some(weakness) => Err(weakness),
        None => Ok(pair),
    }
}
