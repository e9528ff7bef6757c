//! scrypt (RFC 7914): `$scrypt$ln=16,r=8,p=1$salt$hash`, and Firebase's, which encrypts a key of the project with what
//! comes out: `$fbscrypt$v=1,n=14,r=8,p=1,ss=…,sk=…$salt$hash`, as Supabase writes it.

use aws_lc_rs::{
    cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    constant_time::verify_slices_are_equal,
    iv::FixedLength,
};
use scrypt::{Params, scrypt};
use zeroize::Zeroizing;

use super::text::{Parameters, at_most, bytes, incomplete, output, parts, salt};
use crate::auth::sign_in::bad_hash::BadHash;

/// log2 of N · r: with 128 bytes for each it is 128 MiB, which OWASP's first choice (N = 2^17, r = 8) takes.
const MEMORY_MAX: u32 = 20;
const BLOCK_MAX: u32 = 64;
const LANES_MAX: u32 = 16;
/// The longest hash that is written anywhere.
const OUTPUT_MAX_BYTES: usize = 128;

/// What scrypt costs: N · r · p is bounded too, since lanes take their time one after another.
fn params(log_n: u32, r: u32, p: u32) -> Result<Params, BadHash> {
    at_most(BLOCK_MAX, r, "scrypt with r")?;
    at_most(LANES_MAX, p, "scrypt with p")?;
    at_most(MEMORY_MAX, log_n, "scrypt with log2 N")?;
    let work = (u64::from(r.max(1)) * u64::from(p.max(1))) << log_n;
    if work > 1 << MEMORY_MAX {
        return Err(BadHash::because("its cost is out of bounds: scrypt with N * r * p of more than 2^20"));
    }
    let log_n = u8::try_from(log_n).map_err(|_| incomplete())?;
    Params::new(log_n, r, p).map_err(|_| incomplete())
}

fn compute(
    params: &Params,
    password: &[u8],
    salt: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, BadHash> {
    let mut output = Zeroizing::new(vec![0; length]);
    scrypt(password, salt, params, &mut output).map_err(|_| incomplete())?;
    Ok(output)
}

pub(in crate::auth::sign_in) struct ScryptHash {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl ScryptHash {
    pub(super) fn parse(text: &str) -> Result<Self, BadHash> {
        let [costs, salted, hash] = parts(text)?;
        let costs = Parameters::of(costs);
        let params = params(costs.number("ln")?, costs.number("r")?, costs.number("p")?)?;
        let output = output(hash)?;
        if output.len() > OUTPUT_MAX_BYTES {
            return Err(BadHash::because("it is longer than any hash"));
        }
        Ok(Self { params, salt: salt(salted)?, output })
    }

    pub(super) fn is_of(&self, password: &[u8]) -> Result<bool, BadHash> {
        let computed = compute(&self.params, password, &self.salt, self.output.len())?;
        Ok(verify_slices_are_equal(&computed, &self.output).is_ok())
    }
}

pub(in crate::auth::sign_in) struct FirebaseHash {
    params: Params,
    /// With the project's separator after it.
    salt: Vec<u8>,
    signer_key: Vec<u8>,
    output: Vec<u8>,
}

impl FirebaseHash {
    pub(super) fn parse(text: &str) -> Result<Self, BadHash> {
        let [costs, salted, hash] = parts(text)?;
        let costs = Parameters::of(costs);
        if costs.number("v")? != 1 {
            return Err(BadHash::because("it is of no version that is known here"));
        }
        let params = params(costs.number("n")?, costs.number("r")?, costs.number("p")?)?;
        let mut salt = salt(salted)?;
        salt.extend(bytes(costs.text("ss")?)?);
        let (signer_key, output) = (output(costs.text("sk")?)?, output(hash)?);
        if signer_key.len() != output.len() {
            return Err(incomplete());
        }
        Ok(Self { params, salt, signer_key, output })
    }

    pub(super) fn is_of(&self, password: &[u8]) -> Result<bool, BadHash> {
        let key = compute(&self.params, password, &self.salt, 32)?;
        let mut computed = Zeroizing::new(self.signer_key.clone());
        let key = UnboundCipherKey::new(&AES_256, &key).and_then(EncryptingKey::ctr);
        let zero = EncryptionContext::Iv128(FixedLength::from([0; 16]));
        let encrypted = key.and_then(|key| key.less_safe_encrypt(&mut computed, zero));
        encrypted.map_err(|_| BadHash::because("it cannot be computed"))?;
        Ok(verify_slices_are_equal(&computed, &self.output).is_ok())
    }
}
