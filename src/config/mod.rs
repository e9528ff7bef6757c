//! Typed settings, read at the start from the layers of `config/layers.rs`, and some of them again while the
//! server runs (`config/running.rs`). The only reader of the environment. What each setting means is said in
//! `config/keyward.example.toml`.

mod checks;
mod error;
mod layers;
mod listing;
mod live;
mod mail;
mod origin;
mod public_url;
mod read;
mod reader;
mod running;
mod settings;
mod values;

use std::path::{Path, PathBuf};

use layers::Layers;

pub use error::ConfigError;
pub use layers::EXAMPLE;
pub use listing::{SettingInForce, SettingsInForce};
pub use live::{ChangedSetting, LIVE};
pub use mail::{Mailing, Smtp, SmtpSecurity};
pub use origin::SettingOrigin;
pub use public_url::PublicUrl;
pub use running::RunningSettings;
pub use settings::{
    AccountEmail, Accounts, Audit, Database, Keys, Log, LogFormat, Login, Outage, RateLimit, Redis,
    RedisMode, RefreshKeys, Server, Settings, Signup, Storage, Telemetry, Tokens,
};
pub use values::duration;

/// The settings file that is read when none is named.
const FILE: &str = "keyward.toml";

/// What the settings are read from, besides the defaults.
#[derive(Debug, Default)]
pub struct Sources {
    /// Where `keyward.toml` is looked for; it need not be there.
    pub directory: PathBuf,
    /// The file to read in its place; it has to be there.
    pub config_file: Option<PathBuf>,
    /// The environment; of no interest but for `KEYWARD_*`, `DATABASE_URL` and `REDIS_URL`.
    pub environment: Vec<(String, String)>,
}

impl Sources {
    /// The process's own: the working directory and its environment.
    fn of_process(config_file: Option<&Path>) -> Self {
        // What is not UTF-8 is kept, made readable, so that it is an error where it is a setting.
        let readable = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self {
            directory: PathBuf::new(),
            config_file: config_file.map(Path::to_owned),
            environment: std::env::vars_os().map(|(name, text)| (readable(name), readable(text))).collect(),
        }
    }

    fn read_file(&self) -> Result<Option<(PathBuf, String)>, ConfigError> {
        let path = self.config_file.clone().unwrap_or_else(|| self.directory.join(FILE));
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some((path, text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && self.config_file.is_none() => {
                Ok(None)
            }
            Err(source) => Err(ConfigError::Unreadable { path, source }),
        }
    }
}

impl Settings {
    /// Reads the settings of this process, and what to show of them.
    pub fn load(config_file: Option<&Path>) -> Result<(Self, SettingsInForce), ConfigError> {
        Self::load_from(&Sources::of_process(config_file))
    }

    /// Reads the settings from `sources` alone.
    pub fn load_from(sources: &Sources) -> Result<(Self, SettingsInForce), ConfigError> {
        let mut layers = Layers::defaults()?;
        if let Some((path, text)) = sources.read_file()? {
            layers.lay_file(path, &text)?;
        }
        if let Some(folder) = sources.config_file.as_deref().and_then(Path::parent) {
            layers.take_paths_from(folder);
        }
        layers.lay_environment(&sources.environment)?;
        let settings = Self::read(&layers)?;
        checks::together(&settings, &layers)?;
        let listing = SettingsInForce::new(layers, &settings);
        Ok((settings, listing))
    }
}
