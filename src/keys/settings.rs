//! What the key ring needs to be told.

use std::{path::PathBuf, time::Duration};

use crate::domain::algorithm::Algorithm;

/// Where the keys lie and what the tokens say.
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// `keys.dir`.
    pub dir: PathBuf,
    /// `tokens.algorithm`: that of the next key; keys of other algorithms live to their end.
    pub algorithm: Algorithm,
    /// `tokens.access_ttl`: how long a key must still verify after it has signed its last token.
    pub access_ttl: Duration,
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
}
