//! The promise of counters: fixed windows that begin with their first count. Counting and the
//! window's expiry are one step, so no counter is ever left without an end.

use std::time::Duration;

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::{clock::Timestamp, ids::SessionId};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Checks of one session.
    Session(SessionId),
    /// Failed sign-ins of one account from one address, or on one device; a hash of both.
    LoginPair(String),
    /// Failed sign-ins of one account; a hash of its name.
    LoginUser(String),
    /// Failed sign-ins from one address: IPv4, or the /64 of an IPv6 one.
    LoginAddress(String),
    /// Sign-ins that succeeded, of one account from one address; a hash of both.
    LoginKnown(String),
    /// Wrong second factors of one account; a hash of it, and of what for.
    LoginFactor(String),
    /// New accounts from one address.
    Signup(String),
    /// Mails: of one user, asked for under one name, or from one address; or codes that were wrong.
    Mail(String),
    /// Access tokens of one session that were revoked by name.
    Revoked(SessionId),
}

/// Where a counter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// How many, in the present window.
    pub value: u64,
    /// When the window is over; zero when there is none.
    pub resets_in: Duration,
}

#[async_trait]
pub trait CounterStore: Send + Sync {
    /// Counts one, and begins a window of that length when there is none. Returns the count with
    /// this one in it.
    async fn add(&self, counter: &Counter, window: Duration, now: Timestamp) -> Result<Count, StoreError>;

    /// Reads without counting, in the order asked.
    async fn read(&self, counters: &[Counter], now: Timestamp) -> Result<Vec<Count>, StoreError>;

    /// Counts one less, where a window runs; one without counts is over.
    async fn take_back(&self, counter: &Counter, now: Timestamp) -> Result<(), StoreError>;

    async fn clear(&self, counter: &Counter) -> Result<(), StoreError>;
}
