//! Stores as they are seen from above: each call is timed, and a store that is away is told of. In one place, whatever
//! the back end, so that none of them measures itself.

mod accounts;
mod addresses;
mod app_sessions;
mod apps;
mod counters;
mod events;
mod factors;
mod once;
mod outbox;
mod revocations;
mod sessions;
pub mod watch;

use std::{sync::Arc, time::Instant};

use metrics::Histogram;
use tracing::Instrument;

use self::watch::StoreWatch;
use super::error::StoreError;
use crate::measures::table::STORE_DURATION;

/// A store, with what is noted of its calls.
pub struct Measured<S: ?Sized> {
    inner: Arc<S>,
    watch: Arc<StoreWatch>,
    /// Looked up once: a check makes such a call.
    verbs: Vec<(&'static str, Histogram)>,
}

impl<S: ?Sized> Measured<S> {
    fn new(inner: Arc<S>, watch: &Arc<StoreWatch>, verbs: &[&'static str]) -> Self {
        let verbs = verbs.iter().map(|verb| (*verb, STORE_DURATION.histogram(&[watch.store(), verb])));
        Self { inner, watch: Arc::clone(watch), verbs: verbs.collect() }
    }

    /// Waits for a call. One that nobody waits for to its end is not noted.
    async fn timed<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let span = tracing::debug_span!("store", store = self.watch.store(), store.verb = verb);
        let began = Instant::now();
        let outcome = call.instrument(span).await;
        if let Some((_, duration)) = self.verbs.iter().find(|(known, _)| *known == verb) {
            duration.record(began.elapsed());
        }
        match &outcome {
            Ok(_) => self.watch.note_answer(),
            Err(error) => self.watch.note_error(verb, error),
        }
        outcome
    }
}
