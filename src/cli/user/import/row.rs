//! An account as a file says it, and what it comes to: the names are those of Keyward's own format, into which the
//! others are brought. What is refused is said without its value, which may be a password in the wrong column.

use serde::{Deserialize, Serialize};

use crate::{
    auth::{
        Auth,
        accounts::import::{Newcomer, Provenance},
    },
    domain::{
        clock::Timestamp,
        locale::Locale,
        user::{Email, ROLES_MAX, Role, UserStatus, Username},
    },
};

/// Clocks differ; an account of tomorrow is a mistake.
const AHEAD: std::time::Duration = std::time::Duration::from_hours(24);

/// Why a row is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) String);

/// What holds for all rows of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Whether roles that Keyward itself knows are taken.
    pub(super) admins: bool,
    pub(super) now: Timestamp,
}

/// An account in Keyward's own format.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::cli::user) struct Row {
    pub(in crate::cli::user) username: Option<String>,
    pub(in crate::cli::user) email: Option<String>,
    pub(in crate::cli::user) email_verified: Option<bool>,
    pub(in crate::cli::user) password_hash: Option<String>,
    pub(in crate::cli::user) roles: Option<Vec<String>>,
    pub(in crate::cli::user) status: Option<String>,
    pub(in crate::cli::user) locale: Option<String>,
    pub(in crate::cli::user) created_at: Option<String>,
    pub(in crate::cli::user) id: Option<String>,
}

impl Refusal {
    pub(super) fn of(member: &str, why: &str) -> Self {
        Self(format!("{member}: {why}"))
    }
}

impl Row {
    /// The account, if it can be one.
    pub(super) fn newcomer(self, terms: Terms) -> Result<Newcomer, Refusal> {
        let email = given(self.email);
        let username = given(self.username).or_else(|| email.clone());
        let username =
            username.ok_or_else(|| Refusal::of("username", "there is neither a name nor an address"))?;
        Ok(Newcomer {
            username: Username::parse(&username).map_err(|why| Refusal::of("username", why.0))?,
            email_verified: email.is_some() && self.email_verified.unwrap_or(false),
            email: email
                .map(|text| Email::parse(&text).map_err(|why| Refusal::of("email", why.0)))
                .transpose()?,
            password_hash: given(self.password_hash)
                .map(|text| Auth::accept_hash(&text).map_err(|bad| Refusal::of("password_hash", bad.why())))
                .transpose()?,
            roles: roles(self.roles.unwrap_or_default(), terms)?,
            status: status(self.status.as_deref())?,
            locale: given(self.locale)
                .map(|text| Locale::parse(&text).map_err(|why| Refusal::of("locale", &why.to_string())))
                .transpose()?,
            created_at: given(self.created_at).map(|text| created_at(&text, terms.now)).transpose()?,
            provenance: provenance(given(self.id))?,
        })
    }
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn roles(names: Vec<String>, terms: Terms) -> Result<Vec<Role>, Refusal> {
    let mut roles = Vec::new();
    for name in names {
        let role = Role::parse(&name).map_err(|why| Refusal::of("roles", why.0))?;
        let is_keywards_own = name == Role::ADMIN || name.starts_with("admin.");
        if is_keywards_own && !terms.admins {
            let why =
                "admin and what begins with admin. is Keyward's own, and taken with --with-admin-roles alone";
            return Err(Refusal::of("roles", why));
        }
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    if roles.len() > ROLES_MAX {
        return Err(Refusal::of("roles", &format!("a user has at most {ROLES_MAX} of them")));
    }
    Ok(roles)
}

fn status(word: Option<&str>) -> Result<UserStatus, Refusal> {
    match word.unwrap_or_default() {
        "" | "active" => Ok(UserStatus::Active),
        "disabled" => Ok(UserStatus::Disabled),
        _ => Err(Refusal::of("status", "it is active or disabled")),
    }
}

/// An id that is a UUID is kept, however it is written.
fn provenance(id: Option<String>) -> Result<Provenance, Refusal> {
    let Some(id) = id else { return Ok(Provenance::Unknown) };
    match id.to_ascii_lowercase().parse() {
        Ok(id) => Ok(Provenance::Id(id)),
        Err(_) if id.len() <= 256 => Ok(Provenance::Elsewhere(id)),
        Err(_) => Err(Refusal::of("id", "it is longer than any id")),
    }
}

fn created_at(text: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
    let moment = moment(text).ok_or_else(|| Refusal::of("created_at", "it is no time as in RFC 3339"))?;
    if moment < Timestamp::from_secs(0) || moment > now + AHEAD {
        return Err(Refusal::of("created_at", "it is before 1970 or in the future"));
    }
    Ok(moment)
}

/// RFC 3339, or as databases write it: with a space, a zone of hours alone, no zone (UTC), no time of day.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    if text.len() > 40 || !text.is_ascii() {
        return None;
    }
    let (date, time) = text.split_at_checked(10)?;
    let time = match time.strip_prefix(['T', ' ']) {
        Some(time) => time,
        None if time.is_empty() => "00:00:00Z",
        None => return None,
    };
    let (clock, zone) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => (time, "Z"),
    };
    let zone = match zone.len() {
        3 => format!("{zone}:00"),
        5 if !zone.contains(':') => format!("{}:{}", &zone[..3], &zone[3..]),
        _ => zone.to_owned(),
    };
    Timestamp::parse_rfc3339(&format!("{date}T{clock}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_databases_write_them() {
        let expected = Timestamp::from_millis(1_700_000_000_123);
        for text in [
            "2023-11-14T22:13:20.123Z",
            "2023-11-14T22:13:20.123456+00:00",
            "2023-11-14 22:13:20.123456+00",
            "2023-11-14 23:13:20.123+0100",
            "2023-11-14 22:13:20.123",
        ] {
            assert_eq!(moment(text), Some(expected), "{text}");
        }
        assert_eq!(moment("1970-01-02"), Some(Timestamp::from_secs(86_400)));
        for text in
            ["", "now", "1700000000", "2023-11-14x", "2023-13-14", "2023-11-14T", "2023-11-14T25:00:00Z"]
        {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
