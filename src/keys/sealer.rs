//! Seals what is kept at rest, or handed to a client to bring back: nobody else can read it, change it, or
//! use it for another purpose. A node opens what any other has sealed.
//!
//! A sealed text is base64url of: version (1 byte), key (8), nonce (12), AES-256-GCM of the content with
//! its tag (16). Version, key and purpose are bound to it as associated data.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use aws_lc_rs::aead::{NONCE_LEN, Nonce};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{
    error::KeyError,
    folder::Folder,
    schedule::Retirement,
    sealing::{SealingKeyInfo, SealingKeys},
};
use crate::domain::{
    clock::{Clock, Timestamp},
    ids::SealingKeyId,
};

const VERSION: u8 = 1;
const HEAD: usize = 1 + SealingKeyId::BYTES;
/// How often a text of an unknown key may make the sealer read the file.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(1);

/// What a text is sealed for, and whose it is: it opens for nothing and nobody else, so that what is moved
/// from one row to another is of no use there.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    what: &'static str,
    whose: &'a str,
}

impl<'a> Purpose<'a> {
    /// `what` names one use in the whole server, and holds no NUL.
    #[must_use]
    pub const fn new(what: &'static str, whose: &'a str) -> Self {
        Self { what, whose }
    }

    /// The associated data: the name ends with the NUL that it does not hold.
    fn bind(&self, head: &[u8]) -> Vec<u8> {
        [head, self.what.as_bytes(), &[0], self.whose.as_bytes()].concat()
    }
}

/// What was sealed.
pub struct Opened(Zeroizing<Vec<u8>>);

impl Opened {
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened(…)")
    }
}

/// A text that does not open. From a client it is simply not good; in a store it says what to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Of a form that this server does not know: a later one may have sealed it.
    #[error("sealed in a form that is not known here")]
    Version,
    /// By a key that is retired, or that this node lacks.
    #[error("sealed by {0}, which is not in sealing.secret")]
    Key(SealingKeyId),
    /// Not sealed by us, changed since, or for another purpose.
    #[error("not sealed here for this")]
    Invalid,
}

/// The sealing keys of this server.
pub struct Sealer {
    folder: Arc<Folder>,
    clock: Arc<dyn Clock>,
    keys: ArcSwap<SealingKeys>,
    /// When the file was last read; held while it is read, so that the newest reading stays.
    read_at: Mutex<Timestamp>,
}

impl Sealer {
    pub(super) fn new(folder: Arc<Folder>, keys: SealingKeys, clock: Arc<dyn Clock>) -> Self {
        let read_at = Mutex::new(clock.now());
        Self { folder, clock, keys: ArcSwap::from_pointee(keys), read_at }
    }

    /// Seals `content`.
    ///
    /// # Errors
    /// When there is no sealing key.
    pub fn seal(&self, purpose: Purpose<'_>, content: &[u8]) -> Result<String, KeyError> {
        let keys = self.keys.load();
        let key = keys.sealing(self.clock.now());
        let key = key.ok_or_else(|| KeyError::NoSealingKey { path: self.folder.sealing_path() })?;
        let mut text = vec![VERSION];
        text.extend_from_slice(key.id().as_bytes());
        // Wiped: it holds the content until that is encrypted.
        let mut sealed = Zeroizing::new(content.to_vec());
        let nonce = key.seal(&purpose.bind(&text), &mut sealed)?;
        text.extend_from_slice(nonce.as_ref());
        text.extend_from_slice(&sealed);
        Ok(URL_SAFE_NO_PAD.encode(text))
    }

    /// Opens what was sealed for the same purpose, on whichever node.
    ///
    /// # Errors
    /// Says whether the text is bad, or this node lacks what it would need.
    pub fn open(&self, purpose: Purpose<'_>, text: &str) -> Result<Opened, OpenError> {
        let mut bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).map_err(|_| OpenError::Invalid)?);
        match bytes.first() {
            Some(&VERSION) if bytes.len() > HEAD + NONCE_LEN => {}
            Some(&VERSION) | None => return Err(OpenError::Invalid),
            Some(_) => return Err(OpenError::Version),
        }
        let (head, rest) = bytes.split_at_mut(HEAD);
        let (nonce, sealed) = rest.split_at_mut(NONCE_LEN);
        let mut id = [0; SealingKeyId::BYTES];
        id.copy_from_slice(&head[1..]);
        let id = SealingKeyId::from_bytes(id);
        let keys = self.keys_with(id);
        let key = keys.find(id).ok_or(OpenError::Key(id))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError::Invalid)?;
        let content = key.open(&purpose.bind(head), nonce, sealed).ok_or(OpenError::Invalid)?;
        Ok(Opened(Zeroizing::new(content.to_vec())))
    }

    /// All sealing keys, in order of birth, as last read.
    #[must_use]
    pub fn list(&self) -> Vec<SealingKeyInfo> {
        self.keys.load().list(self.clock.now())
    }

    /// The key that seals now.
    #[must_use]
    pub fn sealing(&self) -> Option<SealingKeyId> {
        self.keys.load().sealing(self.clock.now()).map(super::sealing::SealingKey::id)
    }

    #[must_use]
    pub fn holds(&self, id: SealingKeyId) -> bool {
        self.keys.load().holds(id)
    }

    /// Whether `id` is of an older key than `than`; both are here.
    #[must_use]
    pub fn is_older(&self, id: SealingKeyId, than: SealingKeyId) -> bool {
        self.keys.load().is_older(id, than)
    }

    /// Makes the first key where there is none; of nodes that do so at once on one folder one makes it.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn begin(&self) -> Result<(), KeyError> {
        if !self.keys.load().is_empty() {
            return Ok(());
        }
        self.change(|keys, now| if keys.is_empty() { keys.add(now).map(drop) } else { Ok(()) })
    }

    /// Makes a new key, which seals once every node has had the time to read it; what is sealed by then opens
    /// all the same.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn rotate(&self) -> Result<SealingKeyInfo, KeyError> {
        let id = self.change(SealingKeys::add)?;
        self.list().into_iter().find(|key| key.id == id).ok_or_else(|| self.no_such_key(id))
    }

    /// Takes a key away, with all that it sealed; `false` = it was not here. The one that seals goes only as
    /// compromised: the one before it steps in, or a new one that seals at once.
    ///
    /// # Errors
    /// When the key still seals, or the folder cannot be read or written.
    pub fn retire(&self, id: SealingKeyId, how: Retirement) -> Result<bool, KeyError> {
        self.change(|keys, now| {
            let seals = keys.sealing(now).is_some_and(|key| key.id() == id);
            if seals && how == Retirement::Orderly {
                return Err(KeyError::StillSeals { id });
            }
            let was_here = keys.remove(id);
            if keys.is_empty() {
                keys.add(now)?;
            }
            Ok(was_here)
        })
    }

    /// Reads the file again. One that is gone was lost, for a key is retired by its line.
    pub(super) fn reload(&self) -> Result<(), KeyError> {
        self.read(&mut self.reading())
    }

    /// Changes the file under the folder's lock, whatever other processes do.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut SealingKeys, Timestamp) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let mut read_at = self.reading();
        let made = {
            let locked = self.folder.lock()?;
            let mut keys = self.folder.sealing_keys()?;
            let made = change(&mut keys, self.clock.now())?;
            locked.write_sealing_keys(&keys)?;
            made
        };
        self.read(&mut read_at)?;
        Ok(made)
    }

    /// The keys, read again if `id` is not among them: another node may have made it just now.
    fn keys_with(&self, id: SealingKeyId) -> Guard<Arc<SealingKeys>> {
        let keys = self.keys.load();
        if keys.holds(id) {
            return keys;
        }
        let mut read_at = self.reading();
        let pause = *read_at..*read_at + UNKNOWN_KEY_PAUSE;
        if !pause.contains(&self.clock.now()) {
            // A file that cannot be read is reported by the reading that happens every minute.
            let _ = self.read(&mut read_at);
        }
        self.keys.load()
    }

    fn reading(&self) -> MutexGuard<'_, Timestamp> {
        self.read_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, read_at: &mut Timestamp) -> Result<(), KeyError> {
        // Noted before it is tried, so that a broken folder is not hammered either.
        *read_at = self.clock.now();
        let keys = self.folder.sealing_keys()?;
        if keys.is_empty() && !self.keys.load().is_empty() {
            return Err(KeyError::SealingKeysLost { path: self.folder.sealing_path() });
        }
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    fn no_such_key(&self, id: SealingKeyId) -> KeyError {
        KeyError::NoSuchKey { kid: id.to_string(), folder: self.folder.path().to_owned() }
    }
}
