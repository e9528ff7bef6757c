//! The outside of a token: three canonical base64url segments and a header of exactly `alg`, `typ` and
//! `kid`. Anything more (`jwk`, `jku`, `x5u`, `crit`, `zip`, `enc`, …) is refused by its name alone.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// The longest token taken or made, in bytes.
pub const TOKEN_MAX_BYTES: usize = 4096;
/// The longest header taken, in bytes of JSON.
pub const HEADER_MAX_BYTES: usize = 1024;
/// The `typ` of every token made here (RFC 9068 section 2.1).
pub const TYP: &str = "at+jwt";

/// A token taken apart, nothing of it believed yet.
#[derive(Debug)]
pub struct Parts<'a> {
    /// What the signature is over: header and payload as they came.
    pub signed: &'a str,
    /// The payload, base64url.
    pub payload: &'a str,
    /// The signature, base64url.
    pub signature: &'a str,
    header: Vec<u8>,
}

/// What a header may say. Members are borrowed as they stand, so one that needs escapes is refused;
/// a member that is named twice or is not listed here is refused by the parser.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header<'a> {
    /// The algorithm, to be compared with that of the key.
    pub alg: &'a str,
    /// The media type (RFC 8725 section 3.11).
    pub typ: &'a str,
    /// The key's name, to be looked up among our own.
    pub kid: &'a str,
}

impl<'a> Parts<'a> {
    /// Takes a token apart, if its size and outer form allow.
    #[must_use]
    pub fn of(token: &'a str) -> Option<Self> {
        if token.len() > TOKEN_MAX_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.').filter(|(_, payload)| !payload.contains('.'))?;
        let header = decode(header).filter(|json| json.len() <= HEADER_MAX_BYTES)?;
        Some(Self { signed, payload, signature, header })
    }

    /// Reads the header.
    #[must_use]
    pub fn header(&self) -> Option<Header<'_>> {
        let header: Header<'_> = serde_json::from_slice(&self.header).ok()?;
        is_type(header.typ, TYP).then_some(header)
    }

    /// The header as it came.
    pub(super) fn header_json(&self) -> &[u8] {
        &self.header
    }
}

/// Whether a `typ` is that one. Media types are compared without case, and "application/" may be left off (RFC 7515
/// section 4.1.9).
pub(super) fn is_type(typ: &str, wanted: &str) -> bool {
    let subtype = match typ.split_at_checked("application/".len()) {
        Some((tree, subtype)) if tree.eq_ignore_ascii_case("application/") => subtype,
        _ => typ,
    };
    subtype.eq_ignore_ascii_case(wanted)
}

/// Base64url in its one canonical form: no padding, no other alphabet, no stray trailing bits.
#[must_use]
pub fn decode(segment: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(segment).ok().filter(|bytes| !bytes.is_empty())
}

/// The header of every token a key signs, as it stands in the token.
#[must_use]
pub fn encoded(algorithm: &str, kid: &str) -> String {
    // The values are our own words and base64url: nothing in them needs escaping.
    URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{algorithm}","typ":"{TYP}","kid":"{kid}"}}"#))
}
