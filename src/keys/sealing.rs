//! The keys that seal data, as `sealing.secret` holds them: a line each, `BORN KEY`, with the date in
//! RFC 3339 and the 32 bytes in base64. Which of them seals is a function of births and now, so that nodes
//! that see the same file agree without talking.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    hmac,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{error::KeyError, schedule::PUBLISH_LEAD};
use crate::domain::{clock::Timestamp, ids::SealingKeyId, random};

/// What a key's name is the code of.
const NAMED: &[u8] = b"keyward sealing key";

/// A key for AES-256-GCM. With random nonces it is good for 2^32 seals (NIST SP 800-38D section 8.3).
pub(super) struct SealingKey {
    id: SealingKeyId,
    born: Timestamp,
    bytes: Zeroizing<[u8; 32]>,
    cipher: RandomizedNonceKey,
}

/// What a sealing key does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealingState {
    /// In the file, so that every node has it before it is needed.
    Waiting,
    /// Seals; one key at a time does.
    Sealing,
    /// Only opens what it sealed.
    Opening,
}

impl SealingState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sealing => "sealing",
            Self::Opening => "opening",
        }
    }
}

/// A sealing key as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingKeyInfo {
    pub id: SealingKeyId,
    pub state: SealingState,
    pub born: Timestamp,
    /// From when on it seals; in the past or the future.
    pub seals_from: Timestamp,
}

impl SealingKey {
    fn of(born: Timestamp, bytes: Zeroizing<[u8; 32]>) -> Result<Self, KeyError> {
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, bytes.as_slice())
            .map_err(|_| KeyError::Crypto("use a sealing key"))?;
        let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice()), NAMED);
        let mut id = [0; SealingKeyId::BYTES];
        id.copy_from_slice(&code.as_ref()[..SealingKeyId::BYTES]);
        Ok(Self { id: SealingKeyId::from_bytes(id), born, bytes, cipher })
    }

    pub(super) const fn id(&self) -> SealingKeyId {
        self.id
    }

    /// Encrypts in place and appends the tag; the nonce is drawn by the library.
    pub(super) fn seal(&self, bound_to: &[u8], content: &mut Vec<u8>) -> Result<Nonce, KeyError> {
        let sealed = self.cipher.seal_in_place_append_tag(Aad::from(bound_to), content);
        sealed.map_err(|_| KeyError::Crypto("seal"))
    }

    /// Decrypts in place, and says where the content is; `None` = it is not what was sealed.
    pub(super) fn open<'a>(&self, bound_to: &[u8], nonce: Nonce, sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        self.cipher.open_in_place(nonce, Aad::from(bound_to), sealed).ok().map(|content| &*content)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.id)
    }
}

/// All keys of a file, in order of birth; those born together by name, so that every node has one order.
#[derive(Debug, Default)]
pub struct SealingKeys(Vec<SealingKey>);

impl SealingKeys {
    /// Reads the text of a file.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut keys = text.lines().map(line).collect::<Result<Vec<_>, _>>()?;
        keys.sort_by_key(|key| (key.born, key.id));
        if keys.windows(2).any(|pair| pair[0].id == pair[1].id) {
            return Err("it has a key twice");
        }
        Ok(Self(keys))
    }

    pub(super) fn render(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        for key in &self.0 {
            let bytes = Zeroizing::new(STANDARD.encode(*key.bytes));
            for part in [&key.born.to_string(), " ", &bytes, "\n"] {
                text.push_str(part);
            }
        }
        text
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn holds(&self, id: SealingKeyId) -> bool {
        self.find(id).is_some()
    }

    pub(super) fn find(&self, id: SealingKeyId) -> Option<&SealingKey> {
        self.0.iter().find(|key| key.id == id)
    }

    /// Whether `id` is of an older key than `than`; of keys that are not here nothing is known.
    pub(super) fn is_older(&self, id: SealingKeyId, than: SealingKeyId) -> bool {
        let place = |id| self.0.iter().position(|key| key.id == id);
        place(id).zip(place(than)).is_some_and(|(one, other)| one < other)
    }

    /// The key that seals at `now`: the youngest that every node has had the time to read. Where there is no
    /// such key, the first: nobody else sealed before it.
    pub(super) fn sealing(&self, now: Timestamp) -> Option<&SealingKey> {
        let is_known = |key: &&SealingKey| key.born + PUBLISH_LEAD <= now;
        self.0.iter().rfind(is_known).or_else(|| self.0.first())
    }

    /// Adds a key that is younger than all others, even if their dates lie ahead of this node's clock.
    pub(super) fn add(&mut self, now: Timestamp) -> Result<SealingKeyId, KeyError> {
        let after = self.0.last().map(|key| key.born + std::time::Duration::from_millis(1));
        let born = after.map_or(now, |after| after.max(now));
        let key = SealingKey::of(born, Zeroizing::new(random::bytes()))?;
        let id = key.id;
        self.0.push(key);
        Ok(id)
    }

    /// Takes a key away; `false` = it is not here.
    pub(super) fn remove(&mut self, id: SealingKeyId) -> bool {
        let before = self.0.len();
        self.0.retain(|key| key.id != id);
        self.0.len() < before
    }

    pub(super) fn list(&self, now: Timestamp) -> Vec<SealingKeyInfo> {
        let sealing = self.sealing(now).map(|key| (key.born, key.id));
        let info = |(place, key): (usize, &SealingKey)| SealingKeyInfo {
            id: key.id,
            state: match sealing {
                Some(sealing) if (key.born, key.id) < sealing => SealingState::Opening,
                Some(sealing) if (key.born, key.id) > sealing => SealingState::Waiting,
                _ => SealingState::Sealing,
            },
            born: key.born,
            seals_from: if place == 0 { key.born } else { key.born + PUBLISH_LEAD },
        };
        self.0.iter().enumerate().map(info).collect()
    }
}

fn line(line: &str) -> Result<SealingKey, &'static str> {
    const FORM: &str = "not lines of a date and 32 bytes in base64";
    let (born, text) = line.split_once(' ').ok_or(FORM)?;
    let born = Timestamp::parse_rfc3339(born).ok_or(FORM)?;
    // The decoder wants room for a whole last group.
    let mut room = Zeroizing::new([0; 33]);
    let Ok(32) = STANDARD.decode_slice(text, &mut *room) else { return Err(FORM) };
    let mut bytes = Zeroizing::new([0; 32]);
    bytes.copy_from_slice(&room[..32]);
    SealingKey::of(born, bytes).map_err(|_| FORM)
}
