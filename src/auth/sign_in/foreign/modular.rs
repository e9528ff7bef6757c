//! bcrypt (`$2a$`, `$2b$`, `$2y$`) and SHA-crypt (`$5$`, `$6$`), as crypt(3) writes them.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{
    Engine,
    alphabet::BCRYPT,
    engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, NO_PAD},
};
use sha_crypt::{PasswordHashRef, PasswordVerifier, ShaCrypt};
use zeroize::Zeroizing;

use super::text::{at_most, incomplete, number};
use crate::auth::sign_in::bad_hash::BadHash;

/// 2^14 rounds take about a second.
const BCRYPT_COST_MAX: u32 = 14;
/// bcrypt's own least.
const BCRYPT_COST_MIN: u32 = 4;
/// What bcrypt looks at of a password, its end included. Whoever made the hash has cut it there too.
const BCRYPT_PASSWORD_BYTES: usize = 72;
/// Some half a second.
const SHA_CRYPT_ROUNDS_MAX: u32 = 1_000_000;
/// Each round reads the whole password, so the time grows with it.
const SHA_CRYPT_PASSWORD_BYTES: usize = 256;

/// Some programs leave bits set in a last character that hold nothing.
const BCRYPT_CONFIG: GeneralPurposeConfig = NO_PAD.with_decode_allow_trailing_bits(true);
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, BCRYPT_CONFIG);

/// The three letters tell apart the programs that once erred; since they were mended all compute the same.
pub(in crate::auth::sign_in) struct BcryptHash {
    cost: u32,
    salt: [u8; 16],
    output: Vec<u8>,
}

impl BcryptHash {
    pub(super) fn parse(text: &str) -> Result<Self, BadHash> {
        let [cost, rest] = super::text::parts(text)?;
        if cost.len() != 2 || rest.len() != 53 || !rest.is_ascii() {
            return Err(incomplete());
        }
        let cost = at_most(BCRYPT_COST_MAX, number(cost)?, "bcrypt with a cost")?;
        if cost < BCRYPT_COST_MIN {
            return Err(incomplete());
        }
        let decode = |text: &str| BCRYPT_BASE64.decode(text).map_err(|_| incomplete());
        let (salt, output) = rest.split_at(22);
        let salt = decode(salt)?.try_into().map_err(|_| incomplete())?;
        Ok(Self { cost, salt, output: decode(output)? })
    }

    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        let mut key = Zeroizing::new(Vec::with_capacity(password.len() + 1));
        key.extend_from_slice(password);
        key.push(0);
        let key = &key[..key.len().min(BCRYPT_PASSWORD_BYTES)];
        let output = ::bcrypt::bcrypt(self.cost, self.salt, key);
        // The last of its 24 bytes is not written.
        verify_slices_are_equal(&output[..23], &self.output).is_ok()
    }
}

pub(in crate::auth::sign_in) struct ShaCryptHash<'a>(&'a PasswordHashRef);

impl<'a> ShaCryptHash<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, BadHash> {
        let parts: Vec<&str> = text.split('$').skip(1).collect();
        let (rounds, salt, output) = match parts[..] {
            [_, rounds, salt, output] => {
                (rounds.strip_prefix("rounds=").ok_or_else(incomplete)?, salt, output)
            }
            [_, salt, output] => ("5000", salt, output),
            _ => return Err(incomplete()),
        };
        if at_most(SHA_CRYPT_ROUNDS_MAX, number(rounds)?, "SHA-crypt with rounds")? < 1000 {
            return Err(incomplete());
        }
        let length = if parts[0] == "5" { 43 } else { 86 };
        let is_crypt64 = |c: char| c.is_ascii_alphanumeric() || "./".contains(c);
        if output.len() != length || !output.chars().all(is_crypt64) || !matches!(salt.len(), 1..=16) {
            return Err(incomplete());
        }
        PasswordHashRef::new(text).map(Self).map_err(|_| incomplete())
    }

    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        password.len() <= SHA_CRYPT_PASSWORD_BYTES
            && ShaCrypt::default().verify_password(password, self.0).is_ok()
    }
}
