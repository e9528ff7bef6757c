//! Signing and sealing keys.

use std::path::PathBuf;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::clock::Timestamp,
    keys::{operate::KeyInfo, sealing::SealingKeyInfo},
};

/// A signing key and its life.
#[derive(Debug, Serialize, ToSchema)]
pub struct Key {
    pub kid: String,
    pub alg: &'static str,
    pub state: &'static str,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub signs_from: String,
    /// When the last token that it signed is over; `null` as long as it may sign.
    #[schema(required, format = DateTime)]
    pub ends_at: Option<String>,
}

/// All signing keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct Keys {
    pub keys: Vec<Key>,
    /// Always `null`: they are few.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// A key that seals data at rest.
#[derive(Debug, Serialize)]
pub struct SealingKey {
    pub id: String,
    pub state: &'static str,
    pub created_at: String,
    pub seals_from: String,
}

/// The public half of a signing key.
#[derive(Debug, Serialize)]
pub struct PublicKey {
    pub kid: String,
    /// SPKI, as `-----BEGIN PUBLIC KEY-----`.
    pub pem: String,
}

/// A signing key that was taken out of service.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetiredKey {
    pub kid: String,
    /// Deleted at once, and its tokens refused.
    pub compromised: bool,
}

/// A sealing key that was deleted.
#[derive(Debug, Serialize)]
pub struct RetiredSealingKey {
    pub id: String,
    pub compromised: bool,
}

/// Another secret behind refresh tokens and session cookies.
#[derive(Debug, Serialize)]
pub struct NewSecret {
    /// Its file.
    pub secret: PathBuf,
}

impl From<&SealingKeyInfo> for SealingKey {
    fn from(key: &SealingKeyInfo) -> Self {
        Self {
            id: key.id.to_string(),
            state: key.state.as_str(),
            created_at: key.born.rfc3339(),
            seals_from: key.seals_from.rfc3339(),
        }
    }
}

/// A copy of the database.
#[derive(Debug, Serialize)]
pub struct BackedUp {
    pub file: PathBuf,
}

impl From<&KeyInfo> for Key {
    fn from(key: &KeyInfo) -> Self {
        Self {
            kid: key.kid.clone(),
            alg: key.algorithm.as_str(),
            state: key.state.as_str(),
            created_at: key.born.rfc3339(),
            signs_from: key.signs_from.rfc3339(),
            ends_at: key.ends.map(Timestamp::rfc3339),
        }
    }
}
