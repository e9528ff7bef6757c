//! Session tokens: what the cookie of transport `session` holds. Opaque to browsers, self-proving to
//! the server.
//!
//! `kws_` and base64url of session id (16 bytes), nonce (16, random) and MAC (16). The MAC is made
//! over a label of its own, so that no refresh token passes here and no session token there.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{
    ids::SessionId,
    random,
    refresh_token::{NonceHash, NotGenuine, RefreshSecret},
};

const PREFIX: &str = "kws_";
const LABEL: &[u8] = b"keyward session token";
const SIGNED: usize = 32;
const BYTES: usize = SIGNED + 16;
/// The length of every session token, in bytes of ASCII.
pub const LENGTH: usize = PREFIX.len() + (BYTES * 4).div_ceil(3);

/// A genuine session token.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken {
    session: SessionId,
    nonce_hash: NonceHash,
    text: Zeroizing<String>,
}

impl SessionToken {
    /// The token of a session that is being opened.
    #[must_use]
    pub fn new(session: SessionId, secret: &RefreshSecret) -> Self {
        let mut bytes = Zeroizing::new([0; BYTES]);
        bytes[..16].copy_from_slice(session.as_bytes());
        let nonce = random::bytes();
        bytes[16..SIGNED].copy_from_slice(&nonce);
        let mac = secret.mac(&[LABEL, &bytes[..SIGNED]]);
        bytes[SIGNED..].copy_from_slice(&mac);
        let text = Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(*bytes)));
        Self { session, nonce_hash: NonceHash::of(&nonce), text }
    }

    /// Reads a presented token.
    ///
    /// # Errors
    /// When it is not one that `secret` made; nothing else is told.
    pub fn parse(text: &str, secret: &RefreshSecret) -> Result<Self, NotGenuine> {
        let encoded = text.strip_prefix(PREFIX).filter(|_| text.len() == LENGTH).ok_or(NotGenuine)?;
        let mut bytes = Zeroizing::new([0; BYTES]);
        // Non-zero trailing bits and padding are refused here: one text for one token.
        let written = URL_SAFE_NO_PAD.decode_slice(encoded, &mut *bytes).map_err(|_| NotGenuine)?;
        let (signed, mac) = bytes.split_at(SIGNED);
        if written != BYTES || !secret.vouches_for(&[LABEL, signed], mac) {
            return Err(NotGenuine);
        }
        let (session, nonce) = signed.split_first_chunk::<16>().ok_or(NotGenuine)?;
        Ok(Self {
            session: SessionId::from_bytes(*session),
            nonce_hash: NonceHash::of(nonce.try_into().map_err(|_| NotGenuine)?),
            text: Zeroizing::new(text.to_owned()),
        })
    }

    /// The session it belongs to.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Told by nothing that a server keeps.
    #[must_use]
    pub const fn nonce_hash(&self) -> NonceHash {
        self.nonce_hash
    }

    /// The token itself, for the cookie.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionToken({})", self.session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refresh_token::RefreshToken;

    #[test]
    fn a_token_is_read_back_and_no_other_kind_passes_for_it() {
        let (secret, other) = (RefreshSecret::new(&[1; 32]), RefreshSecret::new(&[2; 32]));
        let token = SessionToken::new(SessionId::random(), &secret);
        assert_eq!(token.expose().len(), LENGTH);
        assert_eq!(SessionToken::parse(token.expose(), &secret), Ok(token.clone()));
        assert_eq!(SessionToken::parse(token.expose(), &other), Err(NotGenuine));
        let refresh = RefreshToken::first(token.session(), &secret);
        assert_eq!(SessionToken::parse(refresh.expose(), &secret), Err(NotGenuine));
        assert_eq!(RefreshToken::parse(token.expose(), &secret), Err(NotGenuine));
        assert!(!format!("{token:?}").contains(token.expose()));
    }
}
