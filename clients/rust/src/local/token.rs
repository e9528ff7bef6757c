//! An access token (RFC 9068): what its outside must look like, and what it says.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};

/// The longest token taken, in bytes.
const TOKEN_MAX_BYTES: usize = 8192;

/// A token of which nothing is believed yet.
#[derive(Debug)]
pub(super) struct Unverified {
    header: Header,
    claims: Dates,
}

/// What chooses the key. Whatever else a header offers (`jwk`, `jku`, `x5u`, …) is never looked at.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
    /// A demand that nobody here understands (RFC 7515 section 4.1.11).
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

#[derive(Debug, Deserialize)]
struct Dates {
    iat: u64,
}

/// What a token must say, and what it may. The library has checked `iss`, `aud` and `nbf`.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub sub: String,
    pub sid: String,
    pub jti: String,
    pub exp: u64,
    pub iat: u64,
    pub client_id: Option<String>,
    pub preferred_username: Option<String>,
    #[serde(default)]
    pub roles: Vec<String>,
    pub acr: Option<String>,
    #[serde(default)]
    pub amr: Vec<String>,
    pub auth_time: Option<u64>,
}

impl Unverified {
    /// Reads the header, if the token is one that this crate could take.
    pub(super) fn read(token: &str) -> Option<Self> {
        if token.len() > TOKEN_MAX_BYTES {
            return None;
        }
        let mut segments = token.split('.');
        let (header, claims) = (segments.next()?, segments.next()?);
        let (Some(_signature), None) = (segments.next(), segments.next()) else { return None };
        let header: Header = decoded(header)?;
        let is_ours = !header.crit && is_access_token(&header.typ);
        is_ours.then_some(Self { header, claims: decoded(claims)? })
    }

    pub(super) fn alg(&self) -> &str {
        &self.header.alg
    }

    pub(super) fn kid(&self) -> &str {
        &self.header.kid
    }

    /// When it says that it was issued.
    pub(super) const fn issued_at(&self) -> u64 {
        self.claims.iat
    }
}

fn decoded<T: for<'de> Deserialize<'de>>(segment: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).ok()?).ok()
}

/// A media type is compared without case, and `application/` may be left off (RFC 7515 section 4.1.9).
fn is_access_token(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ) == "at+jwt"
}

fn is_there<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str) -> String {
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", encoded(header), encoded(r#"{"iat":5}"#))
    }

    #[test]
    fn the_outside_of_a_token_is_read_strictly() {
        let good = Unverified::read(&token(r#"{"alg":"ES256","typ":"application/AT+jwt","kid":"k"}"#));
        let good = good.expect("a token");
        assert_eq!((good.alg(), good.kid(), good.issued_at()), ("ES256", "k", 5));
        for header in [
            r#"{"alg":"ES256","typ":"JWT","kid":"k"}"#,
            r#"{"alg":"ES256","kid":"k"}"#,
            r#"{"alg":"ES256","typ":"at+jwt"}"#,
            r#"{"alg":"ES256","typ":"at+jwt","kid":"k","crit":["b64"]}"#,
            r#"{"alg":"ES256","typ":"at+jwt","kid":"k","crit":null}"#,
            r#"{"alg":"ES256","typ":"at+jwt","kid":"k","kid":"other"}"#,
        ] {
            assert!(Unverified::read(&token(header)).is_none(), "{header}");
        }
        for text in ["", "a.b", "a.b.c", "a.b.c.d"] {
            assert!(Unverified::read(text).is_none(), "{text}");
        }
    }
}
