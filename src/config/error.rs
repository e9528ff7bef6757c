//! What can be wrong with the settings, each in one line that says where and what is wanted. Values
//! of settings that can hold a password are never repeated.

use std::path::PathBuf;

use super::origin::SettingOrigin;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The settings file cannot be read.
    #[error("{}: the settings file cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// What was a settings file when the server started is none any more.
    #[error("{}: the settings file is gone, or says nothing any more: to run on the defaults, restart", path.display())]
    Emptied { path: PathBuf },
    /// The settings file is not TOML.
    #[error("{origin}, line {line}: {what}")]
    Syntax {
        origin: SettingOrigin,
        /// Counted from 1.
        line: usize,
        /// What the parser said, without the line's text.
        what: String,
    },
    /// There is no such setting.
    #[error("{origin}: unknown setting {name}; the nearest is {nearest}")]
    Unknown {
        origin: SettingOrigin,
        /// As it was written.
        name: String,
        /// The known one that is most alike.
        nearest: String,
    },
    /// A value the setting cannot take.
    #[error("{origin}: {name} wants {wanted}, got {got}")]
    Invalid {
        /// Where the value comes from.
        origin: SettingOrigin,
        name: String,
        wanted: String,
        /// The value, or only its kind where it could be a secret.
        got: String,
    },
    /// Settings that are good each by itself, but not together.
    #[error("{origin}: {what}")]
    Conflict {
        /// Where the setting that causes it comes from.
        origin: SettingOrigin,
        /// What is wrong, and what to do.
        what: String,
    },
}
