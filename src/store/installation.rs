//! The promise of what all nodes of an installation must agree on: the secret behind refresh tokens.
//! Only its fingerprint is kept; the secret itself is in no store.

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::installation::SecretFingerprint;

/// Whose secret the installation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The one that was shown.
    Ours,
    /// Another: what this node would sign, the others would refuse.
    Anothers,
}

/// Remembers which secret is in use.
#[async_trait]
pub trait InstallationStore: Send + Sync {
    /// The fingerprint of the secret in use; `None` where the installation has not begun.
    async fn secret(&self) -> Result<Option<SecretFingerprint>, StoreError>;

    /// Remembers `ours`, unless one is remembered already. Of any number of nodes that claim at once,
    /// one wins, and the others hear that it did.
    async fn claim_secret(&self, ours: &SecretFingerprint) -> Result<Claim, StoreError>;

    /// Remembers `new` in place of whatever was remembered.
    async fn replace_secret(&self, new: &SecretFingerprint) -> Result<(), StoreError>;
}
