//! The data of an app's session: a flat JSON object of bounded size, and what may be done to it.
//! A bad one is refused as a whole, before anything is written.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The most a session's data may take, in bytes of JSON.
pub const DATA_MAX_BYTES: usize = 64 * 1024;
pub const DATA_MAX_KEYS: usize = 256;
/// The longest key, in characters.
pub const DATA_KEY_MAX_CHARS: usize = 64;

/// Data that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidData {
    /// A key that is empty or too long.
    #[error("a key of the data has 1 to {DATA_KEY_MAX_CHARS} characters")]
    Key,
    /// An object or an array.
    #[error("a value of the data is a string, a number, a boolean or null")]
    Value,
    /// More than [`DATA_MAX_KEYS`].
    #[error("the data has at most {DATA_MAX_KEYS} keys")]
    TooManyKeys,
    /// More than [`DATA_MAX_BYTES`].
    #[error("the data takes at most 64 KiB")]
    TooLarge,
}

/// A session's data: text, numbers and booleans by key, within the bounds above.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AppData(BTreeMap<String, Value>);

impl AppData {
    /// Takes a JSON object. A key that is `null` is one that is not there.
    ///
    /// # Errors
    /// When a key or value is not one that is kept, or there is too much of them.
    pub fn from_json(object: Map<String, Value>) -> Result<Self, InvalidData> {
        let entries = checked(object)?;
        Self(entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()).bounded()
    }

    /// The data as a JSON object.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        self.0.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Its keys and values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What it becomes by `change`.
    ///
    /// # Errors
    /// When it would be too much.
    pub fn changed_by(&self, change: &DataChange) -> Result<Self, InvalidData> {
        let mut entries = if change.is_whole { BTreeMap::new() } else { self.0.clone() };
        for (key, value) in &change.entries {
            match value {
                Some(value) => entries.insert(key.clone(), value.clone()),
                None => entries.remove(key),
            };
        }
        Self(entries).bounded()
    }

    fn bounded(self) -> Result<Self, InvalidData> {
        if self.0.len() > DATA_MAX_KEYS {
            return Err(InvalidData::TooManyKeys);
        }
        // `{}`, and for each entry `"key":value` and a comma, but for the last.
        let entries: usize =
            self.0.iter().map(|(key, value)| json_key(key).len() + value.to_string().len() + 2).sum();
        if entries + 1 > DATA_MAX_BYTES {
            return Err(InvalidData::TooLarge);
        }
        Ok(self)
    }
}

/// A change of a session's data.
#[derive(Debug, Clone, PartialEq)]
pub struct DataChange {
    entries: BTreeMap<String, Option<Value>>,
    is_whole: bool,
}

impl DataChange {
    /// Keys are set, or removed where they are `null`; keys that are absent stay.
    ///
    /// # Errors
    /// As [`AppData::from_json`].
    pub fn merge(object: Map<String, Value>) -> Result<Self, InvalidData> {
        Self { entries: checked(object)?, is_whole: false }.bounded()
    }

    /// The object is all there is from now on.
    ///
    /// # Errors
    /// As [`AppData::from_json`].
    pub fn replace(object: Map<String, Value>) -> Result<Self, InvalidData> {
        Self { entries: checked(object)?, is_whole: true }.bounded()
    }

    /// Whether what it does not name is removed.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// What is set, and (`None`) what is removed.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&Value>)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value.as_ref()))
    }

    /// What it sets must fit even into a session without data; removals are bounded as well.
    fn bounded(self) -> Result<Self, InvalidData> {
        if self.entries.len() > DATA_MAX_KEYS {
            return Err(InvalidData::TooManyKeys);
        }
        AppData::default().changed_by(&self).map(|_| self)
    }
}

/// A key as JSON has it, quotes included.
#[must_use]
pub fn json_key(key: &str) -> String {
    Value::from(key).to_string()
}

fn checked(object: Map<String, Value>) -> Result<BTreeMap<String, Option<Value>>, InvalidData> {
    let check = |(key, value): (String, Value)| {
        if key.is_empty() || key.chars().nth(DATA_KEY_MAX_CHARS).is_some() {
            return Err(InvalidData::Key);
        }
        match value {
            Value::Null => Ok((key, None)),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok((key, Some(value))),
            Value::Array(_) | Value::Object(_) => Err(InvalidData::Value),
        }
    };
    object.into_iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(object) => object,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn a_merge_sets_removes_and_leaves() {
        let data = AppData::from_json(object(json!({"a": 1, "b": "x", "c": null}))).expect("data");
        assert_eq!(data.to_json(), object(json!({"a": 1, "b": "x"})));
        let change = object(json!({"a": null, "d": true}));
        let merged = data.changed_by(&DataChange::merge(change.clone()).expect("a change")).expect("fits");
        assert_eq!(merged.to_json(), object(json!({"b": "x", "d": true})));
        let whole = data.changed_by(&DataChange::replace(change).expect("a change")).expect("fits");
        assert_eq!(whole.to_json(), object(json!({"d": true})));
    }

    #[test]
    fn the_bounds_are_exact() {
        let sized = |bytes: usize| AppData::from_json(object(json!({"k": "x".repeat(bytes - 8)})));
        let full = sized(DATA_MAX_BYTES).expect("fits");
        assert_eq!(Value::Object(full.to_json()).to_string().len(), DATA_MAX_BYTES);
        assert_eq!(sized(DATA_MAX_BYTES + 1), Err(InvalidData::TooLarge));

        let keys = |count: usize| AppData::from_json((0..count).map(|n| (n.to_string(), n.into())).collect());
        assert!(keys(DATA_MAX_KEYS).is_ok());
        assert_eq!(keys(DATA_MAX_KEYS + 1), Err(InvalidData::TooManyKeys));

        let named =
            |chars: usize| AppData::from_json([("é".repeat(chars), true.into())].into_iter().collect());
        assert!(named(DATA_KEY_MAX_CHARS).is_ok());
        assert_eq!(named(DATA_KEY_MAX_CHARS + 1), Err(InvalidData::Key));
        assert_eq!(named(0), Err(InvalidData::Key));
        assert_eq!(AppData::from_json(object(json!({"a": [1]}))), Err(InvalidData::Value));
        assert_eq!(DataChange::merge(object(json!({"a": {}}))), Err(InvalidData::Value));
    }
}
