//! Supabase: the table `auth.users`, as CSV or as a JSON list of its rows. Who has no name signs in with the address,
//! or the telephone number where there is no address either.

use std::{fs::File, io::BufReader};

use serde::Deserialize;

use super::{
    Read,
    csv::{Header, Records},
    json::{elements, moment, parse, truth},
    row::{self, Refusal, Row},
};
use crate::{cli::error::CliError, domain::clock::Timestamp};

#[derive(Default, Deserialize)]
#[serde(default)]
struct SupabaseUser {
    id: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    encrypted_password: Option<String>,
    #[serde(deserialize_with = "moment")]
    email_confirmed_at: Option<String>,
    #[serde(deserialize_with = "moment")]
    created_at: Option<String>,
    #[serde(deserialize_with = "moment")]
    banned_until: Option<String>,
    #[serde(deserialize_with = "moment")]
    deleted_at: Option<String>,
    #[serde(deserialize_with = "truth")]
    is_anonymous: Option<bool>,
}

pub(super) fn read_table(file: BufReader<File>, read: &Read<'_>) -> Result<(), CliError> {
    let place = read.place();
    let mut records = Records::of(file, &place);
    let Some((_, Ok(header))) = records.next()? else { return Ok(()) };
    let header = Header::foreign(header);
    let now = read.now();
    while let Some((line, cells)) = records.next()? {
        let user = cells.and_then(|cells| header.named(cells)).map(of_cells);
        read.row(line, user.and_then(|user| row(user, now)))?;
    }
    Ok(())
}

pub(super) fn read_document(file: BufReader<File>, read: &Read<'_>) -> Result<(), CliError> {
    let (place, now) = (read.place(), read.now());
    elements(file, &place, None, &mut |line, user| {
        read.row(line, parse(user.as_bytes()).and_then(|user| row(user, now)))
    })
}

fn of_cells(cells: Vec<(&str, String)>) -> SupabaseUser {
    let mut user = SupabaseUser::default();
    // A null is written as nothing or as the word.
    for (column, cell) in cells.into_iter().filter(|(_, cell)| !cell.is_empty() && cell != "null") {
        match column {
            "id" => user.id = Some(cell),
            "email" => user.email = Some(cell),
            "phone" => user.phone = Some(cell),
            "encrypted_password" => user.encrypted_password = Some(cell),
            "email_confirmed_at" => user.email_confirmed_at = Some(cell),
            "created_at" => user.created_at = Some(cell),
            "banned_until" => user.banned_until = Some(cell),
            "deleted_at" => user.deleted_at = Some(cell),
            "is_anonymous" => user.is_anonymous = Some(cell.starts_with('t')),
            _ => {}
        }
    }
    user
}

fn row(user: SupabaseUser, now: Timestamp) -> Result<Row, Refusal> {
    if user.deleted_at.is_some_and(|moment| !moment.is_empty()) {
        return Err(Refusal("it is deleted there".to_owned()));
    }
    if user.is_anonymous == Some(true) {
        return Err(Refusal("it is an anonymous one, which nobody signs in to".to_owned()));
    }
    let banned_until = user.banned_until.filter(|moment| !moment.is_empty());
    // Of a moment that cannot be read it is not known that it is over.
    let is_banned = banned_until.is_some_and(|text| row::moment(&text).is_none_or(|until| until > now));
    Ok(Row {
        id: user.id,
        username: user.email.clone().filter(|email| !email.is_empty()).or(user.phone),
        email_verified: Some(user.email_confirmed_at.is_some_and(|moment| !moment.is_empty())),
        email: user.email,
        password_hash: user.encrypted_password,
        status: is_banned.then(|| "disabled".to_owned()),
        created_at: user.created_at,
        ..Row::default()
    })
}
