//! Refresh tokens: opaque to clients, self-proving to the server.
//!
//! `kwr_` and base64url of session id (16 bytes), generation (4, big-endian), nonce (16, random at
//! login and the session's for life) and MAC (16: HMAC-SHA-256 of all before it, cut). A token that
//! is not genuine is refused by arithmetic, and a token's successor is computed from the token
//! itself, so that any number of callers on any number of nodes arrive at the same one. The session's
//! record keeps a hash of the nonce: the secret alone makes nobody's token.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{ids::SessionId, key_proof::KeyThumbprint, random};

const PREFIX: &str = "kwr_";
const SIGNED: usize = 36;
const BYTES: usize = SIGNED + 16;
/// The length of every refresh token, in bytes of ASCII.
pub const LENGTH: usize = PREFIX.len() + (BYTES * 4).div_ceil(3);

/// The server secret that makes refresh tokens genuine; it lies beside the signing keys.
pub struct RefreshSecret(hmac::Key);

impl RefreshSecret {
    /// From the secret's 32 bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// HMAC-SHA-256 over the parts, cut to 16 bytes.
    pub(super) fn mac(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut mac = [0; 16];
        mac.copy_from_slice(&context.sign().as_ref()[..16]);
        mac
    }

    /// Whether `mac` is the one over the parts, found out in constant time.
    pub(super) fn vouches_for(&self, parts: &[&[u8]], mac: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.mac(parts), mac).is_ok()
    }
}

impl fmt::Debug for RefreshSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshSecret(…)")
    }
}

/// A hash of what was drawn for a session's tokens at its sign-in: whoever has the secret, and the record too, lacks
/// the nonce itself. 16 bytes of SHA-256, so that none can be found that has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonceHash([u8; 16]);

impl NonceHash {
    pub(super) fn of(nonce: &[u8; 16]) -> Self {
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest::digest(&digest::SHA256, nonce).as_ref()[..16]);
        Self(hash)
    }

    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// A token that this server, or one with the same secret, did not issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a genuine refresh token")]
pub struct NotGenuine;

/// A genuine refresh token.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    session: SessionId,
    generation: u32,
    nonce: Zeroizing<[u8; 16]>,
    text: Zeroizing<String>,
}

impl RefreshToken {
    /// The first token of a session: generation 0 and a new nonce.
    #[must_use]
    pub fn first(session: SessionId, secret: &RefreshSecret) -> Self {
        Self::make(session, 0, Zeroizing::new(random::bytes()), secret)
    }

    /// Reads a presented token.
    ///
    /// # Errors
    /// When it is not one that `secret` made; nothing else is told.
    pub fn parse(text: &str, secret: &RefreshSecret) -> Result<Self, NotGenuine> {
        if text.len() != LENGTH {
            return Err(NotGenuine);
        }
        let encoded = text.strip_prefix(PREFIX).ok_or(NotGenuine)?;
        let mut bytes = Zeroizing::new([0; BYTES]);
        // Non-zero trailing bits and padding are refused here: one text for one token.
        let written = URL_SAFE_NO_PAD.decode_slice(encoded, &mut *bytes).map_err(|_| NotGenuine)?;
        if written != BYTES {
            return Err(NotGenuine);
        }
        let (signed, mac) = bytes.split_at(SIGNED);
        if !secret.vouches_for(&[signed], mac) {
            return Err(NotGenuine);
        }
        let (session, rest) = signed.split_first_chunk::<16>().ok_or(NotGenuine)?;
        let (generation, nonce) = rest.split_first_chunk::<4>().ok_or(NotGenuine)?;
        Ok(Self {
            session: SessionId::from_bytes(*session),
            generation: u32::from_be_bytes(*generation),
            nonce: Zeroizing::new(nonce.try_into().map_err(|_| NotGenuine)?),
            text: Zeroizing::new(text.to_owned()),
        })
    }

    fn make(session: SessionId, generation: u32, nonce: Zeroizing<[u8; 16]>, secret: &RefreshSecret) -> Self {
        let mut bytes = Zeroizing::new([0; BYTES]);
        bytes[..16].copy_from_slice(session.as_bytes());
        bytes[16..20].copy_from_slice(&generation.to_be_bytes());
        bytes[20..SIGNED].copy_from_slice(&*nonce);
        let mac = secret.mac(&[&bytes[..SIGNED]]);
        bytes[SIGNED..].copy_from_slice(&mac);
        let text = Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(*bytes)));
        Self { session, generation, nonce, text }
    }

    /// The token that replaces this one; the same for every caller.
    #[must_use]
    pub fn successor(&self, secret: &RefreshSecret) -> Self {
        self.of_generation(self.generation.saturating_add(1), secret)
    }

    /// The session's token of that generation.
    #[must_use]
    pub fn of_generation(&self, generation: u32, secret: &RefreshSecret) -> Self {
        Self::make(self.session, generation, self.nonce.clone(), secret)
    }

    /// The token that this one replaced, unless it is the first.
    #[must_use]
    pub fn predecessor(&self, secret: &RefreshSecret) -> Option<Self> {
        Some(self.of_generation(self.generation.checked_sub(1)?, secret))
    }

    /// The session it belongs to.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Its generation: 0 at login, one more at each refresh.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// The same for all of a session's tokens, and told by none of what a server keeps.
    #[must_use]
    pub fn nonce_hash(&self) -> NonceHash {
        NonceHash::of(&self.nonce)
    }

    /// The token itself, to hand to the client.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Its SHA-256, by which a store may name it.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, self.text.as_bytes()).as_ref());
        hash
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshToken({}, generation {})", self.session, self.generation)
    }
}

/// A presented token with its neighbours, all that a rotation needs to know.
#[derive(Debug, Clone)]
pub struct Chain {
    /// What the client presented, generation g.
    pub presented: RefreshToken,
    /// What it gets if all is well, generation g + 1.
    pub successor: RefreshToken,
    /// What came before, generation g - 1; a store keeps nothing of it.
    pub predecessor: Option<RefreshToken>,
    /// By which key the client has proved itself.
    pub proved_key: Option<KeyThumbprint>,
}

impl Chain {
    #[must_use]
    pub fn of(presented: RefreshToken, secret: &RefreshSecret) -> Self {
        let (successor, predecessor) = (presented.successor(secret), presented.predecessor(secret));
        Self { presented, successor, predecessor, proved_key: None }
    }

    /// The same, shown by a client that has proved itself by a key.
    #[must_use]
    pub fn proved_by(self, key: Option<KeyThumbprint>) -> Self {
        Self { proved_key: key, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> RefreshSecret {
        RefreshSecret::new(&[byte; 32])
    }

    #[test]
    fn a_token_is_read_back_and_another_secret_refuses_it() {
        let token = RefreshToken::first(SessionId::random(), &secret(1)).successor(&secret(1));
        assert_eq!(token.expose().len(), LENGTH);
        assert_eq!(RefreshToken::parse(token.expose(), &secret(1)), Ok(token.clone()));
        assert_eq!(RefreshToken::parse(token.expose(), &secret(2)), Err(NotGenuine));
        assert_eq!(token.predecessor(&secret(1)).expect("a first one").successor(&secret(1)), token);
        assert_eq!(token.successor(&secret(1)).nonce_hash(), token.nonce_hash());
        assert_ne!(RefreshToken::first(token.session(), &secret(1)).nonce_hash(), token.nonce_hash());
        assert!(!format!("{token:?}").contains(token.expose()));
    }
}
