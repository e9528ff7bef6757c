//! Recovery codes: each stands in once for a second factor that is not at hand. They are drawn here, 120 random bits
//! each, so that there is nothing to guess or to stretch; only their hashes are kept.

use std::fmt;

use aws_lc_rs::digest;
use zeroize::Zeroizing;

use super::random;

/// How many there are in a set.
pub const RECOVERY_CODES: usize = 10;

/// Five bits each: no letter that is taken for a digit (Crockford's base 32, in small letters).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 24;
const GROUP: usize = 6;

/// What is kept of a code: the SHA-256 of its characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecoveryHash([u8; 32]);

/// A code, as it is hashed: 24 characters of Crockford's base 32.
#[derive(Clone)]
pub struct RecoveryCode(Zeroizing<String>);

/// Something that no recovery code looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("takes a recovery code: 24 letters and digits")]
pub struct NoRecoveryCode;

impl RecoveryCode {
    #[must_use]
    pub fn random() -> Self {
        let drawn = Zeroizing::new(random::bytes::<LENGTH>());
        // 256 is a multiple of 32: each character is as likely as any other.
        Self(Zeroizing::new(drawn.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()))
    }

    /// A whole set, each of them another one.
    #[must_use]
    pub fn set() -> Vec<Self> {
        (0..RECOVERY_CODES).map(|_| Self::random()).collect()
    }

    /// Reads one as people type it: in any case, with or without hyphens and spaces, `o` for 0, `i` and `l` for 1.
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn parse(typed: &str) -> Result<Self, NoRecoveryCode> {
        let mut code = Zeroizing::new(String::with_capacity(LENGTH));
        for c in typed.chars().filter(|c| !matches!(c, '-' | ' ')) {
            let c = match c.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                c => c,
            };
            if code.len() == LENGTH || !c.is_ascii() || !ALPHABET.contains(&(c as u8)) {
                return Err(NoRecoveryCode);
            }
            code.push(c);
        }
        if code.len() == LENGTH { Ok(Self(code)) } else { Err(NoRecoveryCode) }
    }

    #[must_use]
    pub fn hash(&self) -> RecoveryHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref());
        RecoveryHash(hash)
    }

    /// In groups, for showing it once.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let mut shown = Zeroizing::new(String::with_capacity(LENGTH + LENGTH / GROUP));
        for (place, c) in self.0.chars().enumerate() {
            if place > 0 && place % GROUP == 0 {
                shown.push('-');
            }
            shown.push(c);
        }
        shown
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

impl RecoveryHash {
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for RecoveryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = RecoveryCode::random();
        let shown = code.expose();
        assert_eq!(shown.len(), 27, "{shown:?}");
        for typed in
            [shown.to_string(), shown.to_uppercase(), shown.replace('-', ""), shown.replace('-', " ")]
        {
            assert_eq!(RecoveryCode::parse(&typed).expect("a code").hash(), code.hash());
        }
        let alike = shown.replace('0', "O").replace('1', "l");
        assert_eq!(RecoveryCode::parse(&alike).expect("a code").hash(), code.hash());
    }

    #[test]
    fn what_cannot_be_a_code_is_none() {
        for typed in ["", "123456", &"a".repeat(23), &"a".repeat(25), &"u".repeat(24), &"é".repeat(24)] {
            assert_eq!(RecoveryCode::parse(typed).err(), Some(NoRecoveryCode), "{typed}");
        }
    }

    #[test]
    fn each_of_a_set_is_another_one_and_none_is_printed() {
        let set = RecoveryCode::set();
        assert_eq!(set.len(), RECOVERY_CODES);
        for (place, code) in set.iter().enumerate() {
            assert!(set[..place].iter().all(|other| other.hash() != code.hash()));
            assert!(!format!("{code:?}{:?}", code.hash()).contains(&code.expose()[..6]));
        }
    }
}
