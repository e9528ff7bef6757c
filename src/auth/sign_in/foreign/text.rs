//! The text of hashes: parts between `$`, parameters between commas, bytes in base64 of one alphabet or another.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

use crate::auth::sign_in::bad_hash::BadHash;

/// The fewest bytes of a hash: less could be met by guessing.
const OUTPUT_MIN_BYTES: usize = 16;

/// Parameters such as `ln=14,r=8,p=1`.
pub(super) struct Parameters<'a>(&'a str);

/// The parts after the name, exactly so many.
pub(super) fn parts<const N: usize>(text: &str) -> Result<[&str; N], BadHash> {
    let parts: Vec<&str> = text.strip_prefix('$').unwrap_or(text).split('$').skip(1).collect();
    parts.try_into().map_err(|_| incomplete())
}

/// Bytes in base64 with or without padding, in the usual alphabet, that of URLs or passlib's (`.` for `+`).
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, BadHash> {
    let usual = |c| match c {
        '.' | '-' => '+',
        '_' => '/',
        other => other,
    };
    let text: String = text.trim_end_matches('=').chars().map(usual).collect();
    STANDARD_NO_PAD.decode(text).map_err(|_| BadHash::because("a part of it is not base64"))
}

pub(super) fn salt(text: &str) -> Result<Vec<u8>, BadHash> {
    let salt = bytes(text)?;
    if salt.is_empty() { Err(BadHash::because("it has no salt")) } else { Ok(salt) }
}

pub(super) fn output(text: &str) -> Result<Vec<u8>, BadHash> {
    let output = bytes(text)?;
    if output.len() < OUTPUT_MIN_BYTES {
        return Err(BadHash::because("it is too short: was it cut?"));
    }
    Ok(output)
}

/// A number without sign or leading blanks.
pub(super) fn number(text: &str) -> Result<u32, BadHash> {
    let is_number = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    // What is longer than any cost that is taken is out of bounds, and says so there.
    if is_number { Ok(text.parse().unwrap_or(u32::MAX)) } else { Err(incomplete()) }
}

pub(super) fn incomplete() -> BadHash {
    BadHash::because("it is not complete: was it cut?")
}

/// The most of a cost that is taken.
pub(super) fn at_most(most: u32, cost: u32, what: &str) -> Result<u32, BadHash> {
    if cost <= most {
        Ok(cost)
    } else {
        Err(BadHash::because(format!("its cost is out of bounds: {what} of {cost}, at most {most}")))
    }
}

impl<'a> Parameters<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Self(text)
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, BadHash> {
        let mut named = self.0.split(',').filter_map(|one| one.split_once('='));
        named.find(|(its, _)| *its == name).map(|(_, value)| value).ok_or_else(incomplete)
    }

    pub(super) fn number(&self, name: &str) -> Result<u32, BadHash> {
        number(self.text(name)?)
    }
}
