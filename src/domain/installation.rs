//! What one installation is told from another by: the fingerprint of the secret that all its nodes share.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::refresh_token::RefreshSecret;

/// What is signed. No token is made over a text of this length.
const LABEL: &[u8] = b"keyward secret fingerprint";

/// Tells one secret from another. Nothing follows from it, and it makes nothing genuine, so stores may
/// remember it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFingerprint(String);

impl SecretFingerprint {
    /// Of that secret.
    #[must_use]
    pub fn of(secret: &RefreshSecret) -> Self {
        Self(URL_SAFE_NO_PAD.encode(secret.mac(&[LABEL])))
    }

    /// One that a store has remembered.
    #[must_use]
    pub const fn remembered(text: String) -> Self {
        Self(text)
    }

    /// As stores keep it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_has_its_own_and_always_the_same() {
        let of = |byte| SecretFingerprint::of(&RefreshSecret::new(&[byte; 32]));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert_eq!(SecretFingerprint::remembered(of(1).as_str().to_owned()), of(1));
    }
}
