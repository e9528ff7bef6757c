//! SIGHUP: settings are read anew, and those that may change while a server runs are taken up. Nothing that is
//! under way notices: what was decided is a value that is swapped. Either all that was read is good, or nothing
//! changes.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::policy;
use crate::{
    auth::Auth,
    config::{ChangedSetting, ConfigError, RunningSettings, SettingOrigin},
    domain::causes::Causes,
    http::TrustedProxies,
    telemetry::{LogLevel, TelemetryError},
};

/// What a server runs on, and wherever that is held.
pub(super) struct Reload {
    running: ArcSwap<RunningSettings>,
    auth: Arc<Auth>,
    trusted_proxies: TrustedProxies,
    log_level: LogLevel,
}

/// Settings that could not be taken up.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
}

impl Reload {
    pub fn of(
        running: RunningSettings,
        auth: &Arc<Auth>,
        trusted_proxies: &TrustedProxies,
        log_level: LogLevel,
    ) -> Self {
        let (auth, trusted_proxies) = (Arc::clone(auth), trusted_proxies.clone());
        Self { running: ArcSwap::from_pointee(running), auth, trusted_proxies, log_level }
    }

    /// What the server runs on now.
    pub fn running(&self) -> Arc<RunningSettings> {
        self.running.load_full()
    }

    /// Reads the settings anew, and says in the log what came of it. Blocks. One at a time: who comes second would
    /// take back what the first one took up.
    pub fn read_again(&self) {
        if let Err(error) = self.take_up() {
            tracing::error!(error = %Causes(&error), "the settings could not be read again, and stay as they are");
        }
    }

    fn take_up(&self) -> Result<(), ReloadError> {
        let (running, changed) = self.running.load().read_again()?;
        // The only step that may fail comes first.
        self.log_level.change(&running.settings().log.level)?;
        self.auth.go_by(policy(running.settings()));
        self.trusted_proxies.replace(running.settings().server.trusted_proxies.clone());
        changed.iter().for_each(tell);
        tracing::info!(
            settings.changed = changed.iter().filter(|setting| setting.is_live).count(),
            settings.set = %set(&running),
            "the settings were read again"
        );
        self.running.store(Arc::new(running));
        Ok(())
    }
}

fn tell(setting: &ChangedSetting) {
    let ChangedSetting { name, old, new, is_live } = setting;
    if *is_live {
        tracing::info!(setting.name = name, setting.old = %old, setting.new = %new, "a setting is another now");
    } else {
        tracing::warn!(
            setting.name = name,
            setting.old = %old,
            setting.new = %new,
            "a setting was changed that holds after a restart only"
        );
    }
}

/// What a node runs on that is not as by default, to be compared with the others.
fn set(running: &RunningSettings) -> String {
    let settings = running.in_force().settings().iter();
    let set = settings.filter(|setting| setting.origin != SettingOrigin::Default);
    set.map(|setting| format!("{}={}", setting.name, setting.value)).collect::<Vec<_>>().join(" ")
}
