//! What a folder of keys is given when it is opened, and what is never given to it again: the secret is
//! made with the first keys, and where it is missing later it was lost.

use std::{
    path::{self, Path},
    time::Duration,
};

use zeroize::Zeroizing;

use super::{
    error::KeyError,
    folder::{Folder, Locked},
    schedule::Life,
    signing_key::SigningKey,
    snapshot::Snapshot,
};
use crate::domain::{algorithm::Algorithm, clock::Timestamp};

/// What may be made on opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Making {
    /// Keys, and with the first of them the secret.
    All,
    /// Keys, for the secret that is there.
    Keys,
    /// Nothing.
    Nothing,
}

/// Makes what a folder lacks, and says the secret.
pub(super) fn prepare(
    folder: &Folder,
    algorithm: Algorithm,
    now: Timestamp,
    making: Making,
) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let has_key = |keys: &Snapshot| {
        let youngest = keys.youngest().map(|entry| entry.key.public().algorithm());
        youngest == Some(algorithm) && keys.signer(now).is_some()
    };
    let (secret, keys) = (folder.secret()?, read(folder, now)?);
    match (secret, making) {
        // A folder that has everything is never written to: it may be mounted read-only.
        (Some(secret), _) if has_key(&keys) => return Ok(secret),
        (Some(secret), Making::Nothing) if !keys.entries.is_empty() => return Ok(secret),
        (None, Making::Nothing) if !keys.entries.is_empty() => return Err(secret_lost(folder)),
        (_, Making::Nothing) => return Err(no_keys(folder.path())),
        _ => {}
    }
    // Another node may do the same: what counts is what is there once nobody else writes.
    let locked = lock_to_make(folder, now)?;
    let keys = read(folder, now)?;
    let secret = match folder.secret()? {
        Some(secret) => secret,
        // Before the first key, so that keys without a secret always mean that it was lost.
        None if making == Making::All && keys.entries.is_empty() => locked.make_secret()?,
        None => return Err(secret_lost(folder)),
    };
    if !has_key(&keys) {
        add_key(&locked, &keys, algorithm, now)?;
    }
    Ok(secret)
}

/// Locks a folder that lacks something. Where it cannot be written to, the error says what is missing.
fn lock_to_make(folder: &Folder, now: Timestamp) -> Result<Locked<'_>, KeyError> {
    folder.lock().or_else(|error| {
        let has_keys = !read(folder, now)?.entries.is_empty();
        Err(match has_keys {
            true if folder.secret()?.is_none() => secret_lost(folder),
            true => error,
            false => KeyError::NoneToMake { folder: folder.path().to_owned(), source: Box::new(error) },
        })
    })
}

fn read(folder: &Folder, now: Timestamp) -> Result<Snapshot, KeyError> {
    Snapshot::read(folder, Duration::ZERO, now)
}

fn secret_lost(folder: &Folder) -> KeyError {
    KeyError::SecretLost { path: folder.secret_path() }
}

/// There are none, and this is not the place to make them.
pub(super) fn no_keys(folder: &Path) -> KeyError {
    KeyError::NoKeys { folder: path::absolute(folder).unwrap_or_else(|_| folder.to_owned()) }
}

/// Makes a key that is younger than all others, even if their dates lie ahead of this node's clock.
/// Answers its name.
pub(super) fn add_key(
    locked: &Locked<'_>,
    keys: &Snapshot,
    algorithm: Algorithm,
    now: Timestamp,
) -> Result<String, KeyError> {
    let youngest = keys.entries.iter().map(|entry| entry.life.born + Duration::from_millis(1)).max();
    let life = Life { born: youngest.map_or(now, |after| after.max(now)), retired: None };
    let pkcs8 = SigningKey::generate(algorithm)?;
    let key = SigningKey::from_pkcs8(&pkcs8).map_err(KeyError::Crypto)?;
    locked.add_key(key.public().kid(), &pkcs8, &life)?;
    Ok(key.public().kid().to_owned())
}
