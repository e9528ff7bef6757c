//! Whether a store is away, for those who operate: said once with its cause when it goes, summed up while it is gone,
//! and said once more when it is back. Each request that needed it is a line at `debug` alone.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    domain::causes::Causes,
    measures::table::{STORE_AWAY, STORE_ERRORS},
    store::error::StoreError,
};

/// For so long nothing must have failed before a store is said to be back: one that comes and goes is one outage.
const CALM: Duration = Duration::from_secs(5);
/// How often an outage that goes on is summed up.
const SUM: Duration = Duration::from_secs(30);
/// How often its cause is looked at.
const NOTED_EVERY: Duration = Duration::from_secs(1);

/// What is known of one store.
#[derive(Debug)]
pub struct StoreWatch {
    store: &'static str,
    /// Whether there is an outage to be noted in: asked at each call.
    is_away: AtomicBool,
    /// Whether it has answered since the last failure.
    has_answered: AtomicBool,
    outage: Mutex<Option<Outage>>,
}

#[derive(Debug)]
struct Outage {
    began: Instant,
    last_failure: Instant,
    last_said: Instant,
    failed: u64,
    unsaid: u64,
    /// What its client library said of late, and when.
    cause: String,
    noted: Instant,
}

/// What is to be said.
#[derive(Debug, PartialEq, Eq)]
enum OutageNews {
    StillAway { failed: u64, cause: String },
    Back { failed: u64, seconds: u64 },
}

impl Outage {
    const fn at(now: Instant) -> Self {
        let (began, last_failure, last_said, noted) = (now, now, now, now);
        Self { began, last_failure, last_said, failed: 0, unsaid: 0, cause: String::new(), noted }
    }
}

impl StoreWatch {
    #[must_use]
    pub fn new(store: &'static str) -> Self {
        STORE_AWAY.gauge(&[store]).set(0.0);
        let (is_away, has_answered) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { store, is_away, has_answered, outage: Mutex::default() }
    }

    #[must_use]
    pub const fn store(&self) -> &'static str {
        self.store
    }

    /// A call went well.
    pub fn note_answer(&self) {
        if self.is_away.load(Ordering::Relaxed) {
            self.has_answered.store(true, Ordering::Relaxed);
        }
    }

    /// A call did not.
    pub fn note_error(&self, verb: &'static str, error: &StoreError) {
        let kind = match error {
            StoreError::Away { .. } => "away",
            StoreError::Refused { .. } => "refused",
            StoreError::Corrupt { .. } => "corrupt",
        };
        STORE_ERRORS.count(&[self.store, verb, kind]);
        if error.is_away() && self.is_new(error, Instant::now()) {
            STORE_AWAY.gauge(&[self.store]).set(1.0);
            tracing::warn!(store = self.store, store.verb = verb, error = %Causes(error), "a store is away");
        }
    }

    /// Says how an outage goes on, or that it is over. To be called every few seconds.
    pub fn sum_up(&self) {
        match self.news(Instant::now()) {
            Some(OutageNews::StillAway { failed, cause }) => {
                tracing::warn!(store = self.store, calls.failed = failed, cause, "a store is still away");
            }
            Some(OutageNews::Back { failed, seconds }) => {
                STORE_AWAY.gauge(&[self.store]).set(0.0);
                tracing::info!(store = self.store, seconds, calls.failed = failed, "a store is back");
            }
            None => {}
        }
    }

    /// Counts a failure; whether an outage begins with it.
    fn is_new(&self, error: &StoreError, now: Instant) -> bool {
        let mut outage = self.outage();
        let is_new = outage.is_none();
        let known = outage.get_or_insert_with(|| Outage::at(now));
        known.failed += 1;
        known.unsaid += u64::from(!is_new);
        known.last_failure = now;
        // Of a flood, one a second is enough.
        if known.cause.is_empty() || now.duration_since(known.noted) >= NOTED_EVERY {
            (known.cause, known.noted) = (Causes(error).to_string(), now);
        }
        self.has_answered.store(false, Ordering::Relaxed);
        self.is_away.store(true, Ordering::Relaxed);
        is_new
    }

    fn news(&self, now: Instant) -> Option<OutageNews> {
        let mut outage = self.outage();
        let known = outage.as_mut()?;
        let is_calm = now.duration_since(known.last_failure) >= CALM;
        if is_calm && self.has_answered.load(Ordering::Relaxed) {
            let (failed, seconds) = (known.failed, known.last_failure.duration_since(known.began).as_secs());
            self.is_away.store(false, Ordering::Relaxed);
            *outage = None;
            return Some(OutageNews::Back { failed, seconds });
        }
        (known.unsaid > 0 && now.duration_since(known.last_said) >= SUM).then(|| {
            known.last_said = now;
            let failed = std::mem::take(&mut known.unsaid);
            OutageNews::StillAway { failed, cause: known.cause.clone() }
        })
    }

    fn outage(&self) -> MutexGuard<'_, Option<Outage>> {
        // No change is left half done by a panic.
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_said_once_summed_up_and_said_to_be_over() {
        let watch = StoreWatch::new("redis");
        let away = StoreError::Away { store: "redis", source: "connection refused".into() };
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert!(watch.is_new(&away, at(0)));
        assert!((1..300).all(|tenth| !watch.is_new(&away, begun + Duration::from_millis(tenth * 100))));
        assert_eq!(watch.news(at(29)), None, "not yet");
        let sum =
            OutageNews::StillAway { failed: 299, cause: "redis is away: connection refused".to_owned() };
        assert_eq!((watch.news(at(30)), watch.news(at(31))), (Some(sum), None));
        // A call that goes well while others fail ends nothing, and neither does silence.
        watch.note_answer();
        assert!(!watch.is_new(&away, at(32)));
        assert_eq!(watch.news(at(40)), None);
        watch.note_answer();
        assert_eq!(watch.news(at(36)), None, "not calm for long enough");
        assert_eq!(watch.news(at(40)), Some(OutageNews::Back { failed: 301, seconds: 32 }));
        assert_eq!(watch.news(at(90)), None);
        assert!(watch.is_new(&away, at(91)), "another one");
    }
}
