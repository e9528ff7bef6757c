//! The composition root: the one place that names a back end. Opens what the settings ask for, puts
//! the verbs on it, serves, and shuts down.

mod back_ends;
mod backup;
mod descriptors;
pub mod doctor;
mod error;
mod gauges;
mod installation;
mod listeners;
mod migrate;
mod new_secret;
mod post;
mod process;
mod reload;
mod sealing_keys;
mod server;
mod upkeep;

use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{signal::unix::Signal, task::JoinSet};

pub use self::{
    back_ends::BackEnds, backup::backup, error::StartError, listeners::Listeners, migrate::migrate,
    new_secret::new_secret, sealing_keys::retire_sealing_key, server::Server,
};
use self::{gauges::Gauges, migrate::expect_database, reload::Reload};
use crate::{
    auth::{Auth, EmailPolicy, Limit, Policy, accounts::breached::BreachList},
    config::{AccountEmail, Accounts, PublicUrl, RunningSettings, Settings, Signup},
    domain::clock::Clock,
    http::{self, AdminHosts, CheckMeter, Cookies, Http, TrustedProxies},
    keys::{ring::KeyRing, settings::KeySettings},
    telemetry::{self, LogLevel, Metrics},
};

/// How long a stop waits for a database that does not take the last events.
const EVENTS_PATIENCE: Duration = Duration::from_secs(5);

/// A server that is ready to serve, or an operator's tool that is ready to act.
pub struct Keyward {
    settings: Settings,
    clock: Arc<dyn Clock>,
    back_ends: BackEnds,
    auth: Arc<Auth>,
    public_url: PublicUrl,
}

/// By what a server is operated while it runs.
pub struct Operation {
    pub metrics: Metrics,
    pub log_level: LogLevel,
    /// What it was started with.
    pub running: RunningSettings,
    /// SIGHUP: read keys and settings again.
    pub hangup: Signal,
}

impl Keyward {
    /// Opens the stores and the keys to serve, and makes them where there are none. `public` is where the
    /// public listener is bound: the issuer of tokens depends on it where no `server.public_url` is set.
    ///
    /// # Errors
    /// When one of them cannot be used, or the keys are not those of the other nodes; a store that is
    /// away is given up after a few seconds.
    pub async fn open(
        settings: Settings,
        clock: Arc<dyn Clock>,
        public: SocketAddr,
    ) -> Result<Self, StartError> {
        let back_ends = BackEnds::open(&settings, &clock).await?;
        let keys = key_settings(&settings, public);
        // Where the stores remember a secret, the keys are older than this folder, if it is empty.
        let opened = if back_ends.installation().has_begun().await? {
            KeyRing::open_again(keys, Arc::clone(&clock))
        } else {
            KeyRing::open(keys, Arc::clone(&clock))
        };
        let keys = opened.map_err(StartError::Keys)?;
        let installation = back_ends.installation();
        installation.join(&settings.keys.dir, keys.refresh_secret()).await?;
        installation.join_sealing(&settings.keys.dir, keys.sealer()).await?;
        Self::on(settings, clock, public, back_ends, keys)
    }

    /// Opens the stores alone, for a tool that is to act on them; makes nothing.
    ///
    /// # Errors
    /// When they cannot be used, or are not there yet.
    pub async fn open_existing(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        expect_database(&settings).await?;
        let back_ends = BackEnds::open(&settings, &clock).await?;
        let public = settings.server.listen;
        let keys = KeyRing::without_keys(key_settings(&settings, public), Arc::clone(&clock));
        Self::on(settings, clock, public, back_ends, keys)
    }

    fn on(
        settings: Settings,
        clock: Arc<dyn Clock>,
        public: SocketAddr,
        back_ends: BackEnds,
        keys: KeyRing,
    ) -> Result<Self, StartError> {
        let public_url = settings.server.public_url(public);
        let auth = Auth::new(back_ends.stores(), Arc::new(keys), Arc::clone(&clock), policy(&settings));
        let auth = auth.map_err(StartError::Verbs)?.refusing(breached(&settings)?);
        let Accounts { passkey_rp_id, passkey_origins, .. } = &settings.accounts;
        let auth = Arc::new(auth.with_passkeys(passkey_rp_id.as_deref(), passkey_origins));
        Ok(Self { settings, clock, back_ends, auth, public_url })
    }

    #[must_use]
    pub const fn auth(&self) -> &Arc<Auth> {
        &self.auth
    }

    /// Serves until `stop` is over for the first time, says so for `server.drain_delay` or until it is
    /// over once more, and then lets what is under way finish.
    ///
    /// # Errors
    /// When a listener fails.
    pub async fn serve(
        self,
        listeners: Listeners,
        operation: Operation,
        mut stop: impl AsyncFnMut(),
    ) -> Result<(), StartError> {
        let Operation { metrics, log_level, running, hangup } = operation;
        let http = Arc::new(self.http(&metrics));
        let _feed = self.back_ends.follow()?;
        self.back_ends.warn().await;
        let mut tasks = JoinSet::new();
        let reload = Arc::new(Reload::of(running, &self.auth, &http.trusted_proxies, log_level));
        tasks.spawn(upkeep::read_again(Arc::clone(self.auth.keys()), hangup, Arc::clone(&reload)));
        upkeep::start(&mut tasks, &self, metrics)?;
        let handle = axum_server::Handle::new();
        let mut servers = JoinSet::new();
        for listener in listeners.with_routes(&http, descriptors::raise()) {
            servers.spawn(http::server::serve(listener, Arc::clone(&http.draining), handle.clone()));
        }
        tokio::select! {
            () = stop() => {}
            Some(ended) = servers.join_next() => listeners::outcome(ended)?,
        }
        http.draining.store(true, Ordering::Relaxed);
        drain(reload.running().settings().server.drain_delay, stop).await;
        self.auth.end_watches();
        handle.graceful_shutdown(Some(reload.running().settings().server.shutdown_grace));
        while let Some(ended) = servers.join_next().await {
            listeners::outcome(ended)?;
        }
        let left = self.auth.flush_events(EVENTS_PATIENCE).await;
        if left > 0 {
            tracing::error!(events = left, "events are lost: the database did not take them before the stop");
        }
        Ok(())
    }

    fn http(&self, metrics: &Metrics) -> Http {
        let metrics = metrics.clone();
        let gauges = Gauges::new(&self.auth, self.back_ends.stores().revoked, &self.clock);
        Http {
            auth: Arc::clone(&self.auth),
            trusted_proxies: TrustedProxies::of(self.settings.server.trusted_proxies.clone()),
            cookies: Cookies::of(&self.public_url),
            own_origin: self.public_url.origin().to_owned(),
            admin_hosts: AdminHosts::of(
                self.settings.server.admin_listen,
                &self.public_url,
                &self.settings.admin.hosts,
            ),
            metrics: Box::new(move || {
                gauges.read();
                metrics.render()
            }),
            checks: CheckMeter::new(),
            join_trace: telemetry::join_trace,
            draining: Arc::new(AtomicBool::new(false)),
        }
    }
}

/// Gives balancers the time to see that this node is about to stop. Whoever asks it to stop once more
/// does not want to wait.
async fn drain(delay: Duration, mut stop: impl AsyncFnMut()) {
    if delay.is_zero() {
        return;
    }
    tracing::info!(seconds = delay.as_secs_f32(), "asked to stop: the listeners close after this delay");
    tokio::select! {
        () = stop() => {}
        () = tokio::time::sleep(delay) => {}
    }
}

/// Opens the signing keys alone; makes none.
///
/// # Errors
/// When the folder or a file in it cannot be used, or there are no keys yet.
pub fn open_keys(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    public: SocketAddr,
) -> Result<KeyRing, StartError> {
    let keys = key_settings(settings, public);
    KeyRing::open_existing(keys, Arc::clone(clock)).map_err(StartError::Keys)
}

fn key_settings(settings: &Settings, public: SocketAddr) -> KeySettings {
    KeySettings {
        dir: settings.keys.dir.clone(),
        algorithm: settings.tokens.algorithm,
        access_ttl: settings.tokens.lifetimes.access,
        issuer: settings.server.public_url(public).as_str().to_owned(),
        audience: settings.tokens.audience.clone(),
    }
}

/// The passwords that nobody may have, if there is a list of them. Blocks.
fn breached(settings: &Settings) -> Result<Option<BreachList>, StartError> {
    let Some(path) = &settings.accounts.breached_passwords else { return Ok(None) };
    let unread =
        |source| StartError::File { setting: "accounts.breached_passwords", path: path.clone(), source };
    BreachList::open(path).map(Some).map_err(unread)
}

fn policy(settings: &Settings) -> Policy {
    let limits = &settings.rate_limit;
    Policy {
        lifetimes: settings.tokens.lifetimes,
        reuse: settings.tokens.reuse,
        sessions_per_user: settings.accounts.sessions_per_user,
        session_limit: Limit { count: limits.session_requests.into(), window: limits.session_window },
        login_limit: Limit { count: limits.login_failures.into(), window: limits.login_window },
        signup_limit: Limit { count: limits.signups.into(), window: limits.signup_window },
        mail_limit: Limit { count: limits.mails.into(), window: limits.mail_window },
        email: match settings.accounts.email {
            AccountEmail::Optional => EmailPolicy::Optional,
            AccountEmail::Required => EmailPolicy::Required,
            AccountEmail::Off => EmailPolicy::Off,
        },
        recent_sign_in: settings.accounts.recent_sign_in,
        outage: settings.outage.check,
        admin_max_age: settings.admin.max_age,
        signup_open: settings.accounts.signup == Signup::Open,
        password_min_length: settings.accounts.password_min_length,
        hash_threads: NonZeroUsize::new(settings.login.concurrency).unwrap_or(NonZeroUsize::MIN),
        hash_queue: settings.login.queue,
    }
}
