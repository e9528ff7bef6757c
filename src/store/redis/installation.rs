//! [`InstallationStore`] in Redis, for nodes that share it and have accounts of their own; and which keys nodes sign
//! with and what they call themselves in tokens, so that one that differs from the others can be told so.
//!
//! No key here is without an end (contract 4): nodes renew all of them while they run, and what lapses when
//! none has run for so long guards no session any more.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    RedisStore, millis,
    script::{AGREE, INDEX},
};
use crate::{
    domain::{clock::Timestamp, ids::SealingKeyId, installation::SecretFingerprint},
    store::{
        error::StoreError,
        installation::{Claim, InstallationStore},
    },
};

/// How long the fingerprint outlives the last node; longer than nodes are away, and than most sessions.
const REMEMBERED: Duration = Duration::from_hours(400 * 24);
/// How long what a node notes of itself counts as in use.
pub const IN_USE: Duration = Duration::from_mins(15);

/// A key that a node signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    pub kid: String,
    /// When a node last said so, by that node's clock.
    pub noted_at: Timestamp,
}

/// What a node says in its tokens, and takes no tokens without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenNames {
    pub issuer: String,
    pub audience: String,
}

impl TokenNames {
    /// As they are noted. Neither has a blank in it.
    fn text(&self) -> String {
        format!("{} {}", self.issuer, self.audience)
    }

    fn parse(text: &str) -> Option<Self> {
        let (issuer, audience) = text.split_once(' ')?;
        Some(Self { issuer: issuer.to_owned(), audience: audience.to_owned() })
    }
}

#[async_trait]
impl InstallationStore for RedisStore {
    async fn secret(&self) -> Result<Option<SecretFingerprint>, StoreError> {
        let get = redis::Cmd::get(self.keys.installation());
        let value: Option<String> = self.link.run(&get).await?;
        Ok(value.map(SecretFingerprint::remembered))
    }

    async fn claim_secret(&self, ours: &SecretFingerprint) -> Result<Claim, StoreError> {
        let key = self.keys.installation();
        let mut set = redis::cmd("SET");
        set.arg(&key).arg(ours.as_str()).arg("EX").arg(REMEMBERED.as_secs());
        let before: Option<String> = self.link.run(set.clone().arg("NX").arg("GET")).await?;
        match before {
            None => Ok(Claim::Ours),
            Some(known) if known == ours.as_str() => {
                // Only its life is renewed: a secret that replaces this one just now is not undone.
                let renewed =
                    redis::Cmd::expire(&key, i64::try_from(REMEMBERED.as_secs()).unwrap_or(i64::MAX));
                self.link.run::<()>(&renewed).await.map(|()| Claim::Ours)
            }
            Some(_) => Ok(Claim::Anothers),
        }
    }

    async fn replace_secret(&self, new: &SecretFingerprint) -> Result<(), StoreError> {
        let key = self.keys.installation();
        let mut set = redis::cmd("SET");
        set.arg(&key).arg(new.as_str()).arg("EX").arg(REMEMBERED.as_secs());
        self.durable.write(&key, &set).await
    }

    async fn sealing_key(&self) -> Result<Option<SealingKeyId>, StoreError> {
        let key = self.keys.sealing_key();
        let id: Option<String> = self.link.run(&redis::Cmd::get(&key)).await?;
        let unreadable =
            || StoreError::Corrupt { store: "redis", place: "installation:sealing", id: key.clone() };
        id.map(|id| id.parse().map_err(|_| unreadable())).transpose()
    }

    async fn agree_on_sealing(
        &self,
        old: Option<SealingKeyId>,
        new: SealingKeyId,
    ) -> Result<bool, StoreError> {
        let old = old.map(|id| id.to_string()).unwrap_or_default();
        let key = self.keys.sealing_key();
        let agree = AGREE.on(&key).arg(old).arg(new.to_string()).arg(REMEMBERED.as_secs());
        self.durable.call_durably(&agree).await
    }
}

impl RedisStore {
    /// Notes that this node signs with that key, and forgets those that nobody has noted for long.
    pub async fn note_signer(&self, kid: &str, now: Timestamp) -> Result<(), StoreError> {
        self.note(&self.keys.signers(), kid, now).await
    }

    /// The keys that nodes sign with, as far as they have said so of late.
    pub async fn signers(&self, now: Timestamp) -> Result<Vec<Signer>, StoreError> {
        let noted = self.noted(&self.keys.signers(), now).await?;
        Ok(noted.into_iter().map(|(kid, noted_at)| Signer { kid, noted_at }).collect())
    }

    /// Notes what this node says in its tokens.
    pub async fn note_token_names(&self, names: &TokenNames, now: Timestamp) -> Result<(), StoreError> {
        self.note(&self.keys.issuers(), &names.text(), now).await
    }

    /// What nodes say in their tokens, as far as they have noted it of late.
    pub async fn token_names(&self, now: Timestamp) -> Result<Vec<TokenNames>, StoreError> {
        let noted = self.noted(&self.keys.issuers(), now).await?;
        Ok(noted.iter().filter_map(|(text, _)| TokenNames::parse(text)).collect())
    }

    async fn note(&self, key: &str, what: &str, now: Timestamp) -> Result<(), StoreError> {
        let note = INDEX.on(key).arg(what).arg(now.millis()).arg(millis(IN_USE)).arg("new");
        self.link.call::<u8>(&note).await?;
        let stale: Vec<String> = self.link.run(&redis::Cmd::zrangebyscore(key, 0, long_before(now))).await?;
        if stale.is_empty() { Ok(()) } else { self.link.run(&redis::Cmd::zrem(key, stale)).await }
    }

    async fn noted(&self, key: &str, now: Timestamp) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let recent = redis::Cmd::zrangebyscore_withscores(key, long_before(now), "+inf");
        let noted: Vec<(String, i64)> = self.link.run(&recent).await?;
        Ok(noted.into_iter().map(|(what, millis)| (what, Timestamp::from_millis(millis))).collect())
    }
}

/// What was noted before that is not in use any more.
fn long_before(now: Timestamp) -> i64 {
    now.millis() - i64::try_from(millis(IN_USE)).unwrap_or(i64::MAX)
}
