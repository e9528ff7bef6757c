//! Accounts whose answers get lost: what was asked for is done, and who asked is told that the store is
//! away. So a verb can be cut short between two of its steps. Events that nobody takes for a while. And an outbox over
//! which a node dies.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use keyward::{
    domain::{
        clock::Timestamp,
        event::{Event, EventFilter, EventId},
        ids::UserId,
        mail::{Mail, MailId},
        secret::PasswordHash,
        user::{Account, RoleChange, User, UserStatus, Username},
        user_list::{UserPage, UserPlace, UserQuery},
    },
    store::{
        accounts::{AccountStore, Created, Guarded, Imported, RolesChanged, UserCounts},
        error::StoreError,
        events::{EventStore, Retention, WrittenEvent},
        outbox::{KeptMail, MailCounts, OutboxStore, Posted},
    },
};

/// Says when a node dies: nothing that it waits for ever comes back then.
#[derive(Debug)]
pub struct Death {
    steps_left: AtomicI64,
    is_last_done: AtomicBool,
    has_come: AtomicBool,
}

impl Default for Death {
    fn default() -> Self {
        Self {
            steps_left: AtomicI64::new(i64::MAX),
            is_last_done: AtomicBool::default(),
            has_come: AtomicBool::default(),
        }
    }
}

impl Death {
    /// After so many more steps, in the next one: before or after that is done.
    pub fn after(&self, steps: i64, is_last_done: bool) {
        self.is_last_done.store(is_last_done, Ordering::SeqCst);
        self.steps_left.store(steps, Ordering::SeqCst);
    }

    /// Another node takes its place.
    pub fn is_over(&self) {
        self.steps_left.store(i64::MAX, Ordering::SeqCst);
        self.has_come.store(false, Ordering::SeqCst);
    }

    /// Whether it has died by now.
    pub fn has_come(&self) -> bool {
        self.has_come.load(Ordering::SeqCst)
    }

    async fn step<T>(&self, step: impl Future<Output = T>) -> T {
        match self.steps_left.fetch_sub(1, Ordering::SeqCst) {
            1.. => return step.await,
            0 if self.is_last_done.load(Ordering::SeqCst) => drop(step.await),
            _ => {}
        }
        self.has_come.store(true, Ordering::SeqCst);
        pending().await
    }
}

pub struct MortalOutbox {
    pub outbox: Arc<dyn OutboxStore>,
    pub death: Arc<Death>,
}

#[async_trait]
impl OutboxStore for MortalOutbox {
    async fn post(&self, mail: &Mail, most: u32) -> Result<Posted, StoreError> {
        self.death.step(self.outbox.post(mail, most)).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Mail>, StoreError> {
        self.death.step(self.outbox.due(now, limit)).await
    }

    async fn claim(&self, mail: &Mail, again_at: Timestamp) -> Result<bool, StoreError> {
        self.death.step(self.outbox.claim(mail, again_at)).await
    }

    async fn note_failure(&self, id: MailId, failure: &str, is_dead: bool) -> Result<(), StoreError> {
        self.death.step(self.outbox.note_failure(id, failure, is_dead)).await
    }

    async fn remove_mail(&self, id: MailId) -> Result<bool, StoreError> {
        self.death.step(self.outbox.remove_mail(id)).await
    }

    async fn retry(&self, id: MailId, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
        self.death.step(self.outbox.retry(id, now, until)).await
    }

    async fn list_mails(&self, after: Option<MailId>, limit: u32) -> Result<Vec<KeptMail>, StoreError> {
        self.outbox.list_mails(after, limit).await
    }

    async fn count_mails(&self) -> Result<MailCounts, StoreError> {
        self.outbox.count_mails().await
    }

    async fn forget_dead(&self, before: Timestamp, most: u32, limit: u32) -> Result<u64, StoreError> {
        self.death.step(self.outbox.forget_dead(before, most, limit)).await
    }
}

/// Says whose answer is lost.
#[derive(Debug, Default)]
pub struct Cut(AtomicBool);

/// Says whether events are taken.
#[derive(Debug, Default)]
pub struct Shut(AtomicBool);

impl Shut {
    pub fn set(&self, is_shut: bool) {
        self.0.store(is_shut, Ordering::SeqCst);
    }
}

/// Events that are not taken while that is shut, as by a database that is away.
pub struct FaultyEvents {
    pub events: Arc<dyn EventStore>,
    pub shut: Arc<Shut>,
}

#[async_trait]
impl EventStore for FaultyEvents {
    async fn append(&self, events: &[Event]) -> Result<(), StoreError> {
        if self.shut.0.load(Ordering::SeqCst) {
            return Err(StoreError::Away { store: "events", source: "shut".into() });
        }
        self.events.append(events).await
    }

    async fn list(
        &self,
        filter: &EventFilter,
        before: EventId,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        self.events.list(filter, before, limit).await
    }

    async fn written_after(
        &self,
        filter: &EventFilter,
        place: i64,
        limit: u32,
    ) -> Result<Vec<WrittenEvent>, StoreError> {
        self.events.written_after(filter, place, limit).await
    }

    async fn last_place(&self) -> Result<i64, StoreError> {
        self.events.last_place().await
    }

    async fn forget(&self, retention: &Retention, limit: u32) -> Result<u64, StoreError> {
        self.events.forget(retention, limit).await
    }
}

impl Cut {
    /// The next change is done, and its answer lost.
    pub fn next(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn answer<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        let is_lost = self.0.swap(false, Ordering::SeqCst);
        if is_lost { Err(StoreError::Away { store: "accounts", source: "cut short".into() }) } else { answer }
    }
}

pub struct Faulty {
    pub accounts: Arc<dyn AccountStore>,
    pub cut: Arc<Cut>,
}

#[async_trait]
impl AccountStore for Faulty {
    async fn create(&self, account: &Account) -> Result<Created, StoreError> {
        self.accounts.create(account).await
    }

    async fn create_first(&self, account: &Account) -> Result<bool, StoreError> {
        self.accounts.create_first(account).await
    }

    async fn import(&self, accounts: &[Account]) -> Result<Vec<Imported>, StoreError> {
        self.cut.answer(self.accounts.import(accounts).await)
    }

    async fn by_name(&self, name: &Username) -> Result<Option<Account>, StoreError> {
        self.accounts.by_name(name).await
    }

    async fn by_id(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        self.accounts.by_id(id).await
    }

    async fn list(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        self.accounts.list(after, limit).await
    }

    async fn list_accounts(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Account>, StoreError> {
        self.accounts.list_accounts(after, limit).await
    }

    async fn page(
        &self,
        query: &UserQuery,
        after: Option<&UserPlace>,
        limit: u32,
    ) -> Result<UserPage, StoreError> {
        self.accounts.page(query, after, limit).await
    }

    async fn by_ids(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        self.accounts.by_ids(ids).await
    }

    async fn count(&self) -> Result<UserCounts, StoreError> {
        self.accounts.count().await
    }

    async fn is_last_admin(&self, id: UserId) -> Result<bool, StoreError> {
        self.accounts.is_last_admin(id).await
    }

    async fn set_password(
        &self,
        id: UserId,
        expected: Option<&PasswordHash>,
        hash: &PasswordHash,
        notice: Option<&Mail>,
    ) -> Result<bool, StoreError> {
        self.cut.answer(self.accounts.set_password(id, expected, hash, notice).await)
    }

    async fn set_status(&self, id: UserId, status: UserStatus) -> Result<Guarded, StoreError> {
        self.cut.answer(self.accounts.set_status(id, status).await)
    }

    async fn change_roles(
        &self,
        id: UserId,
        change: &RoleChange,
        since: Timestamp,
    ) -> Result<RolesChanged, StoreError> {
        self.cut.answer(self.accounts.change_roles(id, change, since).await)
    }

    async fn pardon(&self, id: UserId) -> Result<bool, StoreError> {
        self.accounts.pardon(id).await
    }

    async fn delete(&self, id: UserId) -> Result<Guarded, StoreError> {
        self.accounts.delete(id).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.accounts.ping().await
    }
}
