//! The promise of the outbox, timed.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Measured, watch::StoreWatch};
use crate::{
    domain::{
        clock::Timestamp,
        mail::{Mail, MailId},
    },
    store::{
        error::StoreError,
        outbox::{KeptMail, MailCounts, OutboxStore, Posted},
    },
};

/// What is timed, the most frequent first.
const VERBS: [&str; 9] = [
    "outbox.due",
    "outbox.count_mails",
    "outbox.post",
    "outbox.claim",
    "outbox.remove_mail",
    "outbox.note_failure",
    "outbox.forget_dead",
    "outbox.list_mails",
    "outbox.retry",
];

impl Measured<dyn OutboxStore> {
    #[must_use]
    pub fn outbox(inner: Arc<dyn OutboxStore>, watch: &Arc<StoreWatch>) -> Arc<dyn OutboxStore> {
        Arc::new(Self::new(inner, watch, &VERBS))
    }
}

#[async_trait]
impl OutboxStore for Measured<dyn OutboxStore> {
    async fn post(&self, mail: &Mail, most: u32) -> Result<Posted, StoreError> {
        self.timed("outbox.post", self.inner.post(mail, most)).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Mail>, StoreError> {
        self.timed("outbox.due", self.inner.due(now, limit)).await
    }

    async fn claim(&self, mail: &Mail, again_at: Timestamp) -> Result<bool, StoreError> {
        self.timed("outbox.claim", self.inner.claim(mail, again_at)).await
    }

    async fn note_failure(&self, id: MailId, failure: &str, is_dead: bool) -> Result<(), StoreError> {
        self.timed("outbox.note_failure", self.inner.note_failure(id, failure, is_dead)).await
    }

    async fn remove_mail(&self, id: MailId) -> Result<bool, StoreError> {
        self.timed("outbox.remove_mail", self.inner.remove_mail(id)).await
    }

    async fn retry(&self, id: MailId, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
        self.timed("outbox.retry", self.inner.retry(id, now, until)).await
    }

    async fn list_mails(&self, after: Option<MailId>, limit: u32) -> Result<Vec<KeptMail>, StoreError> {
        self.timed("outbox.list_mails", self.inner.list_mails(after, limit)).await
    }

    async fn count_mails(&self) -> Result<MailCounts, StoreError> {
        self.timed("outbox.count_mails", self.inner.count_mails()).await
    }

    async fn forget_dead(&self, before: Timestamp, most: u32, limit: u32) -> Result<u64, StoreError> {
        self.timed("outbox.forget_dead", self.inner.forget_dead(before, most, limit)).await
    }
}
