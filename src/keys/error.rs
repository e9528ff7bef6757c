//! What can be wrong with keys and with tokens. A key error says what and where in one line and never
//! holds key material; a token error says nothing that would help to forge one.

use std::{io, path::PathBuf};

use crate::domain::{claims::AccessClaims, ids::SealingKeyId};

/// The keys folder, or something in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The operating system refused.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `make`, `lock`, `remove`.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Others than the owner can get at a secret.
    #[error("{} has mode {mode:03o}, which lets others in: chmod {wanted:03o} it", path.display())]
    Loose {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// A file that is no usable key or secret.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A key under another name than its thumbprint.
    #[error("{}: a key is named by its thumbprint: rename it to {kid}.pem", path.display())]
    Misnamed {
        /// The file.
        path: PathBuf,
        /// The key's RFC 7638 thumbprint.
        kid: String,
    },
    /// There are keys, or there were, and the secret that was made with the first of them is gone.
    #[error(
        "{} is missing, and only with it users stay signed in: put back that of another node or a backup, \
         or let `keyward key new-secret` make another, after which everybody signs in anew",
        path.display()
    )]
    SecretLost {
        /// The file.
        path: PathBuf,
    },
    /// The folder was opened with keys and a secret in it, and has neither now.
    #[error("{} holds neither keys nor refresh.secret any more: is its volume mounted?", folder.display())]
    FolderLost {
        /// Which.
        folder: PathBuf,
    },
    /// There are no keys, and it is not for this command to make them.
    #[error("there are no keys in {}: `keyward serve` makes the first ones", folder.display())]
    NoKeys {
        /// Where, from the root on.
        folder: PathBuf,
    },
    /// There are no keys, and none can be made.
    #[error("{} holds no key, and none can be made there: put those of another node there", folder.display())]
    NoneToMake {
        /// Where.
        folder: PathBuf,
        /// Why not.
        source: Box<Self>,
    },
    /// The folder is a mounted secret.
    #[error("{} is a mounted secret: change the keys where it is made", folder.display())]
    Mounted {
        /// Which.
        folder: PathBuf,
    },
    /// There is no such key.
    #[error("there is no key {kid:?} in {}", folder.display())]
    NoSuchKey {
        /// What was asked for.
        kid: String,
        /// Where.
        folder: PathBuf,
    },
    /// No key may sign at this moment.
    #[error("no key in {} may sign", folder.display())]
    NoSigner {
        /// Where.
        folder: PathBuf,
    },
    /// There is nothing to seal with.
    #[error("{} holds no key: `keyward serve` or `keyward key rotate --sealing` makes one", path.display())]
    NoSealingKey { path: PathBuf },
    /// The file was there and is not any more.
    #[error("{} is gone: put it back from another node or a backup", path.display())]
    SealingKeysLost { path: PathBuf },
    /// The key cannot be retired yet.
    #[error(
        "{id} seals: let another take over (`keyward key rotate --sealing`), or retire it as --compromised"
    )]
    StillSeals { id: SealingKeyId },
    /// The claims do not fit into [`super::header::TOKEN_MAX_BYTES`]: mostly too many roles.
    #[error("the access token would be {bytes} bytes long, more than any verifier takes")]
    TokenTooLong {
        /// How long it would be.
        bytes: usize,
    },
    /// The cryptographic library could not do its part.
    #[error("the cryptographic library could not {0}")]
    Crypto(&'static str),
}

/// A token that is not let in. What is wrong with one that is not valid does not show from outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours, or not for us.
    #[error("not a valid access token")]
    Invalid,
    /// Genuine in every respect, but over: signing out still takes it.
    #[error("the access token has expired")]
    Expired(Box<AccessClaims>),
    /// It names a key that is not known here, and the folder could not be read again: nobody can tell.
    #[error("the keys could not be read again")]
    KeysUnread,
}
