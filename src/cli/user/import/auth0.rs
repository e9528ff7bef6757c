//! Auth0: the bulk export (a user a line, with `passwordHash` where support has added the hashes), and the list that
//! its bulk import takes (`password_hash`, `custom_password_hash`).

use std::{fs::File, io::BufReader};

use serde::Deserialize;

use super::{
    Read,
    json::{self, elements, parse, truth},
    row::{Refusal, Row},
};
use crate::cli::error::CliError;

#[derive(Deserialize)]
struct Auth0User {
    user_id: Option<String>,
    #[serde(rename = "_id")]
    key: Option<ObjectId>,
    username: Option<String>,
    email: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    email_verified: Option<bool>,
    #[serde(default, deserialize_with = "truth")]
    blocked: Option<bool>,
    #[serde(rename = "passwordHash")]
    exported_hash: Option<String>,
    password_hash: Option<String>,
    custom_password_hash: Option<CustomHash>,
    created_at: Option<Moment>,
    locale: Option<String>,
}

#[derive(Deserialize)]
struct ObjectId {
    #[serde(rename = "$oid")]
    oid: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Moment {
    Text(String),
    Dated {
        #[serde(rename = "$date")]
        date: String,
    },
}

#[derive(Deserialize)]
struct CustomHash {
    algorithm: String,
    hash: CustomValue,
}

#[derive(Deserialize)]
struct CustomValue {
    value: String,
}

pub(super) fn read_lines(file: BufReader<File>, read: &Read<'_>) -> Result<(), CliError> {
    json::lines(file, read, row)
}

pub(super) fn read_document(file: BufReader<File>, read: &Read<'_>) -> Result<(), CliError> {
    let place = read.place();
    elements(file, &place, None, &mut |line, user| read.row(line, parse(user.as_bytes()).and_then(row)))
}

fn row(user: Auth0User) -> Result<Row, Refusal> {
    let custom = user.custom_password_hash.map(custom).transpose()?;
    Ok(Row {
        id: user.user_id.or_else(|| user.key.map(|key| key.oid)),
        username: user.username,
        email: user.email,
        email_verified: user.email_verified,
        password_hash: user.exported_hash.or(user.password_hash).or(custom),
        status: (user.blocked == Some(true)).then(|| "disabled".to_owned()),
        created_at: user.created_at.map(|moment| match moment {
            Moment::Text(text) | Moment::Dated { date: text } => text,
        }),
        locale: user.locale,
        roles: None,
    })
}

/// Those that are one text; with the others, salt and costs are apart, or the hash is a plain one.
fn custom(hash: CustomHash) -> Result<String, Refusal> {
    match hash.algorithm.as_str() {
        "bcrypt" | "argon2" | "pbkdf2" => Ok(hash.hash.value),
        _ => Err(Refusal::of("custom_password_hash", "of these, bcrypt, argon2 and pbkdf2 are taken")),
    }
}
