//! The promise of what all nodes of an installation must agree on: the secret behind refresh tokens, and
//! which key data is sealed with. Only a fingerprint and a name are kept; the secrets are in no store.

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::{ids::SealingKeyId, installation::SecretFingerprint};

/// Whose secret the installation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The one that was shown.
    Ours,
    /// Another: what this node would sign, the others would refuse.
    Anothers,
}

/// Remembers which secret and which sealing key are in use.
#[async_trait]
pub trait InstallationStore: Send + Sync {
    /// The fingerprint of the secret in use; `None` where the installation has not begun.
    async fn secret(&self) -> Result<Option<SecretFingerprint>, StoreError>;

    /// Remembers `ours`, unless one is remembered already. Of any number of nodes that claim at once,
    /// one wins, and the others hear that it did.
    async fn claim_secret(&self, ours: &SecretFingerprint) -> Result<Claim, StoreError>;

    /// Remembers `new` in place of whatever was remembered.
    async fn replace_secret(&self, new: &SecretFingerprint) -> Result<(), StoreError>;

    /// The youngest key that any node seals with; `None` where none has sealed yet.
    async fn sealing_key(&self) -> Result<Option<SealingKeyId>, StoreError>;

    /// Remembers `new`, unless a key is remembered that is neither `old` nor `new`: `false`, and it stays. Of
    /// nodes that know the same and want different ones, one wins.
    async fn agree_on_sealing(
        &self,
        old: Option<SealingKeyId>,
        new: SealingKeyId,
    ) -> Result<bool, StoreError>;
}
