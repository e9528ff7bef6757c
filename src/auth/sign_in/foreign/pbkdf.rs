//! PBKDF2 (RFC 8018): `$pbkdf2-sha256$i=600000,l=32$salt$hash` as in the PHC format, `$pbkdf2-sha256$29000$salt$hash`
//! as passlib writes it, and `pbkdf2_sha256$600000$salt$hash` as Django does.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;

use super::text::{Parameters, at_most, incomplete, number, output, parts, salt};
use crate::auth::sign_in::bad_hash::BadHash;

/// Some half a second; OWASP asks for up to 1,400,000.
const ITERATIONS_MAX: u32 = 2_000_000;

pub(in crate::auth::sign_in) struct PbkdfHash {
    algorithm: pbkdf2::Algorithm,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    /// At most the first block. The others follow from the same password by as much work each, so they would make
    /// the comparison dearer here, and not for somebody who guesses.
    output: Vec<u8>,
}

impl PbkdfHash {
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, BadHash> {
        let [costs, salted, hash] = parts(text)?;
        let (algorithm, block) = match name {
            "pbkdf2" | "pbkdf2-sha1" | "pbkdf2_sha1" => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
            "pbkdf2-sha256" | "pbkdf2_sha256" => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
            "pbkdf2-sha384" => (pbkdf2::PBKDF2_HMAC_SHA384, 48),
            "pbkdf2-sha512" => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
            _ => return Err(BadHash::because("it is PBKDF2 with a hash that is not known here")),
        };
        let iterations =
            if costs.contains('=') { Parameters::of(costs).number("i")? } else { number(costs)? };
        let iterations = at_most(ITERATIONS_MAX, iterations, "PBKDF2 with iterations")?;
        // Django's salt is a text, and taken as it is.
        let salt = if name.contains('_') { salted.as_bytes().to_vec() } else { salt(salted)? };
        let mut output = output(hash)?;
        output.truncate(block);
        let iterations = NonZeroU32::new(iterations).ok_or_else(incomplete)?;
        Ok(Self { algorithm, iterations, salt, output })
    }

    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        pbkdf2::verify(self.algorithm, self.iterations, &self.salt, password, &self.output).is_ok()
    }
}
