//! The promise of the outbox: mail that was taken in is there until it has gone out or somebody gives it up. Each try
//! is claimed first, so that of nodes that look at the same mail one tries it, and one that dies over it leaves it to
//! the next try.

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::{
    clock::Timestamp,
    mail::{Mail, MailId},
};

/// What became of a mail that was to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It waits, or did already.
    Taken,
    /// As many wait as may.
    Full,
}

/// A mail and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMail {
    pub mail: Mail,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// It is not tried any more, until an operator says so.
    pub is_dead: bool,
    /// What came of the last try.
    pub failure: Option<String>,
}

/// How many mails there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MailCounts {
    pub waiting: u64,
    pub dead: u64,
}

#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// Has a mail wait, unless `most` wait already.
    async fn post(&self, mail: &Mail, most: u32) -> Result<Posted, StoreError>;

    /// Those that wait and are due, the longest due first.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Mail>, StoreError>;

    /// Takes the next try of a mail: `false` = somebody has since it was looked at, or it waits no more. Until `again_at`
    /// nobody else tries.
    async fn claim(&self, mail: &Mail, again_at: Timestamp) -> Result<bool, StoreError>;

    /// Says what came of a try; `is_dead` = there is to be no other.
    async fn note_failure(&self, id: MailId, failure: &str, is_dead: bool) -> Result<(), StoreError>;

    /// Removes a mail: it has gone out, or nobody is to have it. `false` = there is none.
    async fn remove_mail(&self, id: MailId) -> Result<bool, StoreError>;

    /// Has a mail tried anew, at once and until then; `false` = there is none.
    async fn retry(&self, id: MailId, now: Timestamp, until: Timestamp) -> Result<bool, StoreError>;

    /// Up to `limit` mails after that one, the oldest first.
    async fn list_mails(&self, after: Option<MailId>, limit: u32) -> Result<Vec<KeptMail>, StoreError>;

    async fn count_mails(&self) -> Result<MailCounts, StoreError>;

    /// Removes dead ones that were made before then, and the oldest of those that are more than `most`; at most `limit`,
    /// and returns how many.
    async fn forget_dead(&self, before: Timestamp, most: u32, limit: u32) -> Result<u64, StoreError>;
}
