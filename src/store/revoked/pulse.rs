//! Whether this process has stood still: it was stopped, or its machine was. What it reads right after that may have
//! waited for as long.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How often it is to beat.
pub const EVERY: Duration = Duration::from_millis(100);
/// A silence that is longer, in milliseconds, is no hiccup of a busy machine.
const STILL: u64 = 300;
/// So long after it, in milliseconds, what waited has been read.
const AFTERMATH: u64 = 1_000;

/// A pulse of the process, by real time whatever clock is handed in: a process hangs in no other.
#[derive(Debug)]
pub struct Pulse {
    began: Instant,
    /// The moment of the last beat, in milliseconds since it began; 0 = it has not beaten yet.
    last: AtomicU64,
    /// From when to when it last stood still; 0 = never.
    still_from: AtomicU64,
    still_until: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        let never = AtomicU64::default;
        Self { began: Instant::now(), last: never(), still_from: never(), still_until: never() }
    }
}

impl Pulse {
    pub fn beat(&self) {
        self.beat_at(self.now());
    }

    /// For how long what is read now may have waited; `None` = it has not stood still of late.
    #[must_use]
    pub fn stood_still(&self) -> Option<Duration> {
        self.stood_still_at(self.now())
    }

    fn beat_at(&self, now: u64) {
        let last = self.last.load(Ordering::Acquire);
        if last > 0 && now.saturating_sub(last) > STILL {
            // Before the beat, after which nothing else tells of it.
            self.still_from.store(last, Ordering::Release);
            self.still_until.store(now, Ordering::Release);
        }
        self.last.store(now, Ordering::Release);
    }

    fn stood_still_at(&self, now: u64) -> Option<Duration> {
        let last = self.last.load(Ordering::Acquire);
        let silence = now.saturating_sub(last);
        if last > 0 && silence > STILL {
            return Some(Duration::from_millis(silence));
        }
        let until = self.still_until.load(Ordering::Acquire);
        let is_over = until == 0 || now.saturating_sub(until) > AFTERMATH;
        let since = now.saturating_sub(self.still_from.load(Ordering::Acquire));
        (!is_over).then(|| Duration::from_millis(since))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_noticed_while_it_lasts_and_for_a_moment_after_it() {
        let pulse = Pulse::default();
        assert_eq!(pulse.stood_still_at(60_000), None, "nothing beats");
        for now in [1_000, 1_100, 1_400] {
            pulse.beat_at(now);
            assert_eq!(pulse.stood_still_at(now + STILL), None, "a hiccup");
        }
        assert_eq!(pulse.stood_still_at(5_000), Some(Duration::from_millis(3_600)));
        for now in [5_000, 5_300, 5_600, 5_900] {
            pulse.beat_at(now);
        }
        assert_eq!(pulse.stood_still_at(5_000 + AFTERMATH), Some(Duration::from_millis(4_600)));
        assert_eq!(pulse.stood_still_at(5_001 + AFTERMATH), None);
    }
}
