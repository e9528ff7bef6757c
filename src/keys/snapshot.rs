//! The keys as they were when the folder was last read: immutable, so that readers never wait.

use std::{fmt::Write, time::Duration};

use super::{
    error::KeyError,
    folder::Folder,
    header,
    key_file::KeyFile,
    schedule::{self, KeyState, Life, Span},
    signing_key::SigningKey,
};
use crate::domain::clock::Timestamp;

/// A key with its place among the others.
pub(super) struct Entry {
    pub(super) key: SigningKey,
    pub(super) life: Life,
    pub(super) span: Span,
    /// The header of the tokens it signs, ready-made.
    pub(super) header: String,
}

/// The keys in order of birth.
pub(super) struct Snapshot {
    pub(super) entries: Vec<Entry>,
    /// Another number for every other set of accepted keys.
    pub(super) epoch: u64,
    accepted: Vec<String>,
}

impl Snapshot {
    /// The keys in a folder.
    pub(super) fn read(folder: &Folder, access_ttl: Duration, now: Timestamp) -> Result<Self, KeyError> {
        folder.keys().map(|files| Self::new(files, access_ttl, now))
    }

    /// No keys at all.
    pub(super) const fn empty() -> Self {
        Self { entries: Vec::new(), epoch: 0, accepted: Vec::new() }
    }

    fn new(files: Vec<KeyFile>, access_ttl: Duration, now: Timestamp) -> Self {
        let lives: Vec<Life> = files.iter().map(|file| file.life).collect();
        let spans = schedule::spans(&lives, access_ttl);
        let entries = files.into_iter().zip(spans).map(|(KeyFile { key, life }, span)| {
            let header = header::encoded(key.public().algorithm().as_str(), key.public().kid());
            Entry { key, life, span, header }
        });
        let mut snapshot = Self { entries: entries.collect(), epoch: 0, accepted: Vec::new() };
        snapshot.accepted = snapshot.accepted(now).map(|entry| entry.kid().to_owned()).collect();
        snapshot
    }

    /// The same, numbered after the one it replaces.
    pub(super) fn after(mut self, last: &Self) -> Self {
        self.epoch = if self.accepted == last.accepted { last.epoch } else { last.epoch + 1 };
        self
    }

    /// The keys whose tokens are taken at `now`.
    pub(super) fn accepted(&self, now: Timestamp) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.span.state(now) != KeyState::Gone)
    }

    /// The key of that name, if its tokens are taken at `now`.
    pub(super) fn find(&self, kid: &str, now: Timestamp) -> Option<&Entry> {
        self.accepted(now).find(|entry| entry.kid() == kid)
    }

    /// The key that signs at `now`.
    pub(super) fn signer(&self, now: Timestamp) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.span.state(now) == KeyState::Signing)
    }

    /// The youngest key that is not retired.
    pub(super) fn youngest(&self) -> Option<&Entry> {
        self.entries.iter().rfind(|entry| entry.life.retired.is_none())
    }

    /// The JWK Set of the keys whose tokens are taken at `now` (RFC 7517 section 5).
    pub(super) fn jwks(&self, now: Timestamp) -> String {
        let mut json = String::from(r#"{"keys":["#);
        for (index, entry) in self.accepted(now).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(json, "{comma}{}", entry.key.public().jwk());
        }
        json.push_str("]}");
        json
    }
}

impl Entry {
    /// The key's name.
    pub(super) fn kid(&self) -> &str {
        self.key.public().kid()
    }
}
