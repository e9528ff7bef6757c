//! Apps that have proved themselves a moment ago, so that not each of their requests asks the store.
//! Bounded by size and by time: what was removed or changed on another node is noticed within
//! [`VALIDITY`]. A secret that is not the one remembered proves nothing here: the store is asked.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use quick_cache::sync::Cache;

use crate::domain::{app::AppName, clock::Timestamp};

/// How long a proof is good for.
const VALIDITY: Duration = Duration::from_secs(1);
/// Far more apps than a server has.
const CAPACITY: usize = 1_024;

#[derive(Clone)]
struct Proof {
    secret_sha256: [u8; 32],
    learned_at: Timestamp,
}

pub(in crate::auth) struct AppSecrets(Cache<AppName, Proof>);

impl AppSecrets {
    pub(in crate::auth) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// Whether that was this app's secret a moment before `now`. A clock that was set back makes no
    /// proof last longer.
    pub(in crate::auth) fn knows(&self, app: &AppName, presented_sha256: &[u8; 32], now: Timestamp) -> bool {
        self.0.get(app).is_some_and(|proof| {
            let is_fresh = proof.learned_at <= now && proof.learned_at.until(now) < VALIDITY;
            is_fresh && verify_slices_are_equal(presented_sha256, &proof.secret_sha256).is_ok()
        })
    }

    /// Remembers an app that showed the secret the store had at that moment or later. Nobody else is
    /// remembered: names that no app has take no room.
    pub(in crate::auth) fn learn(&self, app: AppName, secret_sha256: [u8; 32], learned_at: Timestamp) {
        self.0.insert(app, Proof { secret_sha256, learned_at });
    }

    /// Forgets an app that is removed here.
    pub(in crate::auth) fn forget(&self, app: &AppName) {
        self.0.remove(app);
    }
}
