//! What is looked at when somebody reads the metrics: how things stand, as opposed to what has happened.

use std::{sync::Arc, time::Duration};

use metrics::Gauge;

use super::process::{self, Process};
use crate::{
    auth::Auth,
    domain::clock::Clock,
    keys::{ring::KeyRing, schedule::KeyState},
    measures::table::{
        BUILD_INFO, CPU, FEED_BREAKS, FEED_FOLLOWING, FEED_LAG, FEED_PUSHED, HASH_PERMITS, HASH_PLACES,
        HASH_WAITING, KEY_AGE, KEYS, MAX_FDS, OPEN_FDS, RESIDENT, REVOCATIONS, STARTED, THREADS, VIRTUAL,
    },
    store::revoked::set::RevocationSet,
};

/// The states of signing keys, each of which is shown.
const KEY_STATES: [KeyState; 4] =
    [KeyState::Published, KeyState::Signing, KeyState::Verifying, KeyState::Gone];

/// Where the gauges are read.
pub(super) struct Gauges {
    auth: Arc<Auth>,
    revoked: Arc<RevocationSet>,
    clock: Arc<dyn Clock>,
    /// When this began, in time that passes.
    began: Duration,
}

impl Gauges {
    pub(super) fn new(auth: &Arc<Auth>, revoked: Arc<RevocationSet>, clock: &Arc<dyn Clock>) -> Self {
        BUILD_INFO.gauge(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        Self { auth: Arc::clone(auth), revoked, clock: Arc::clone(clock), began: clock.passed() }
    }

    /// Looks at all of them once.
    pub(super) fn read(&self) {
        self.read_revocations();
        self.read_keys(self.auth.keys());
        let load = self.auth.hash_load();
        for (measure, value) in
            [(&HASH_WAITING, load.waiting), (&HASH_PLACES, load.places), (&HASH_PERMITS, load.permits)]
        {
            set(&measure.gauge(&[]), value as u64);
        }
        if let Some(process) = process::read() {
            show(&process);
        }
    }

    fn read_revocations(&self) {
        let passed = self.clock.passed();
        set(&REVOCATIONS.gauge(&[]), self.revoked.held() as u64);
        set(&FEED_FOLLOWING.gauge(&[]), u64::from(self.revoked.is_following()));
        FEED_BREAKS.counter(&[]).absolute(self.revoked.breaks());
        let since_start = passed.saturating_sub(self.began);
        let unheard = self.revoked.unheard(passed);
        let lag = if unheard == Duration::MAX { since_start } else { unheard };
        FEED_LAG.gauge(&[]).set(lag.as_secs_f64());
        let pushed = self.revoked.since_push(passed).unwrap_or(since_start);
        FEED_PUSHED.gauge(&[]).set(pushed.as_secs_f64());
    }

    fn read_keys(&self, ring: &KeyRing) {
        let (now, keys) = (self.clock.now(), ring.list());
        for state in KEY_STATES {
            let count = keys.iter().filter(|key| key.state == state).count();
            set(&KEYS.gauge(&[state.as_str()]), count as u64);
        }
        if let Some(key) = keys.iter().find(|key| key.state == KeyState::Signing) {
            KEY_AGE.gauge(&["signing"]).set(key.born.until(now).as_secs_f64());
        }
        let sealing = ring.sealer().sealing();
        if let Some(key) = ring.sealer().list().into_iter().find(|key| Some(key.id) == sealing) {
            KEY_AGE.gauge(&["sealing"]).set(key.born.until(now).as_secs_f64());
        }
    }
}

fn show(process: &Process) {
    CPU.counter(&[]).absolute(process.cpu_seconds);
    for (measure, value) in [
        (&RESIDENT, process.resident_bytes),
        (&VIRTUAL, process.virtual_bytes),
        (&OPEN_FDS, process.open_fds),
        (&MAX_FDS, process.max_fds),
        (&THREADS, process.threads),
    ] {
        set(&measure.gauge(&[]), value);
    }
    STARTED.gauge(&[]).set(process.started);
}

/// A gauge holds whole numbers up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "nothing that is counted here is as large as 2^53")]
fn set(gauge: &Gauge, value: u64) {
    gauge.set(value as f64);
}
