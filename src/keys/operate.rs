//! What an operator does with keys: look, rotate, retire. Each change is written under the folder's
//! lock, and clears away the files of keys that are over.

use super::{
    error::KeyError,
    folder::Locked,
    prepare::add_key,
    ring::KeyRing,
    schedule::{KeyState, Life, Retirement},
    snapshot::{Entry, Snapshot},
};
use crate::domain::{algorithm::Algorithm, clock::Timestamp};

/// A key as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name: the RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// What it does now.
    pub state: KeyState,
    /// When it was made.
    pub born: Timestamp,
    /// From when on it signs; in the past or the future.
    pub signs_from: Timestamp,
    /// When the last token it signed is over, once that is known.
    pub ends: Option<Timestamp>,
}

impl KeyRing {
    /// All keys in the folder, in order of birth, as last read.
    #[must_use]
    pub fn list(&self) -> Vec<KeyInfo> {
        let now = self.clock.now();
        self.keys().entries.iter().map(|entry| info(entry, now)).collect()
    }

    /// The public half of a key, in PEM.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn public_pem(&self, kid: &str) -> Result<String, KeyError> {
        let keys = self.keys();
        let key = keys.find(kid, self.clock.now()).ok_or_else(|| self.no_such_key(kid))?;
        key.key.public_pem()
    }

    /// Makes a new key of the configured algorithm: published now, signing when its time has come.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn rotate(&self) -> Result<KeyInfo, KeyError> {
        let now = self.clock.now();
        let kid = {
            let locked = self.folder.lock()?;
            let keys = self.cleared(&locked, now)?;
            add_key(&locked, &keys, self.algorithm, now)?
        };
        // The lock must be back by now: a reading may take it in its turn.
        self.reload()?;
        self.keys().find(&kid, now).map(|entry| info(entry, now)).ok_or_else(|| self.no_such_key(&kid))
    }

    /// Takes a key out of service. If none is left to sign, the next one steps in, or a new one is made
    /// that signs at once.
    ///
    /// # Errors
    /// When there is no such key, or the folder cannot be read or written.
    pub fn retire(&self, kid: &str, how: Retirement) -> Result<(), KeyError> {
        let now = self.clock.now();
        {
            let locked = self.folder.lock()?;
            let keys = self.cleared(&locked, now)?;
            let key = keys.find(kid, now).ok_or_else(|| self.no_such_key(kid))?;
            match how {
                Retirement::Compromised => locked.remove_key(key.kid())?,
                Retirement::Orderly if key.life.retired.is_some() => {}
                Retirement::Orderly => {
                    locked.redate_key(key.kid(), &Life { retired: Some(now), ..key.life })?;
                }
            }
            let left = self.snapshot(now)?;
            if left.signer(now).is_none() {
                add_key(&locked, &left, self.algorithm, now)?;
            }
        }
        self.reload()
    }

    /// Deletes every key and makes one that signs at once: no token of before is taken any more.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn replace_all(&self) -> Result<(), KeyError> {
        let now = self.clock.now();
        {
            let locked = self.folder.lock()?;
            let old = self.snapshot(now)?;
            // First, so that the folder is never without a key, wherever this is cut short. Alone, it signs at once.
            add_key(&locked, &old, self.algorithm, now)?;
            for entry in &old.entries {
                locked.remove_key(entry.kid())?;
            }
        }
        self.reload()
    }

    /// The keys in the folder after those that are over were removed: a private key that serves nothing
    /// any more should not lie about, and must not come back when a younger one is deleted.
    fn cleared(&self, locked: &Locked<'_>, now: Timestamp) -> Result<Snapshot, KeyError> {
        let keys = self.snapshot(now)?;
        for entry in &keys.entries {
            if entry.span.state(now) == KeyState::Gone {
                locked.remove_key(entry.kid())?;
            }
        }
        self.snapshot(now)
    }

    fn no_such_key(&self, kid: &str) -> KeyError {
        KeyError::NoSuchKey { kid: kid.to_owned(), folder: self.folder.path().to_owned() }
    }
}

fn info(entry: &Entry, now: Timestamp) -> KeyInfo {
    KeyInfo {
        kid: entry.kid().to_owned(),
        algorithm: entry.key.public().algorithm(),
        state: entry.span.state(now),
        born: entry.life.born,
        signs_from: entry.span.signs_from.max(entry.life.born),
        ends: entry.span.ends,
    }
}
