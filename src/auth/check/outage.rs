//! Going on while the back end of revocations is away: for as long as `outage.check` allows, and without
//! waiting for it again and again.

use std::{
    future::Future,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    auth::{Auth, error::AuthError},
    store::error::StoreError,
};

/// How long a back end that did not answer is left alone, in milliseconds; gateways give a check no
/// more than this.
const PAUSE: u64 = 250;

/// How long confirmations wait after one that was not stored, in milliseconds: where replicas do not
/// acknowledge, each try takes as long as they are waited for.
const UNCONFIRMED: u64 = 5_000;

/// Until when the back end is left alone, in milliseconds that have passed, whatever the clock shows.
#[derive(Debug, Default)]
pub(in crate::auth) struct Silence(AtomicU64);

/// Until when confirmations wait, in milliseconds that have passed; and after how many breaks of the feed
/// that was said: a back end that has come back gets them at once.
#[derive(Debug, Default)]
pub(in crate::auth) struct Unconfirmed {
    until: AtomicU64,
    breaks: AtomicU64,
}

impl Auth {
    /// Whether a confirmation was not stored a moment ago.
    pub(in crate::auth) fn is_unconfirmed(&self) -> bool {
        self.millis_passed() < self.unconfirmed.until.load(Ordering::Relaxed)
            && self.stores.revoked.breaks() == self.unconfirmed.breaks.load(Ordering::Relaxed)
    }

    /// Notes that one was not stored although the back end is there: that it is away is noticed elsewhere.
    pub(in crate::auth) fn note_unconfirmed(&self) {
        if !self.stores.revoked.is_following() {
            return;
        }
        self.unconfirmed.breaks.store(self.stores.revoked.breaks(), Ordering::Relaxed);
        self.unconfirmed.until.store(self.millis_passed() + UNCONFIRMED, Ordering::Relaxed);
    }

    /// Asks the back end, unless it did not answer a moment ago and has not been heard of since.
    pub(in crate::auth) async fn ask_back_end<T>(
        &self,
        question: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        // While the feed follows, not even the clock is asked.
        if !self.stores.revoked.is_following()
            && self.millis_passed() < self.silence.0.load(Ordering::Relaxed)
        {
            return Err(StoreError::silent());
        }
        let answer = question.await;
        if answer.as_ref().is_err_and(StoreError::is_away) {
            self.silence.0.store(self.millis_passed() + PAUSE, Ordering::Relaxed);
        }
        answer
    }

    /// Goes on without the back end of revocations for as long as `outage.check` allows.
    pub(in crate::auth) fn tolerate_outage(&self, error: StoreError) -> Result<(), AuthError> {
        let unheard = self.stores.revoked.unheard(self.clock.passed());
        if error.is_away() && unheard < self.policy().outage { Ok(()) } else { Err(error.into()) }
    }

    fn millis_passed(&self) -> u64 {
        u64::try_from(self.clock.passed().as_millis()).unwrap_or(u64::MAX)
    }
}
