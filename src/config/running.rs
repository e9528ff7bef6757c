//! The settings of a server that runs: what it was started with, and what it takes up of them when they are
//! read anew. All that is read has to be good, or none of it is taken.

use std::path::{Path, PathBuf};

use super::{error::ConfigError, listing::SettingsInForce, live::ChangedSetting, settings::Settings};

/// What a server runs on.
#[derive(Debug, Clone)]
pub struct RunningSettings {
    config_file: Option<PathBuf>,
    settings: Settings,
    in_force: SettingsInForce,
}

impl RunningSettings {
    /// Reads the settings of this process.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn load(config_file: Option<&Path>) -> Result<Self, ConfigError> {
        let (settings, in_force) = Settings::load(config_file)?;
        Ok(Self { config_file: config_file.map(Path::to_owned), settings, in_force })
    }

    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is in force, to be shown.
    #[must_use]
    pub const fn in_force(&self) -> &SettingsInForce {
        &self.in_force
    }

    /// Reads the settings anew: what the server is to run on from then on, and how that, and what is to wait for
    /// a restart, differs from what it runs on.
    ///
    /// # Errors
    /// When one of them cannot be used, or the file is gone or says nothing any more: that is a file that is being
    /// written, sooner than the wish to have every default.
    pub fn read_again(&self) -> Result<(Self, Vec<ChangedSetting>), ConfigError> {
        let read = Self::load(self.config_file.as_deref())?;
        if let (Some(path), None) = (self.in_force.file(), read.in_force.file()) {
            return Err(ConfigError::Emptied { path: path.to_owned() });
        }
        let changed = self.in_force.changed(&read.in_force);
        let running = Self {
            config_file: self.config_file.clone(),
            settings: self.settings.with_live_of(&read.settings),
            in_force: self.in_force.with_live_of(&read.in_force),
        };
        Ok((running, changed))
    }
}

impl Settings {
    /// These, with what may change while a server runs as it is in `read`. The mirror of `LIVE`.
    fn with_live_of(&self, read: &Self) -> Self {
        let mut taken = self.clone();
        taken.server.trusted_proxies.clone_from(&read.server.trusted_proxies);
        taken.server.drain_delay = read.server.drain_delay;
        taken.server.shutdown_grace = read.server.shutdown_grace;
        taken.tokens.reuse = read.tokens.reuse;
        taken.rate_limit = read.rate_limit.clone();
        taken.login.queue = read.login.queue;
        taken.accounts = read.accounts.clone();
        // It is open.
        taken.accounts.breached_passwords.clone_from(&self.accounts.breached_passwords);
        taken.accounts.passkey_rp_id.clone_from(&self.accounts.passkey_rp_id);
        taken.accounts.passkey_origins.clone_from(&self.accounts.passkey_origins);
        taken.outage = read.outage.clone();
        taken.log.level.clone_from(&read.log.level);
        taken
    }
}
