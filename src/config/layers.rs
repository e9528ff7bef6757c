//! The layers of settings, laid over each other by name: each setting's value and where it came from.
//! What a value means is not known here, only its kind, which is that of the default.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{error::ConfigError, origin::SettingOrigin};

/// Every setting with its default: the manual.
pub const EXAMPLE: &str = include_str!("keyward.example.toml");

/// What every setting's variable begins with.
const PREFIX: &str = "KEYWARD_";

/// A setting as the layers hold it, whatever its value means.
#[derive(Debug, Clone)]
pub(super) struct RawSetting {
    pub(super) name: String,
    pub(super) value: Value,
    pub(super) origin: SettingOrigin,
}

impl RawSetting {
    /// Takes a value of the default's kind, so that the kind stays what the default made it.
    fn replace(&mut self, value: Value, origin: &SettingOrigin) -> Result<(), ConfigError> {
        self.value = match (&self.value, value) {
            // A duration of nothing needs no unit, and so no quotes.
            (Value::String(_), Value::Integer(0)) => Value::String("0".to_owned()),
            // And neither does a whole one of a ratio.
            (Value::Float(_), Value::Integer(whole @ (0 | 1))) => Value::Float(f64::from(whole == 1)),
            (default, value) if default.same_type(&value) => value,
            (default, value) => return Err(self.invalid(origin, kind(default), value.type_str())),
        };
        self.origin = origin.clone();
        Ok(())
    }

    fn replace_with_text(&mut self, text: &str, origin: SettingOrigin) -> Result<(), ConfigError> {
        let wrong = || self.invalid(&origin, kind(&self.value), &format!("{text:?}"));
        self.value = match &self.value {
            Value::Integer(_) => Value::Integer(text.trim().parse().map_err(|_| wrong())?),
            Value::Float(_) => Value::Float(text.trim().parse().map_err(|_| wrong())?),
            Value::Boolean(_) => Value::Boolean(text.trim().parse().map_err(|_| wrong())?),
            Value::Array(_) => Value::Array(split_list(text)),
            _ => Value::String(text.to_owned()),
        };
        self.origin = origin;
        Ok(())
    }

    pub(super) fn invalid(
        &self,
        origin: &SettingOrigin,
        wanted: impl Into<String>,
        got: &str,
    ) -> ConfigError {
        ConfigError::Invalid {
            origin: origin.clone(),
            name: self.name.clone(),
            wanted: wanted.into(),
            got: got.to_owned(),
        }
    }
}

/// All settings, in the manual's order.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    entries: Vec<RawSetting>,
    /// Where paths in the settings file begin.
    file_folder: PathBuf,
}

impl Layers {
    /// The lowest layer, which decides what settings there are.
    pub(super) fn defaults() -> Result<Self, ConfigError> {
        let entries = settings_in(EXAMPLE, &SettingOrigin::Default)?;
        let entry = |(name, value)| RawSetting { name, value, origin: SettingOrigin::Default };
        Ok(Self { entries: entries.into_iter().map(entry).collect(), file_folder: PathBuf::new() })
    }

    /// Lays a settings file over what is there.
    pub(super) fn lay_file(&mut self, path: PathBuf, text: &str) -> Result<(), ConfigError> {
        let origin = SettingOrigin::File(path);
        for (name, value) in settings_in(text, &origin)? {
            match self.entries.iter_mut().find(|entry| entry.name == name) {
                Some(entry) => entry.replace(value, &origin)?,
                None => return Err(self.unknown(&origin, &name)),
            }
        }
        Ok(())
    }

    /// Lays an environment over what is there. The customary names come first: our own are stronger.
    pub(super) fn lay_environment(&mut self, variables: &[(String, String)]) -> Result<(), ConfigError> {
        for (customary, setting) in
            [("DATABASE_URL", "storage.database_url"), ("REDIS_URL", "storage.redis_url")]
        {
            if let Some((_, text)) = variables.iter().find(|(name, _)| name == customary) {
                self.lay_variable(customary, setting, text)?;
            }
        }
        let ours =
            variables.iter().filter(|(name, text)| name.starts_with(PREFIX) && !is_service_link(name, text));
        for (variable, text) in ours {
            match self.entries.iter().find(|entry| variable_of(&entry.name) == *variable) {
                Some(entry) => self.lay_variable(variable, &entry.name.clone(), text)?,
                None => return Err(self.unknown(&SettingOrigin::Variable(variable.clone()), variable)),
            }
        }
        Ok(())
    }

    fn lay_variable(&mut self, variable: &str, setting: &str, text: &str) -> Result<(), ConfigError> {
        match self.entries.iter_mut().find(|entry| entry.name == setting) {
            Some(entry) => entry.replace_with_text(text, SettingOrigin::Variable(variable.to_owned())),
            None => Ok(()),
        }
    }

    /// Has paths in the settings file begin in that folder, and not in the working directory.
    pub(super) fn take_paths_from(&mut self, folder: &Path) {
        folder.clone_into(&mut self.file_folder);
    }

    /// What a path stands for, by where it was set.
    pub(super) fn resolved(&self, entry: &RawSetting, path: &str) -> PathBuf {
        match entry.origin {
            SettingOrigin::File(_) => self.file_folder.join(path),
            SettingOrigin::Default | SettingOrigin::Variable(_) => PathBuf::from(path),
        }
    }

    /// A setting of the manual.
    pub(super) fn find(&self, name: &str) -> Option<&RawSetting> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    pub(super) fn into_entries(self) -> Vec<RawSetting> {
        self.entries
    }

    pub(super) fn unknown(&self, origin: &SettingOrigin, written: &str) -> ConfigError {
        let as_written = |entry: &RawSetting| match origin {
            SettingOrigin::Variable(_) => variable_of(&entry.name),
            _ => entry.name.clone(),
        };
        let likeness = |known: &String| {
            // Who forgot the section meant one of its settings.
            let bare = known.rsplit_once('.').map_or(known.as_str(), |(_, bare)| bare);
            let known = if written.contains('.') { known } else { bare };
            strsim::normalized_damerau_levenshtein(written, known)
        };
        let names = self.entries.iter().map(as_written);
        let nearest = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default();
        ConfigError::Unknown { origin: origin.clone(), name: written.to_owned(), nearest }
    }
}

/// `section.name` and value of all that stands in a TOML text.
fn settings_in(text: &str, origin: &SettingOrigin) -> Result<Vec<(String, Value)>, ConfigError> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
        origin: origin.clone(),
        line: 1 + error.span().map_or(0, |span| text[..span.start].matches('\n').count()),
        what: error.message().to_owned(),
    })?;
    let mut found = Vec::new();
    for (section, value) in table {
        match value {
            Value::Table(settings) => {
                found.extend(settings.into_iter().map(|(name, value)| (format!("{section}.{name}"), value)));
            }
            value => found.push((section, value)),
        }
    }
    Ok(found)
}

fn kind(default: &Value) -> String {
    match default {
        Value::Integer(_) => "a whole number".to_owned(),
        Value::Float(_) => "a number".to_owned(),
        Value::Boolean(_) => "true or false".to_owned(),
        Value::Array(_) => "a list of texts".to_owned(),
        Value::String(text) if text.is_empty() => "a text in quotes".to_owned(),
        default => format!("a text such as {default}"),
    }
}

fn variable_of(setting: &str) -> String {
    format!("{PREFIX}{}", setting.replace('.', "_").to_uppercase())
}

fn split_list(text: &str) -> Vec<Value> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| Value::String(item.to_owned())).collect()
}

/// Kubernetes gives every pod variables named after the services of its namespace; where one is called
/// `keyward`, they look like settings.
fn is_service_link(variable: &str, text: &str) -> bool {
    variable.ends_with("_SERVICE_HOST")
        || variable.contains("_SERVICE_PORT")
        || variable.contains("_PORT_")
        || (variable.ends_with("_PORT") && text.contains("://"))
}
