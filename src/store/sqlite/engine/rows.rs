//! From rows to what they mean. A row that says what this server never writes is an error that
//! names table, column and row, not a default and not a panic.

use std::str::FromStr;

use rusqlite::{
    Row,
    types::{FromSql, ValueRef},
};

use super::errors::corrupt;
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::{SessionId, UserId},
        locale::Locale,
        user::{Email, Role, User, UserStatus, Username},
    },
    store::error::StoreError,
};

/// Reads the value at `place`, which is `table.column`; the row's id is its first column.
pub(in crate::store::sqlite) fn value<T: FromSql>(
    row: &Row<'_>,
    place: &'static str,
) -> Result<T, StoreError> {
    let column = place.rsplit('.').next().unwrap_or(place);
    row.get(column).map_err(|_| unreadable(row, place))
}

/// Reads a text that must parse.
pub(in crate::store::sqlite) fn parsed<T: FromStr>(
    row: &Row<'_>,
    place: &'static str,
) -> Result<T, StoreError> {
    parsed_by(row, place, |text| text.parse().ok())
}

/// Reads a text that `parse` must accept.
pub(in crate::store::sqlite) fn parsed_by<T>(
    row: &Row<'_>,
    place: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text: String = value(row, place)?;
    parse(&text).ok_or_else(|| unreadable(row, place))
}

/// Reads a text that may be missing and otherwise must be accepted by `parse`.
pub(in crate::store::sqlite) fn optional<T>(
    row: &Row<'_>,
    place: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let text: Option<String> = value(row, place)?;
    text.map(|text| parse(&text).ok_or_else(|| unreadable(row, place))).transpose()
}

/// Reads texts that `parse` must accept, as [`join`] wrote them.
pub(in crate::store::sqlite) fn list<T>(
    row: &Row<'_>,
    place: &'static str,
    parse: impl FnMut(&str) -> Option<T>,
) -> Result<Vec<T>, StoreError> {
    parsed_by(row, place, |text| text.split_terminator(' ').map(parse).collect())
}

/// Texts that hold no space, as one text.
pub(in crate::store::sqlite) fn join<T>(items: &[T], text: impl FnMut(&T) -> &str) -> String {
    items.iter().map(text).collect::<Vec<_>>().join(" ")
}

pub(in crate::store::sqlite) fn timestamp(
    row: &Row<'_>,
    place: &'static str,
) -> Result<Timestamp, StoreError> {
    value(row, place).map(Timestamp::from_millis)
}

pub(in crate::store::sqlite) fn optional_timestamp(
    row: &Row<'_>,
    place: &'static str,
) -> Result<Option<Timestamp>, StoreError> {
    Ok(value::<Option<i64>>(row, place)?.map(Timestamp::from_millis))
}

/// Reads timestamps of 8 bytes each, big-endian, one after the other; none where there is nothing.
pub(in crate::store::sqlite) fn timestamps(
    row: &Row<'_>,
    place: &'static str,
) -> Result<Vec<Timestamp>, StoreError> {
    let bytes: Option<Vec<u8>> = value(row, place)?;
    let (moments, rest) = bytes.as_deref().unwrap_or_default().as_chunks::<8>();
    if !rest.is_empty() {
        return Err(unreadable(row, place));
    }
    Ok(moments.iter().map(|moment| Timestamp::from_millis(i64::from_be_bytes(*moment))).collect())
}

pub(in crate::store::sqlite) fn session_id(
    row: &Row<'_>,
    place: &'static str,
) -> Result<SessionId, StoreError> {
    value(row, place).map(SessionId::from_bytes)
}

pub(in crate::store::sqlite) fn user_id(row: &Row<'_>, place: &'static str) -> Result<UserId, StoreError> {
    value(row, place).map(UserId::from_uuid)
}

pub(in crate::store::sqlite) fn app_name(row: &Row<'_>, place: &'static str) -> Result<AppName, StoreError> {
    parsed_by(row, place, |text| AppName::parse(text).ok())
}

/// The error for the value at `place`. The id is written as `hex(id)` of SQL would.
pub(in crate::store::sqlite) fn unreadable(row: &Row<'_>, place: &'static str) -> StoreError {
    let id = match row.get_ref(0) {
        Ok(ValueRef::Blob(bytes)) => hex(bytes),
        Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
        _ => "a row".to_owned(),
    };
    corrupt(place, id)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02X}"))
}

/// A row of `users`, but for its password.
pub(in crate::store::sqlite) fn user(row: &Row<'_>) -> Result<User, StoreError> {
    Ok(User {
        id: user_id(row, "users.id")?,
        username: parsed_by(row, "users.username", |text| Username::known(text).ok())?,
        email: optional(row, "users.email", |text| Email::known(text).ok())?,
        email_verified: value(row, "users.email_verified")?,
        roles: list(row, "users.roles", |text| Role::parse(text).ok())?,
        roles_at: value(row, "users.roles_at").map(Timestamp::from_secs)?,
        status: parsed_by(row, "users.status", status)?,
        locale: optional(row, "users.locale", |text| Locale::parse(text).ok())?,
        created_at: timestamp(row, "users.created_at")?,
    })
}

/// The word for it in the column.
pub(in crate::store::sqlite) const fn status_word(status: UserStatus) -> &'static str {
    match status {
        UserStatus::Active => "active",
        UserStatus::Disabled => "disabled",
    }
}

fn status(word: &str) -> Option<UserStatus> {
    match word {
        "active" => Some(UserStatus::Active),
        "disabled" => Some(UserStatus::Disabled),
        _ => None,
    }
}
