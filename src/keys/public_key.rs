//! The public half of a key: what verifies, what is published, and what names it. It is parsed once and
//! verifies here, since `jsonwebtoken` would parse it again for every token. Which key and algorithm apply is
//! never taken from the token.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use jsonwebtoken::{
    DecodingKey,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};

use super::{ed25519, header};
use crate::domain::algorithm::Algorithm;

/// The length of an uncompressed point of P-256.
const POINT: usize = 65;

/// A key that verifies, with its one algorithm.
pub struct PublicKey {
    algorithm: Algorithm,
    kid: String,
    key: ParsedPublicKey,
    jwk: String,
}

/// Bytes that are no public key of the algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a public key of the algorithm")]
pub struct NotAPublicKey;

impl PublicKey {
    /// From the uncompressed point (ES256), the 32 bytes of RFC 8032 (`EdDSA`), or the DER of an
    /// `RSAPublicKey` (RS256; RFC 8017 appendix A.1.1).
    ///
    /// # Errors
    /// When the bytes have not that form.
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, NotAPublicKey> {
        let (method, key): (&'static dyn VerificationAlgorithm, _) = match algorithm {
            Algorithm::Es256 if bytes.len() == POINT => {
                (&ECDSA_P256_SHA256_FIXED, DecodingKey::from_ec_der(bytes))
            }
            Algorithm::EdDsa if !bytes.try_into().is_ok_and(ed25519::is_weak) => {
                (&ED25519, DecodingKey::from_ed_der(bytes))
            }
            Algorithm::Rs256 => (&RSA_PKCS1_2048_8192_SHA256, DecodingKey::from_rsa_der(bytes)),
            Algorithm::Es256 | Algorithm::EdDsa => return Err(NotAPublicKey),
        };
        let mut jwk = Jwk::from_decoding_key(&key, Some(jose(algorithm))).map_err(|_| NotAPublicKey)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| NotAPublicKey)?;
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk.common.key_id = Some(kid.clone());
        let jwk = serde_json::to_string(&jwk).map_err(|_| NotAPublicKey)?;
        let key = ParsedPublicKey::new(method, bytes).map_err(|_| NotAPublicKey)?;
        Ok(Self { algorithm, kid, key, jwk })
    }

    /// Whether `signature`, base64url without padding as a token carries it, is this key's for
    /// `message`. The one place where signatures are checked.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &str) -> bool {
        header::decode(signature).is_some_and(|signature| self.key.verify_sig(message, &signature).is_ok())
    }

    /// Its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its RFC 7638 SHA-256 thumbprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its JWK, public members only (RFC 7517 section 4).
    #[must_use]
    pub fn jwk(&self) -> &str {
        &self.jwk
    }
}

const fn jose(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
    }
}
