//! Secrets have types that print nothing and are wiped when dropped.

use std::fmt;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::random;

/// The longest password taken, in Unicode scalar values (contract 1).
pub const PASSWORD_MAX_CHARS: usize = 256;

/// A password as it is hashed: NFKC, never cut (NIST SP 800-63B section 3.1.1.2).
#[derive(Clone)]
pub struct Password {
    normal: Zeroizing<String>,
    /// Where that is another text: a hash that was made elsewhere may be of this one.
    typed: Option<Zeroizing<String>>,
}

/// A password that cannot be taken at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    #[error("a password must not be empty")]
    Empty,
    /// More than [`PASSWORD_MAX_CHARS`].
    #[error("a password has at most {PASSWORD_MAX_CHARS} characters")]
    TooLong,
}

impl Password {
    /// Takes what was typed.
    ///
    /// # Errors
    /// When it is empty or longer than [`PASSWORD_MAX_CHARS`].
    pub fn parse(typed: &str) -> Result<Self, InvalidPassword> {
        if typed.is_empty() {
            return Err(InvalidPassword::Empty);
        }
        if typed.chars().nth(PASSWORD_MAX_CHARS).is_some() {
            return Err(InvalidPassword::TooLong);
        }
        let normal: Zeroizing<String> = Zeroizing::new(typed.nfkc().collect());
        let other = (*normal != typed).then(|| Zeroizing::new(typed.to_owned()));
        Ok(Self { normal, typed: other })
    }

    /// A generated one: 24 characters of base64url, 144 bits.
    #[must_use]
    pub fn random() -> Self {
        Self { normal: Zeroizing::new(URL_SAFE_NO_PAD.encode(random::bytes::<18>())), typed: None }
    }

    /// The text, for hashing and for showing a generated one once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.normal
    }

    /// What was typed, where NFKC makes another text of it.
    #[must_use]
    pub fn expose_typed(&self) -> Option<&str> {
        self.typed.as_deref().map(String::as_str)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A password's hash in text: our argon2id in PHC string format, or one that was brought along from elsewhere. Not
/// printed either: it can be guessed against.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a PHC string.
    #[must_use]
    pub const fn from_phc(phc: String) -> Self {
        Self(phc)
    }

    /// Where no password was set yet: none is the right one.
    #[must_use]
    pub const fn unset() -> Self {
        Self(String::new())
    }

    /// Whether no password was set yet.
    #[must_use]
    pub const fn is_unset(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// 128 bits that tell one password's hash from another's: each has a salt of its own, so that what names a print is over
/// with the next password, whichever that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashPrint([u8; 16]);

impl HashPrint {
    #[must_use]
    pub fn of(hash: &PasswordHash) -> Self {
        let mut print = [0; 16];
        let digest = digest::digest(&digest::SHA256, hash.phc().as_bytes());
        print.copy_from_slice(&digest.as_ref()[..16]);
        Self(print)
    }

    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// In base64url.
    #[must_use]
    pub fn encoded(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// A confidential app's secret: 256 random bits in base64url, shown once.
#[derive(Clone)]
pub struct AppSecret(Zeroizing<String>);

impl AppSecret {
    #[must_use]
    pub fn random() -> Self {
        let bytes = Zeroizing::new(random::bytes::<32>());
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
    }

    /// One that was presented.
    #[must_use]
    pub fn presented(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// What is kept of it.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref());
        hash
    }

    /// The text, for showing it once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_prints_nothing() {
        let password = Password::parse("correct horse").expect("valid");
        assert!(!format!("{password:?}").contains("horse"));
        assert!(!format!("{:?}", PasswordHash::from_phc("$argon2id$x".into())).contains("argon2"));
    }

    #[test]
    fn a_password_is_counted_in_characters_and_never_cut() {
        assert!(Password::parse(&"é".repeat(256)).is_ok());
        assert_eq!(Password::parse(&"é".repeat(257)).unwrap_err(), InvalidPassword::TooLong);
    }
}
