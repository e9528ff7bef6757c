//! The heartbeat of a feed: while it beats, nothing that the back end has sent waits to be read. Whoever looks into the
//! set asks for it, because a feed that is held up cannot say so itself.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How often it beats, or somewhat less often.
pub const EVERY: Duration = Duration::from_millis(25);
/// After a longer silence something may wait. With it, others' revocations are known here within 100 ms.
pub const SILENCE: Duration = Duration::from_millis(75);

/// By real time, whatever clock is handed in: a thread is held up in no other.
#[derive(Debug)]
pub struct Heartbeat {
    began: Instant,
    /// The moment of the last beat, in milliseconds since it began; 0 = it has not beaten yet.
    last: AtomicU64,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { began: Instant::now(), last: AtomicU64::default() }
    }
}

impl Heartbeat {
    /// Nothing that was sent before that moment waits to be read. It is said of a moment that is over, because whoever
    /// says so may have been held up since.
    pub fn beat(&self, as_of: Instant) {
        self.last.fetch_max(self.millis(as_of), Ordering::AcqRel);
    }

    /// Whether it has begun, and was not heard just now.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let last = self.last.load(Ordering::Acquire);
        last > 0 && is_silent(last, self.millis(Instant::now()))
    }

    fn millis(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.began);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

fn is_silent(last: u64, now: u64) -> bool {
    Duration::from_millis(now.saturating_sub(last)) > SILENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_held_up_since_says_nothing_new() {
        let began = Instant::now().checked_sub(Duration::from_secs(10)).expect("it runs for longer");
        let heartbeat = Heartbeat { began, last: AtomicU64::default() };
        let ago = |millis| Instant::now().checked_sub(Duration::from_millis(millis)).expect("since");
        heartbeat.beat(ago(150));
        assert!(heartbeat.is_silent(), "that was long ago");
        heartbeat.beat(Instant::now());
        heartbeat.beat(ago(150));
        assert!(!heartbeat.is_silent(), "it is known of a later moment");
    }

    #[test]
    fn a_silence_is_noticed_by_who_asks() {
        assert!(!Heartbeat::default().is_silent(), "nothing beats");
        assert!(!is_silent(1_000, 1_000) && !is_silent(1_000, 1_075));
        assert!(is_silent(1_000, 1_076));
        // Another thread may have beaten since the time was read.
        assert!(!is_silent(1_000, 999));
    }
}
