//! JSON: an account a line, or a document with a list of accounts, which is read one after another however long it is.
//! serde's own messages quote what they stumble over, so they are told in other words.

use std::{fmt, fs::File, io::BufReader};

use serde::{
    Deserialize,
    de::{DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Deserializer, value::RawValue};

use super::{
    Read,
    row::Refusal,
    source::{self, ACCOUNT_MAX_BYTES, Line, Metered, Place},
};
use crate::cli::error::CliError;

/// Reads each line as an account of the format `T`; empty ones are nobody's.
pub(super) fn lines<T: DeserializeOwned>(
    mut file: BufReader<File>,
    read: &Read<'_>,
    row: fn(T) -> Result<super::Row, Refusal>,
) -> Result<(), CliError> {
    let place = read.place();
    loop {
        let number = place.line();
        match source::next_line(&mut file, &place)? {
            None => return Ok(()),
            Some(Line::TooLong) => {
                read.row(number, Err(Refusal("the line is longer than 64 KiB".to_owned())))?;
            }
            Some(Line::Whole(line)) if line.trim_ascii().is_empty() => {}
            Some(Line::Whole(line)) => read.row(number, parse(&line).and_then(row))?,
        }
    }
}

/// Reads an account, and says what is wrong with it without a word of it.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Refusal> {
    let text = std::str::from_utf8(text).map_err(|_| Refusal("it is not UTF-8".to_owned()))?;
    // serde would take a list of values in the place of an object.
    if !text.trim_start().starts_with('{') {
        return Err(Refusal("it is not an account in JSON (column 1)".to_owned()));
    }
    let mut json = Deserializer::from_str(text);
    let parsed = serde_path_to_error::deserialize(&mut json);
    let value = parsed.map_err(|error| {
        let (path, cause) = (error.path().to_string(), error.inner());
        let text = cause.to_string();
        Refusal(match text.split('`').nth(1) {
            Some(member) if text.starts_with("duplicate field") => format!("{member}: it is there twice"),
            Some(_) if text.starts_with("unknown field") => {
                format!("column {}: there is no such member", cause.column())
            }
            _ if cause.is_data() && path != "." => format!("{path}: it is of another kind than it should be"),
            _ => format!("it is not an account in JSON (column {})", cause.column()),
        })
    })?;
    json.end().map_err(|_| Refusal("something comes after the account".to_owned()))?;
    Ok(value)
}

/// Reads each account of a document: of the list that it is, or of its member `list`.
pub(super) fn elements(
    file: BufReader<File>,
    place: &Place<'_>,
    list: Option<&str>,
    each: &mut dyn FnMut(u64, &str) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut failed = None;
    let mut json = Deserializer::from_reader(Metered::new(file, place));
    let elements = Elements { place, each, failed: &mut failed };
    let outcome = match list {
        None => elements.deserialize(&mut json),
        Some(name) => Member { name, elements }.deserialize(&mut json),
    };
    match (failed, outcome) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(_)) if place.is_spent() => {
            let why = "an account is longer than 64 KiB; what came before it has been read";
            Err(CliError::Refused(format!("line {}: {why}", place.line())))
        }
        (None, Err(_)) => Err(CliError::Refused(format!("line {}: it is not such a document", place.line()))),
    }
}

/// A list, one element after another.
struct Elements<'e, 'a> {
    place: &'e Place<'a>,
    each: &'e mut dyn FnMut(u64, &str) -> Result<(), CliError>,
    /// What went wrong besides the text.
    failed: &'e mut Option<CliError>,
}

impl<'de> DeserializeSeed<'de> for Elements<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = ();

    fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        loop {
            self.place.allow(ACCOUNT_MAX_BYTES);
            let Some(element) = list.next_element::<Box<RawValue>>()? else { break };
            // Where it begins.
            let lines = element.get().bytes().filter(|byte| *byte == b'\n').count();
            if let Err(error) = (self.each)(self.place.line() - lines as u64, element.get()) {
                *self.failed = Some(error);
                return Err(A::Error::custom("stopped"));
            }
        }
        self.place.allow(u64::MAX);
        Ok(())
    }
}

/// A list that is a member of the document.
struct Member<'n, 'e, 'a> {
    name: &'n str,
    elements: Elements<'e, 'a>,
}

impl<'de> DeserializeSeed<'de> for Member<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let place = self.elements.place;
        let mut elements = Some(self.elements);
        while let Some(name) = next_name(place, &mut members)? {
            if name == self.name {
                let elements = elements.take().ok_or_else(|| A::Error::custom("it is there twice"))?;
                members.next_value_seed(elements)?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        if elements.is_some() { Err(A::Error::custom("it is missing")) } else { Ok(()) }
    }
}

/// A member's name is kept while it is read, its value is passed over however long it is.
pub(super) fn next_name<'de, A: MapAccess<'de>>(
    place: &Place<'_>,
    members: &mut A,
) -> Result<Option<String>, A::Error> {
    place.allow(ACCOUNT_MAX_BYTES);
    let name = members.next_key()?;
    place.allow(u64::MAX);
    Ok(name)
}

/// A truth as JSON or as databases have it.
pub(super) fn truth<'de, D: serde::Deserializer<'de>>(json: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Truth {
        Is(bool),
        Number(u8),
        Text(String),
    }
    match Option::<Truth>::deserialize(json)? {
        None => Ok(None),
        Some(Truth::Is(is)) => Ok(Some(is)),
        Some(Truth::Number(number @ 0..=1)) => Ok(Some(number == 1)),
        Some(Truth::Text(text)) if ["t", "true"].contains(&text.as_str()) => Ok(Some(true)),
        Some(Truth::Text(text)) if ["f", "false", ""].contains(&text.as_str()) => Ok(Some(false)),
        Some(_) => Err(D::Error::custom("neither true nor false")),
    }
}

/// A moment as a text, or in milliseconds since 1970.
pub(super) fn moment<'de, D: serde::Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Moment {
        Millis(i64),
        Text(String),
    }
    let moment = Option::<Moment>::deserialize(json)?;
    Ok(moment.map(|moment| match moment {
        Moment::Millis(millis) => crate::domain::clock::Timestamp::from_millis(millis).rfc3339(),
        Moment::Text(text) => text,
    }))
}
