//! Which format a file is in: by the first members or columns that it names.

use std::{cell::Cell, fmt, fs::File, io, io::BufRead, io::BufReader, path::Path, sync::atomic::AtomicU64};

use clap::ValueEnum;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;

use super::{
    csv::Records,
    json::next_name,
    source::{self, ACCOUNT_MAX_BYTES, Metered, Place},
};
use crate::cli::error::CliError;

/// Where a file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Keyward's own columns, with a header
    Csv,
    /// Keyward's own members, an object a line
    Jsonl,
    /// A realm export with users
    Keycloak,
    /// The table auth.users, as CSV or a JSON list
    Supabase,
    /// The bulk export, or the list that its bulk import takes
    Auth0,
    /// The tables user and account in one JSON object
    BetterAuth,
    /// What `firebase auth:export` writes as JSON
    Firebase,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Table,
    /// An object, or one a line.
    Objects,
    List,
}

/// Nothing of a file is named in an error: it may not be what somebody thought it was.
pub(super) fn recognise(path: &Path) -> Result<Format, CliError> {
    match form(path)? {
        Form::Table => of_table(path),
        Form::Objects | Form::List => of_json(path),
    }
}

/// By the first byte that says something.
pub(super) fn form(path: &Path) -> io::Result<Form> {
    let mut file = source::open(path)?;
    loop {
        let bytes = file.fill_buf()?;
        let blank = bytes.len() - bytes.trim_ascii_start().len();
        match bytes.get(blank) {
            Some(b'{') => return Ok(Form::Objects),
            Some(b'[') => return Ok(Form::List),
            Some(_) => return Ok(Form::Table),
            None if bytes.is_empty() => return Ok(Form::Table),
            None => file.consume(blank),
        }
    }
}

fn of_table(path: &Path) -> Result<Format, CliError> {
    let read = AtomicU64::default();
    let place = Place::beginning(&read);
    let header = Records::of(source::open(path)?, &place).next()?;
    let is_supabase =
        matches!(header, Some((_, Ok(cells))) if cells.iter().any(|cell| cell == "encrypted_password"));
    Ok(if is_supabase { Format::Supabase } else { Format::Csv })
}

fn of_json(path: &Path) -> Result<Format, CliError> {
    let read = AtomicU64::default();
    let place = Place::beginning(&read);
    let seen = Cell::new(None);
    glance(source::open(path)?, &place, &seen);
    let unknown = "it is of no format that is recognised: name one with --format";
    seen.get().ok_or_else(|| CliError::Refused(unknown.to_owned()))
}

/// What is wrong with the text is said when it is read.
fn glance(file: BufReader<File>, place: &Place<'_>, seen: &Cell<Option<Format>>) {
    let mut json = Deserializer::from_reader(Metered::new(file, place));
    let _ = Glance { place, seen, is_list: false }.deserialize(&mut json);
}

/// Looks at names of members until one of them tells; then it ends as an error does.
#[derive(Clone, Copy)]
struct Glance<'g, 'a> {
    place: &'g Place<'a>,
    seen: &'g Cell<Option<Format>>,
    is_list: bool,
}

impl<'de> DeserializeSeed<'de> for Glance<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Glance<'_, '_> {
    type Value = ();

    fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str("an account, or a list of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        // An empty list is one of any format.
        self.seen.set(Some(Format::Auth0));
        self.place.allow(ACCOUNT_MAX_BYTES);
        list.next_element_seed(Self { is_list: true, ..self })?;
        Err(A::Error::custom("seen enough"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = next_name(self.place, &mut members)? {
            let told = match name.as_str() {
                "realm" => Format::Keycloak,
                "users" => Format::Firebase,
                "user" | "account" => Format::BetterAuth,
                "encrypted_password" | "instance_id" => Format::Supabase,
                "user_id" | "_id" | "passwordHash" | "identities" | "custom_password_hash" => Format::Auth0,
                _ => {
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            self.seen.set(Some(told));
            return Err(A::Error::custom("seen enough"));
        }
        // Keyward's own members are told by nothing else; its lists are lines.
        self.seen.set(Some(if self.is_list { Format::Auth0 } else { Format::Jsonl }));
        Ok(())
    }
}
