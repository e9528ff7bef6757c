//! The settings in force as an operator may see them: in the manual's order, passwords masked.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use toml::Value;

use super::{
    layers::Layers,
    live::{ChangedSetting, is_live},
    origin::SettingOrigin,
    settings::{Database, Settings},
    values::{mask_url, split_urls},
};

/// A setting in force.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingInForce {
    /// `section.name`.
    pub name: String,
    /// Its value; a password in it is masked. Where the default depends on other settings or on the
    /// machine, what that came to.
    pub value: Value,
    /// Where it came from.
    pub origin: SettingOrigin,
}

/// Every setting in force.
#[derive(Debug, Clone)]
pub struct SettingsInForce {
    shown: Vec<SettingInForce>,
    /// What was written, in the same order: a password that was changed looks as before where it is masked.
    written: Vec<SecretString>,
}

impl SettingsInForce {
    pub(super) fn new(layers: Layers, settings: &Settings) -> Self {
        let entries = layers.into_entries();
        let written = entries.iter().map(|entry| entry.value.to_string().into()).collect();
        let listed = entries.into_iter().map(|entry| SettingInForce {
            value: came_to(&entry.name, &entry.value, settings)
                .unwrap_or_else(|| shown(&entry.name, &entry.value)),
            name: entry.name,
            origin: entry.origin,
        });
        Self { shown: listed.collect(), written }
    }

    /// In the manual's order.
    #[must_use]
    pub fn settings(&self) -> &[SettingInForce] {
        &self.shown
    }

    /// The settings file, where one says anything.
    pub(super) fn file(&self) -> Option<&Path> {
        self.shown.iter().find_map(|setting| match &setting.origin {
            SettingOrigin::File(path) => Some(path.as_path()),
            SettingOrigin::Default | SettingOrigin::Variable(_) => None,
        })
    }

    /// What has another value in `read`, which lists the same settings.
    pub(super) fn changed(&self, read: &Self) -> Vec<ChangedSetting> {
        let written = self.written.iter().zip(&read.written);
        let differs = written.map(|(ours, theirs)| ours.expose_secret() != theirs.expose_secret());
        let pairs = self.shown.iter().zip(&read.shown).zip(differs).filter(|(_, differs)| *differs);
        let changed = pairs.map(|((ours, theirs), _)| ChangedSetting {
            name: ours.name.clone(),
            old: ours.value.clone(),
            new: theirs.value.clone(),
            is_live: is_live(&ours.name),
        });
        changed.collect()
    }

    /// This, with what may change while a server runs as it is in `read`.
    pub(super) fn with_live_of(&self, read: &Self) -> Self {
        let mut taken = self.clone();
        for (place, setting) in read.shown.iter().enumerate().filter(|(_, setting)| is_live(&setting.name)) {
            taken.shown[place].clone_from(setting);
            taken.written[place].clone_from(&read.written[place]);
        }
        taken
    }

    /// Where a setting came from, for messages about what it led to.
    #[must_use]
    pub fn origin(&self, name: &str) -> &SettingOrigin {
        self.shown
            .iter()
            .find(|listed| listed.name == name)
            .map_or(&SettingOrigin::Default, |listed| &listed.origin)
    }
}

/// Settings that may hold a password.
const SECRET: [&str; 3] = ["storage.database_url", "storage.redis_url", "mail.smtp_url"];

/// A value fit to be shown.
pub(super) fn shown(name: &str, value: &Value) -> Value {
    match value.as_str() {
        Some(text) if !text.is_empty() && SECRET.contains(&name) => {
            Value::String(split_urls(text).iter().map(|url| mask_url(url)).collect::<Vec<_>>().join(","))
        }
        _ => value.clone(),
    }
}

fn shown_path(path: Option<&Path>) -> Option<Value> {
    path.map(|path| Value::String(path.display().to_string()))
}

/// What a value stands for, where that is not its text: an empty one, or a path.
fn came_to(name: &str, value: &Value, settings: &Settings) -> Option<Value> {
    match (name, value) {
        ("server.public_url", Value::String(text)) if text.is_empty() => {
            Some(Value::String(settings.server.public_url(settings.server.listen).as_str().to_owned()))
        }
        ("accounts.passkey_rp_id", Value::String(text)) if text.is_empty() => {
            Some(Value::String(settings.server.public_url(settings.server.listen).host().to_owned()))
        }
        ("storage.database_url", _) => match &settings.storage.database {
            Database::Sqlite(path) => Some(Value::String(format!("sqlite:{}", path.display()))),
            Database::Postgres { .. } => None,
        },
        ("storage.data_dir", _) => shown_path(Some(&settings.storage.data_dir)),
        ("keys.dir", _) => shown_path(Some(&settings.keys.dir)),
        ("storage.database_tls_ca", Value::String(text)) if !text.is_empty() => {
            match &settings.storage.database {
                Database::Postgres { tls_ca, .. } => shown_path(tls_ca.as_deref()),
                Database::Sqlite(_) => None,
            }
        }
        ("storage.redis_tls_ca", Value::String(text)) if !text.is_empty() => {
            shown_path(settings.storage.redis.as_ref().and_then(|redis| redis.tls_ca.as_deref()))
        }
        ("mail.smtp_tls_ca", Value::String(text)) if !text.is_empty() => {
            shown_path(settings.mail.smtp.as_ref().and_then(|smtp| smtp.tls_ca.as_deref()))
        }
        ("accounts.breached_passwords", Value::String(text)) if !text.is_empty() => {
            shown_path(settings.accounts.breached_passwords.as_deref())
        }
        ("mail.templates", Value::String(text)) if !text.is_empty() => {
            shown_path(settings.mail.templates.as_deref())
        }
        ("login.concurrency", Value::Integer(0)) => {
            i64::try_from(settings.login.concurrency).ok().map(Value::Integer)
        }
        _ => None,
    }
}
