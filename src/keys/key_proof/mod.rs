//! A proof that a client has a key (RFC 9449 section 4): a JWT that brings the key by which it is signed, made for one
//! request. The key is believed for no more than that, and nothing else in the header is looked at.

mod address;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{claims, header, header::Parts, public_key::PublicKey};
use crate::domain::{
    algorithm::Algorithm,
    clock::Timestamp,
    key_proof::{KeyProof, KeyProofFault, KeyThumbprint, PROOF_WINDOW},
};

/// What a proof may be signed with, as metadata lists it; `Ed25519` is the newer name of `EdDSA` with that curve
/// (RFC 9864).
pub const ALGORITHMS: [&str; 3] = ["ES256", "EdDSA", "Ed25519"];
/// Its `typ` (RFC 9449 section 4.2).
const TYP: &str = "dpop+jwt";
/// The longest `jti`, in bytes.
const ID_MAX: usize = 128;
/// What no public key has (RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The request that a proof must be made for.
#[derive(Debug, Clone, Copy)]
pub struct ProvedRequest<'a> {
    pub method: &'a str,
    /// The address that clients know it by, never that of the connection it came on.
    pub address: &'a str,
}

/// A member that is named twice is refused by the parser.
#[derive(Deserialize)]
struct ProofHeader {
    typ: String,
    alg: String,
    jwk: ProofJwk,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
struct ProofJwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
struct ProofClaims {
    jti: String,
    htm: String,
    htu: String,
    iat: f64,
}

/// Reads a proof.
///
/// # Errors
/// What is wrong with it: with its moment only where all before that is right.
pub fn read(text: &str, request: &ProvedRequest<'_>, now: Timestamp) -> Result<KeyProof, KeyProofFault> {
    let parts = Parts::of(text).ok_or(KeyProofFault::Malformed)?;
    let header: ProofHeader =
        serde_json::from_slice(parts.header_json()).map_err(|_| KeyProofFault::Malformed)?;
    let key = header.key()?;
    if !key.verify(parts.signed.as_bytes(), parts.signature) {
        return Err(KeyProofFault::Signature);
    }
    let payload = header::decode(parts.payload).ok_or(KeyProofFault::Malformed)?;
    let claims: ProofClaims = serde_json::from_slice(&payload).map_err(|_| KeyProofFault::Malformed)?;
    let made_at = claims.fit(request, now)?;
    let key = KeyThumbprint::parse(key.kid()).ok_or(KeyProofFault::Key)?;
    Ok(KeyProof { key, id: claims.jti, made_at })
}

impl ProofHeader {
    /// The key, of the one type that goes with the algorithm.
    fn key(&self) -> Result<PublicKey, KeyProofFault> {
        if !header::is_type(&self.typ, TYP) {
            return Err(KeyProofFault::Type);
        }
        // What is critical is understood or refused (RFC 7515 section 4.1.11), and there is nothing that we understand.
        if self.others.contains_key("crit") {
            return Err(KeyProofFault::Malformed);
        }
        let algorithm = match self.alg.as_str() {
            "ES256" => Algorithm::Es256,
            "EdDSA" | "Ed25519" => Algorithm::EdDsa,
            _ => return Err(KeyProofFault::Algorithm),
        };
        let bytes = self.jwk.bytes(algorithm).ok_or(KeyProofFault::Key)?;
        PublicKey::new(algorithm, &bytes).map_err(|_| KeyProofFault::Key)
    }
}

impl ProofJwk {
    /// As [`PublicKey::new`] takes them; whether a point is on its curve is found out there.
    fn bytes(&self, algorithm: Algorithm) -> Option<Vec<u8>> {
        if PRIVATE.iter().any(|name| self.others.contains_key(*name)) {
            return None;
        }
        let member =
            |text: &Option<String>| -> Option<[u8; 32]> { header::decode(text.as_deref()?)?.try_into().ok() };
        match (algorithm, self.kty.as_str(), self.crv.as_deref()) {
            (Algorithm::Es256, "EC", Some("P-256")) => {
                Some([&[4][..], &member(&self.x)?, &member(&self.y)?].concat())
            }
            (Algorithm::EdDsa, "OKP", Some("Ed25519")) => member(&self.x).map(Vec::from),
            _ => None,
        }
    }
}

impl ProofClaims {
    /// When it was made, if it was made for this request, and now.
    fn fit(&self, request: &ProvedRequest<'_>, now: Timestamp) -> Result<Timestamp, KeyProofFault> {
        if !(1..=ID_MAX).contains(&self.jti.len()) {
            return Err(KeyProofFault::Id);
        }
        if self.htm != request.method {
            return Err(KeyProofFault::Method);
        }
        if !address::is(&self.htu, request.address) {
            return Err(KeyProofFault::Address);
        }
        let made_at = claims::date(self.iat).ok_or(KeyProofFault::Moment)?;
        if made_at > now + PROOF_WINDOW || now > made_at + PROOF_WINDOW {
            return Err(KeyProofFault::Moment);
        }
        Ok(made_at)
    }
}
