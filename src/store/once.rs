//! The promise of what is good once: links, codes, challenges, sign-in attempts, the steps of a TOTP. Whoever spends
//! one is told whether they are the first, on whichever node, also where several come at the same moment.
//!
//! It is kept beside the sessions, in the embedded database or in Redis, since most of what is spent opens one, and so
//! that a restored PostgreSQL makes nothing good again. Where the embedded database is itself a copy put back, all
//! that was made before that counts as spent ([`Spending::made_at`]).

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::error::StoreError;
use crate::domain::{clock::Timestamp, limits::CLOCK_SKEW};

/// What is spent: a hash, so that neither names nor rows hold what a client must show.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OnceKey([u8; 32]);

impl OnceKey {
    /// `what` names one use in the whole server. Each part counts with its length, so that no two lists of parts
    /// have one key.
    #[must_use]
    pub fn of(what: &'static str, parts: &[&[u8]]) -> Self {
        let mut hashed = digest::Context::new(&digest::SHA256);
        for part in std::iter::once(what.as_bytes()).chain(parts.iter().copied()) {
            hashed.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hashed.update(part);
        }
        let mut key = [0; 32];
        key.copy_from_slice(hashed.finish().as_ref());
        Self(key)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As it stands in a name.
    #[must_use]
    pub fn encoded(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for OnceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnceKey({})", self.encoded())
    }
}

/// Something to be spent.
#[derive(Debug, Clone)]
pub struct Spending {
    pub key: OnceKey,
    /// When what is spent was handed out, or earlier.
    pub made_at: Timestamp,
    /// From when on it is no good in any case: to be looked at before it is spent.
    pub until: Timestamp,
    /// What becomes of it: a short text, no secret, by which a caller knows its own spending again.
    pub outcome: String,
}

impl Spending {
    /// Until when it is remembered: for a node whose clock is behind it is good for longer.
    #[must_use]
    pub fn kept_until(&self) -> Timestamp {
        self.until + CLOCK_SKEW
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spent {
    /// Nobody had spent it.
    First,
    /// It had been spent, with this outcome; empty where nobody knows any more by whom.
    Before(String),
}

impl Spent {
    /// Whether it is the caller's, who gave this outcome: then, or in a call before whose answer was lost.
    #[must_use]
    pub fn is_for(&self, outcome: &str) -> bool {
        match self {
            Self::First => true,
            Self::Before(before) => before == outcome,
        }
    }
}

#[async_trait]
pub trait OnceStore: Send + Sync {
    /// Spends a key: of any number of calls one is the first, and all others hear its outcome. A call that is made
    /// again, after an answer that was lost, hears its own.
    async fn spend(&self, spending: &Spending, now: Timestamp) -> Result<Spent, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_lists_of_parts_have_one_key() {
        let parts: [&[&[u8]]; 5] = [&[b"ab"], &[b"a", b"b"], &[b"", b"ab"], &[b"ab", b""], &[]];
        let keys: Vec<_> =
            ["link", "code"].iter().flat_map(|what| parts.map(|one| OnceKey::of(what, one))).collect();
        for (place, key) in keys.iter().enumerate() {
            assert!(!keys[..place].contains(key), "{place}");
        }
        assert_eq!(OnceKey::of("link", &[b"ab"]), keys[0]);
    }
}
