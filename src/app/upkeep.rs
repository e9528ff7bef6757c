//! What goes on beside the requests: keys re-read every minute, and on SIGHUP with the settings, metrics kept small,
//! old events cleared away, and the pulse by which the process knows that it stood still.

use std::{sync::Arc, time::Duration};

use tokio::{
    signal::unix::Signal,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{Keyward, back_ends::BackEnds, reload::Reload};
use crate::{
    auth::Auth,
    config::Audit,
    domain::{causes::Causes, clock::Clock},
    keys::ring::KeyRing,
    measures::table::KEYS_UNREAD,
    store::{
        installation::Claim,
        leases::Holder,
        redis::{RedisStore, installation::TokenNames},
        revoked::{pulse, set::RevocationSet},
    },
    telemetry::Metrics,
};

/// How often the keys folder is read again: nodes that share it agree within that time.
const KEYS_REREAD: Duration = Duration::from_mins(1);
/// How often histograms are drained; they grow until then.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// How often revocations that no longer matter are forgotten.
const PURGE: Duration = Duration::from_mins(1);
/// How often a node says again which secret it has, so that no store forgets it while one runs.
const REMIND: Duration = Duration::from_mins(5);
/// How often what a flood or an outage kept out of the log is summed up.
const SUM_UP: Duration = Duration::from_secs(5);
/// How often events are looked for that need not be kept any longer.
const FORGET: Duration = Duration::from_mins(2);

/// Starts it all; it ends with the set.
pub(super) fn start(tasks: &mut JoinSet<()>, app: &Keyward, metrics: Metrics) {
    tasks.spawn(async move {
        let mut ticks = interval(METRICS_UPKEEP);
        loop {
            ticks.tick().await;
            metrics.upkeep();
        }
    });
    let (auth, back_ends) = (Arc::clone(&app.auth), app.back_ends.clone());
    tasks.spawn(async move {
        let mut ticks = interval(SUM_UP);
        loop {
            ticks.tick().await;
            auth.sum_up();
            back_ends.sum_up();
        }
    });
    tasks.spawn(forget_events(Arc::clone(&app.auth), app.settings.audit.clone()));
    tasks.spawn(remind(app.back_ends.clone(), Arc::clone(app.auth.keys())));
    let (redis, keys) = (app.back_ends.redis().cloned(), Arc::clone(app.auth.keys()));
    tasks.spawn(note_for_the_others(redis, keys, names_in_tokens(app), Arc::clone(&app.clock)));
    let (revoked, clock) = (app.back_ends.stores().revoked, Arc::clone(&app.clock));
    tasks.spawn(beat(Arc::clone(&revoked)));
    tasks.spawn(async move {
        let mut ticks = interval(PURGE);
        loop {
            ticks.tick().await;
            revoked.purge(clock.now());
        }
    });
}

/// Says that the process runs. Beats that were missed are told by the next one, and not made up for.
async fn beat(revoked: Arc<RevocationSet>) {
    let mut beats = interval(pulse::EVERY);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        revoked.beat();
    }
}

async fn forget_events(auth: Arc<Auth>, kept: Audit) {
    let holder = Holder::random();
    let mut ticks = interval(FORGET);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = auth.forget_events(&holder, kept.retention, kept.max_events).await {
            tracing::warn!(error = %Causes(&error), "old events could not be cleared away");
        }
    }
}

/// Reads the keys again from time to time, and on SIGHUP the settings as well.
pub(super) async fn read_again(keys: Arc<KeyRing>, mut hangup: Signal, reload: Arc<Reload>) {
    let mut ticks = interval(KEYS_REREAD);
    loop {
        let was_asked = tokio::select! {
            _ = ticks.tick() => false,
            _ = hangup.recv() => true,
        };
        let (ring, reload) = (Arc::clone(&keys), Arc::clone(&reload));
        // Files are read on a thread that may block.
        let read = tokio::task::spawn_blocking(move || {
            if was_asked {
                tracing::info!("SIGHUP: reading the settings and the keys again");
                reload.read_again();
            }
            ring.reload()
        });
        match read.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                KEYS_UNREAD.count(&[]);
                tracing::error!(error = %Causes(&error), "the keys could not be read again");
            }
            Err(_) => tracing::error!("reading the keys again panicked"),
        }
    }
}

/// Reminds the stores of the secret, and of the key that seals, for as long as the node runs.
async fn remind(back_ends: BackEnds, keys: Arc<KeyRing>) {
    let mut ticks = interval(REMIND);
    loop {
        ticks.tick().await;
        match back_ends.installation().claim(keys.refresh_secret()).await {
            Ok(Claim::Ours) => {}
            Ok(Claim::Anothers) => tracing::error!(
                "another refresh.secret is in use by now: start this node anew with the keys of the others, \
                 which take none of its refresh tokens"
            ),
            // Whoever needs the store meanwhile says so.
            Err(error) => tracing::debug!(error = %Causes(&error), "the secret could not be compared"),
        }
        match back_ends.installation().agree_on_sealing(keys.sealer()).await {
            Ok(None) => {}
            Ok(Some(id)) => tracing::error!(
                key = %id,
                "the others seal with a key that this node lacks: it needs their sealing.secret"
            ),
            Err(error) => {
                tracing::debug!(error = %Causes(&error), "the sealing key could not be compared");
            }
        }
    }
}

fn names_in_tokens(app: &Keyward) -> TokenNames {
    let (issuer, audience) = (app.public_url.as_str().to_owned(), app.settings.tokens.audience.clone());
    TokenNames { issuer, audience }
}

/// Notes in the Redis that all share what the doctor compares with another node: the key that this one signs with, and
/// what it says in tokens.
async fn note_for_the_others(
    redis: Option<Arc<RedisStore>>,
    keys: Arc<KeyRing>,
    names: TokenNames,
    clock: Arc<dyn Clock>,
) {
    let Some(redis) = redis else { return };
    let mut ticks = interval(REMIND);
    loop {
        ticks.tick().await;
        let now = clock.now();
        let signer = async {
            match keys.signer() {
                Some(kid) => redis.note_signer(&kid, now).await,
                None => Ok(()),
            }
        };
        let (signer, names) = tokio::join!(signer, redis.note_token_names(&names, now));
        if let Err(error) = signer.and(names) {
            tracing::debug!(error = %Causes(&error), "what the nodes compare could not be noted");
        }
    }
}
