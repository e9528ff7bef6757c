//! How long things live: the durations every back end needs to know.

use std::time::Duration;

use super::clock::Timestamp;

/// The longest life that an access token may be given (`tokens.access_ttl`): no token ever issued lives
/// longer, whatever the setting was then.
pub const ACCESS_TTL_MAX: Duration = Duration::from_hours(24);

/// How much longer than its tokens a revocation is kept: a node whose clock is so far behind still takes
/// them for alive.
pub const CLOCKS_APART: Duration = Duration::from_secs(10);

/// Until when tokens that are over at `exp` are to be refused.
#[must_use]
pub fn refused_until(exp: Timestamp) -> Timestamp {
    exp + CLOCKS_APART
}

/// Until when a session's tokens are to be refused, by what its record says of the last one issued; where
/// it does not say, as long as any token may live.
#[must_use]
pub fn session_refused_until(tokens_until: Option<Timestamp>, now: Timestamp) -> Timestamp {
    refused_until(tokens_until.unwrap_or(now + ACCESS_TTL_MAX).max(now))
}
/// How far ahead the clock of a node that issues tokens may be.
pub const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// The lives of tokens and sessions (contract 1, `tokens.*`).
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// An access token's, of those issued from now on.
    pub access: Duration,
    /// A refresh token's, begun anew at each refresh.
    pub refresh: Duration,
    /// A session's from login, whatever the activity; `None` = without end.
    pub session_max_age: Option<Duration>,
}

impl Lifetimes {
    /// When a session opened at `created_at` is over whatever happens.
    #[must_use]
    pub fn session_end(&self, created_at: Timestamp) -> Option<Timestamp> {
        self.session_max_age.map(|age| created_at + age)
    }

    /// When a session ends that was opened at `created_at`, refreshed at `now`, and is left alone.
    #[must_use]
    pub fn session_expiry(&self, created_at: Timestamp, now: Timestamp) -> Timestamp {
        let idle_end = now + self.refresh;
        self.session_end(created_at).map_or(idle_end, |end| end.min(idle_end))
    }

    /// When an access token issued at `now` is over: never later than its session. Whole seconds,
    /// because `exp` is.
    #[must_use]
    pub fn access_expiry(&self, created_at: Timestamp, now: Timestamp) -> Timestamp {
        let end = now + self.access;
        let end = self.session_end(created_at).map_or(end, |session| session.min(end));
        Timestamp::from_secs(end.secs())
    }
}
