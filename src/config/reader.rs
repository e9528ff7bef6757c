//! Reads one setting into its type, or says which one is wrong, where it stands and what it takes.

use std::{
    ops::{RangeBounds, RangeInclusive},
    path::PathBuf,
    time::Duration,
};

use super::{
    error::ConfigError,
    layers::{Layers, RawSetting},
    listing,
    origin::SettingOrigin,
    values,
};

impl Layers {
    /// A text that `parse` takes.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let entry = self.entry(name)?;
        let text = entry.value.as_str().unwrap_or_default();
        parse(text).ok_or_else(|| rejected(entry, wanted))
    }

    /// Like [`Layers::parsed`], where the empty text stands for none.
    pub(super) fn optional<T>(
        &self,
        name: &str,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        self.parsed(name, wanted, |text| if text.is_empty() { Some(None) } else { parse(text).map(Some) })
    }

    /// A path, or none; one in a settings file that was named begins in the folder of that file.
    pub(super) fn path(&self, name: &str) -> Result<Option<PathBuf>, ConfigError> {
        let entry = self.entry(name)?;
        self.optional(name, "", |text| Some(self.resolved(entry, text)))
    }

    /// The path of a folder.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf, ConfigError> {
        let entry = self.entry(name)?;
        self.path(name)?.ok_or_else(|| rejected(entry, "the path of a folder"))
    }

    /// A text that is taken as it is, or none.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        self.optional(name, "", |text| Some(text.to_owned()))
    }

    /// One of a few words.
    pub(super) fn word<T: Clone>(&self, name: &str, words: &[(&str, T)]) -> Result<T, ConfigError> {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let find = |text: &str| words.iter().find(|(word, _)| *word == text);
        self.parsed(name, &known.join(" or "), |text| find(text).map(|(_, value)| value.clone()))
    }

    /// A duration within limits, which `limits` says in words.
    pub(super) fn duration(
        &self,
        name: &str,
        within: impl RangeBounds<Duration>,
        limits: &str,
    ) -> Result<Duration, ConfigError> {
        let wanted = format!("a duration such as 500ms, 60s, 15m or 7d{limits}");
        self.parsed(name, &wanted, |text| values::duration(text).filter(|d| within.contains(d)))
    }

    /// A duration of whole seconds, at least one: Redis's expiries and a JWT's times know no less.
    pub(super) fn seconds(&self, name: &str) -> Result<Duration, ConfigError> {
        let wanted = "a duration such as 60s, 15m or 7d, of whole seconds and at least 1s";
        self.parsed(name, wanted, whole_seconds)
    }

    /// The same, and no longer than that.
    pub(super) fn seconds_up_to(&self, name: &str, longest: Duration) -> Result<Duration, ConfigError> {
        let hours = longest.as_secs() / 3600;
        let wanted = format!("a duration such as 60s or 15m, of whole seconds, from 1s to {hours}h");
        self.parsed(name, &wanted, |text| whole_seconds(text).filter(|duration| *duration <= longest))
    }

    /// A whole number within limits.
    pub(super) fn number<T: TryFrom<i64> + PartialOrd + std::fmt::Display + Copy>(
        &self,
        name: &str,
        within: RangeInclusive<T>,
    ) -> Result<T, ConfigError> {
        let entry = self.entry(name)?;
        let number = entry.value.as_integer().and_then(|number| T::try_from(number).ok());
        number.filter(|number| within.contains(number)).ok_or_else(|| {
            rejected(entry, &format!("a whole number from {} to {}", within.start(), within.end()))
        })
    }

    /// A part of a whole, from 0 to 1.
    pub(super) fn ratio(&self, name: &str) -> Result<f64, ConfigError> {
        let entry = self.entry(name)?;
        let ratio = entry.value.as_float().filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio.ok_or_else(|| rejected(entry, "a number from 0.0 to 1.0"))
    }

    /// A list of texts that `parse` takes, each.
    pub(super) fn list<T>(
        &self,
        name: &str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, ConfigError> {
        let entry = self.entry(name)?;
        let items = entry.value.as_array().into_iter().flatten();
        let parsed: Option<Vec<T>> = items.map(|item| item.as_str().and_then(&parse)).collect();
        parsed.ok_or_else(|| rejected(entry, wanted))
    }

    pub(super) fn entry(&self, name: &str) -> Result<&RawSetting, ConfigError> {
        self.find(name).ok_or_else(|| self.unknown(&SettingOrigin::Default, name))
    }
}

fn whole_seconds(text: &str) -> Option<Duration> {
    values::duration(text).filter(|duration| duration.subsec_nanos() == 0 && !duration.is_zero())
}

fn rejected(entry: &RawSetting, wanted: &str) -> ConfigError {
    entry.invalid(&entry.origin, wanted, &listing::shown(&entry.name, &entry.value).to_string())
}
