//! Device tokens: what a browser keeps to show that an account has signed in on it before. Self-proving
//! to the server, and worth no more than a few more tries: nobody is signed in by one.
//!
//! `kwd_` and base64url of user id (16 bytes), device id (16, random) and MAC (16). The MAC is made over
//! a label of its own, so that no other token passes here and this one nowhere else.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::{
    ids::{SessionId, UserId},
    random,
    refresh_token::{NotGenuine, RefreshSecret},
};

const PREFIX: &str = "kwd_";
const LABEL: &[u8] = b"keyward device token";
const SIGNED: usize = 32;
const BYTES: usize = SIGNED + 16;
const LENGTH: usize = PREFIX.len() + (BYTES * 4).div_ceil(3);

/// What a device is told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceId([u8; 16]);

impl DeviceId {
    #[must_use]
    pub fn encoded(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl From<SessionId> for DeviceId {
    /// A session is on one device.
    fn from(session: SessionId) -> Self {
        Self(*session.as_bytes())
    }
}

/// A genuine device token.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceToken {
    user: UserId,
    device: DeviceId,
    text: String,
}

impl DeviceToken {
    /// The token of a device on which that user has signed in.
    #[must_use]
    pub fn new(user: UserId, secret: &RefreshSecret) -> Self {
        let device = DeviceId(random::bytes());
        let mut bytes = [0; BYTES];
        bytes[..16].copy_from_slice(user.uuid().as_bytes());
        bytes[16..SIGNED].copy_from_slice(&device.0);
        let mac = secret.mac(&[LABEL, &bytes[..SIGNED]]);
        bytes[SIGNED..].copy_from_slice(&mac);
        Self { user, device, text: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)) }
    }

    /// Reads a presented token.
    ///
    /// # Errors
    /// When it is not one that `secret` made; nothing else is told.
    pub fn parse(text: &str, secret: &RefreshSecret) -> Result<Self, NotGenuine> {
        let encoded = text.strip_prefix(PREFIX).filter(|_| text.len() == LENGTH).ok_or(NotGenuine)?;
        let mut bytes = [0; BYTES];
        let written = URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes).map_err(|_| NotGenuine)?;
        let (signed, mac) = bytes.split_at(SIGNED);
        if written != BYTES || !secret.vouches_for(&[LABEL, signed], mac) {
            return Err(NotGenuine);
        }
        let (user, device) = signed.split_first_chunk::<16>().ok_or(NotGenuine)?;
        let device = DeviceId(device.try_into().map_err(|_| NotGenuine)?);
        Ok(Self { user: UserId::from_uuid(Uuid::from_bytes(*user)), device, text: text.to_owned() })
    }

    /// Who has signed in there.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// Which device it is.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// The token itself, for the cookie.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceToken({})", self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{clock::Timestamp, session_token::SessionToken};

    #[test]
    fn a_token_is_read_back_and_no_other_kind_passes_for_it() {
        let (secret, other) = (RefreshSecret::new(&[1; 32]), RefreshSecret::new(&[2; 32]));
        let token = DeviceToken::new(UserId::new(Timestamp::from_secs(1)), &secret);
        assert_eq!(token.expose().len(), LENGTH);
        assert_eq!(DeviceToken::parse(token.expose(), &secret), Ok(token.clone()));
        assert_eq!(DeviceToken::parse(token.expose(), &other), Err(NotGenuine));
        let session = SessionToken::new(SessionId::random(), &secret);
        for (one, another) in [("kws_", "kwd_"), ("kwd_", "kws_")] {
            let text = session.expose().replace(one, another);
            assert_eq!(DeviceToken::parse(&text, &secret), Err(NotGenuine));
            let text = token.expose().replace(another, one);
            assert_eq!(SessionToken::parse(&text, &secret), Err(NotGenuine));
        }
        assert!(!format!("{token:?}").contains(token.expose()));
    }
}
