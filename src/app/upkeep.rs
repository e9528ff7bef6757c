//! What goes on beside the requests: keys re-read every minute and on SIGHUP, metrics kept small.

use std::{sync::Arc, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time::interval,
};

use super::{App, installation};
use crate::{keys::ring::KeyRing, telemetry::Metrics};

/// How often the keys folder is read again: nodes that share it agree within that time.
const KEYS_REREAD: Duration = Duration::from_mins(1);
/// How often histograms are drained; they grow until then.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// How often revocations that no longer matter are forgotten.
const PURGE: Duration = Duration::from_mins(1);

/// How often what a flood kept out of the log is summed up.
const SUM_UP: Duration = Duration::from_secs(5);

/// Starts it all; it ends with the set.
pub(super) fn start(tasks: &mut JoinSet<()>, app: &App, metrics: Metrics) {
    tasks.spawn(reread_keys(Arc::clone(app.auth.keys())));
    tasks.spawn(async move {
        let mut ticks = interval(METRICS_UPKEEP);
        loop {
            ticks.tick().await;
            metrics.upkeep();
        }
    });
    let auth = Arc::clone(&app.auth);
    tasks.spawn(async move {
        let mut ticks = interval(SUM_UP);
        loop {
            ticks.tick().await;
            auth.sum_up();
        }
    });
    tasks.spawn(installation::keep(app.home.clone(), Arc::clone(app.auth.keys()), Arc::clone(&app.clock)));
    let (revoked, clock) = (app.home.stores().revoked, Arc::clone(&app.clock));
    tasks.spawn(async move {
        let mut ticks = interval(PURGE);
        loop {
            ticks.tick().await;
            revoked.purge(clock.now());
        }
    });
}

async fn reread_keys(keys: Arc<KeyRing>) {
    let mut ticks = interval(KEYS_REREAD);
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::warn!("SIGHUP cannot be listened to; keys are re-read every minute all the same");
        return;
    };
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = hangup.recv() => tracing::info!("SIGHUP: reading the keys again"),
        }
        let ring = Arc::clone(&keys);
        // Files are read on a thread that may block.
        match tokio::task::spawn_blocking(move || ring.reload()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the keys could not be read again");
            }
            Err(_) => tracing::error!("reading the keys again panicked"),
        }
    }
}
