//! argon2i, argon2d, and argon2id of the version before 19: what our own hashing threads do not compute.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::phc::{Output, PasswordHash as Phc},
};

use super::text::incomplete;
use crate::auth::sign_in::bad_hash::BadHash;

/// The most that a hash may ask for, in KiB, passes and lanes.
const MOST: (u32, u32, u32) = (64 * 1024, 10, 4);

/// Fails where argon2 would cost too much.
pub(in crate::auth::sign_in) fn within_bounds(params: &Params) -> Result<(), BadHash> {
    let ((m, t, p), most) = ((params.m_cost(), params.t_cost(), params.p_cost()), MOST);
    if m <= most.0 && t <= most.1 && p <= most.2 {
        return Ok(());
    }
    let allowed = format!("at most m={},t={},p={}", most.0, most.1, most.2);
    Err(BadHash::because(format!("its cost is out of bounds: argon2 with m={m},t={t},p={p}, {allowed}")))
}

pub(in crate::auth::sign_in) struct ForeignArgon<'a> {
    text: Phc,
    argon: Argon2<'a>,
}

impl ForeignArgon<'_> {
    pub(super) fn parse(text: &str) -> Result<Self, BadHash> {
        let text = Phc::new(text).map_err(|_| incomplete())?;
        let algorithm = Algorithm::try_from(text.algorithm.as_str()).map_err(|_| incomplete())?;
        let version = text.version.unwrap_or(Version::V0x10.into());
        let version = Version::try_from(version).map_err(|_| incomplete())?;
        let params = Params::try_from(&text).map_err(|_| incomplete())?;
        within_bounds(&params)?;
        if text.salt.is_none() || text.hash.is_none_or(|hash| hash.len() < 16) {
            return Err(incomplete());
        }
        Ok(Self { text, argon: Argon2::new(algorithm, version, params) })
    }

    pub(super) fn is_of(&self, password: &[u8]) -> Result<bool, BadHash> {
        let (Some(salt), Some(expected)) = (self.text.salt, self.text.hash) else { return Err(incomplete()) };
        let mut output = [0; Output::MAX_LENGTH];
        let output = output.get_mut(..expected.len()).ok_or_else(incomplete)?;
        self.argon.hash_password_into(password, &salt, output).map_err(|_| incomplete())?;
        Ok(Output::new(output).is_ok_and(|output| output == expected))
    }
}
