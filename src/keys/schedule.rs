//! The life of a key as a pure function of births, retirements and the lifetime of a token, so that
//! nodes that see the same folder agree without talking.

use std::time::Duration;

use crate::domain::clock::Timestamp;

/// How long a key is published before it signs: longer than any common verifier caches a JWKS
/// (Envoy: 10 minutes, and it does not fetch again for an unknown `kid`).
pub const PUBLISH_LEAD: Duration = Duration::from_mins(15);

/// How long another node may go on signing with a key that was retired: it re-reads the folder once
/// a minute.
pub const NOTICE: Duration = Duration::from_mins(1);

/// How a key is taken out of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retirement {
    /// It signs no more; what it signed is good until it is over.
    Orderly,
    /// Somebody else may have it: its file is deleted and none of its tokens is taken any more, by this
    /// ring at once and by others when they next read the folder, within a minute.
    Compromised,
}

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// When it was made.
    pub born: Timestamp,
    /// When an operator took it out of service.
    pub retired: Option<Timestamp>,
}

/// What follows from it and from the other keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From when on it signs; before its birth if nobody else did.
    pub signs_from: Timestamp,
    /// When it signs no more: retired, or a younger key took over; `None` = not known yet.
    pub stops: Option<Timestamp>,
    /// When the last token it signed is over.
    pub ends: Option<Timestamp>,
}

/// What a key does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// In the JWKS, so that verifiers know it before they need it.
    Published,
    /// Signs new tokens; one key at a time does.
    Signing,
    /// Only verifies what it signed.
    Verifying,
    /// Over: no token of it is taken.
    Gone,
}

impl KeyState {
    /// The word for it in listings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Signing => "signing",
            Self::Verifying => "verifying",
            Self::Gone => "gone",
        }
    }
}

impl Span {
    /// What the key does at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> KeyState {
        if self.ends.is_some_and(|end| end <= now) {
            KeyState::Gone
        } else if self.stops.is_some_and(|stop| stop <= now) {
            KeyState::Verifying
        } else if self.signs_from <= now {
            KeyState::Signing
        } else {
            KeyState::Published
        }
    }
}

/// The spans of keys given in order of birth.
///
/// A key signs from [`PUBLISH_LEAD`] after its birth; earlier if otherwise none would: the first key
/// at once, and the next one as soon as all older ones are retired, even if the clock that dated it is
/// ahead of ours. A key that is retired before its time never signs and replaces nobody.
#[must_use]
pub fn spans(lives: &[Life], access_ttl: Duration) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::with_capacity(lives.len());
    // From when on no key seen so far signs: for ever before the first one, never while one lasts.
    let mut vacant_from = Some(Timestamp::from_millis(i64::MIN));
    for life in lives {
        let due = life.born + PUBLISH_LEAD;
        let signs_from = vacant_from.map_or(due, |vacant| due.min(vacant));
        let never_signs = life.retired.is_some_and(|retired| retired <= signs_from);
        if !never_signs {
            for older in &mut spans {
                older.stops = Some(older.stops.map_or(signs_from, |stop| stop.min(signs_from)));
            }
            vacant_from = life.retired;
        }
        spans.push(Span { signs_from, stops: life.retired, ends: None });
    }
    for span in &mut spans {
        span.ends = span.stops.map(|stop| stop + access_ttl + NOTICE);
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_mins(15);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn life(born: i64, retired: Option<i64>) -> Life {
        Life { born: at(born), retired: retired.map(at) }
    }

    fn states(lives: &[Life], now_millis: i64) -> Vec<KeyState> {
        let now = Timestamp::from_millis(now_millis);
        spans(lives, TTL).iter().map(|span| span.state(now)).collect()
    }

    #[test]
    fn a_rotation_at_its_exact_boundaries() {
        use KeyState::{Gone, Published, Signing, Verifying};
        let lives = [life(0, None), life(10_000, None)];
        let takes_over = (10_000 + 900) * 1000;
        let ends = takes_over + (900 + 60) * 1000;
        assert_eq!(states(&lives, 0)[0], Signing, "the first key ever signs at once");
        assert_eq!(states(&lives, 10_000_000), [Signing, Published]);
        assert_eq!(states(&lives, takes_over - 1), [Signing, Published]);
        assert_eq!(states(&lives, takes_over), [Verifying, Signing]);
        assert_eq!(states(&lives, ends - 1), [Verifying, Signing]);
        assert_eq!(states(&lives, ends), [Gone, Signing]);
    }

    #[test]
    fn the_next_key_steps_in_when_all_older_ones_are_retired() {
        use KeyState::{Published, Signing, Verifying};
        let lives = [life(0, Some(10_100)), life(10_000, None)];
        assert_eq!(states(&lives, 10_099_999), [Signing, Published]);
        assert_eq!(states(&lives, 10_100_000), [Verifying, Signing]);
        let made_for_it = [life(0, Some(500)), life(500, None)];
        assert_eq!(states(&made_for_it, 500_000), [Verifying, Signing]);
        let dated_ahead = [life(0, Some(500)), life(560, None)];
        assert_eq!(states(&dated_ahead, 500_000), [Verifying, Signing]);
    }

    #[test]
    fn a_superseded_key_does_not_come_back_when_its_successor_is_retired() {
        use KeyState::{Signing, Verifying};
        let lives = [life(0, None), life(1000, Some(2000)), life(2000, None)];
        assert_eq!(states(&lives, 2_000_000), [Verifying, Verifying, Signing]);
    }

    #[test]
    fn a_key_retired_before_its_time_replaces_nobody() {
        use KeyState::{Gone, Signing, Verifying};
        let lives = [life(0, None), life(1000, Some(1100))];
        assert_eq!(states(&lives, 1_950_000), [Signing, Verifying]);
        assert_eq!(states(&lives, 9_000_000), [Signing, Gone]);
    }
}
