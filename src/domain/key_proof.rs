//! That a client has a key (RFC 9449, `DPoP`): what names the key, what was proved by it, and what can be wrong with that.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::clock::Timestamp;

/// How far the moment that a proof says it was made at may be from the server's clock, either way.
pub const PROOF_WINDOW: Duration = Duration::from_mins(1);

/// What names a client's key: SHA-256 of its public members (RFC 7638), as `cnf.jkt` says it (RFC 9449 section 6.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyThumbprint([u8; 32]);

impl KeyThumbprint {
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads what [`Display`](fmt::Display) writes: 43 characters of base64url.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for KeyThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for KeyThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyThumbprint({self})")
    }
}

/// A proof whose signature is good, made for this request, now. Whether it was shown before is seen when it is spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyProof {
    pub key: KeyThumbprint,
    /// `jti`: what the client drew for it.
    pub id: String,
    /// `iat`, by the client's clock.
    pub made_at: Timestamp,
}

/// What is wrong with a proof, or with there being none. No text has a quote or a backslash, for OAuth's errors take
/// none (RFC 6749 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyProofFault {
    #[error("DPoP: takes one proof (RFC 9449 section 4.2)")]
    Malformed,
    #[error("DPoP: typ must be dpop+jwt")]
    Type,
    #[error("DPoP: alg must be ES256 or EdDSA")]
    Algorithm,
    #[error("DPoP: jwk must be a public key of its alg, without private members")]
    Key,
    #[error("DPoP: the signature is not by its jwk")]
    Signature,
    #[error("DPoP: htm must be the method of this request")]
    Method,
    #[error("DPoP: htu must be server.public_url and the path of this request")]
    Address,
    #[error("DPoP: iat must be within 60 s of the server's clock, which the Date of this answer tells")]
    Moment,
    #[error("DPoP: jti must have 1 to 128 bytes")]
    Id,
    #[error("DPoP: the jti was used: each try takes a new proof")]
    Used,
    #[error("DPoP: it began with a key, and a proof by that is missing")]
    Missing,
    #[error("DPoP: the proof is by another key than it began with")]
    OtherKey,
    #[error("DPoP: with the transport session there is nothing to bind to a key")]
    NothingToBind,
}
