//! Going on while the home of revocations is away: for as long as `outage.check` allows, and without
//! waiting for it again and again.

use std::{
    future::Future,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use super::{Auth, error::AuthError};
use crate::{domain::clock::Timestamp, store::error::StoreError};

/// How long a home that did not answer is left alone; gateways give a check no more than this.
const PAUSE: Duration = Duration::from_millis(250);

/// Until when the home is left alone, in milliseconds since the epoch.
#[derive(Debug, Default)]
pub(super) struct Silence(AtomicI64);

impl Auth {
    /// Asks the home, unless it did not answer a moment ago and has not been heard of since.
    pub(super) async fn ask_home<T>(
        &self,
        question: impl Future<Output = Result<T, StoreError>>,
        now: Timestamp,
    ) -> Result<T, StoreError> {
        if now.millis() < self.silence.0.load(Ordering::Relaxed) && !self.stores.revoked.is_following() {
            return Err(StoreError::silent());
        }
        let answer = question.await;
        if answer.as_ref().is_err_and(StoreError::is_away) {
            self.silence.0.store((now + PAUSE).millis(), Ordering::Relaxed);
        }
        answer
    }

    /// Goes on without the home of revocations for as long as `outage.check` allows.
    pub(super) fn outlast(&self, error: StoreError, now: Timestamp) -> Result<(), AuthError> {
        let unheard = now.since(self.stores.revoked.last_heard());
        if error.is_away() && unheard < self.policy.outage { Ok(()) } else { Err(error.into()) }
    }
}
