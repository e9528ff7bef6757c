//! The hash of an app's session: its fields, written from a [`NewAppSession`] and read back as an
//! [`AppSession`].
//!
//! It lies under `session:<session id>` like a sign-in's, and no script takes the one for the other,
//! because they have no field in common: `U` user, `A` app, `P` address, `T` life left alone, `F` there =
//! fixed, `M` the moment no use lengthens it beyond, `R` reads, `W` writes and so the version, `S`
//! creation, `L` last activity, `E` expiry, `Y` the mark of the last set or end, after a set with the `L`
//! before it. Each key of the data is a field, with its quotes.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use crate::{
    domain::{
        app::AppName,
        app_session::{AppIp, AppSession, AppUser, NewAppSession},
        app_session_data::{AppData, json_key},
        clock::Timestamp,
        ids::SessionId,
    },
    store::{
        error::StoreError,
        redis::{connection::error::corrupt, millis},
    },
};

/// A hash as `HGETALL` gives it.
pub type Fields = BTreeMap<String, String>;

/// The fields of a new session, name after value, for `open.lua`.
pub fn fields(session: &NewAppSession, expires: Timestamp) -> Vec<String> {
    let created = session.created_at;
    let mut fields = vec![
        ("U".to_owned(), session.user.as_str().to_owned()),
        ("A".to_owned(), session.app.as_str().to_owned()),
        ("P".to_owned(), session.ip.as_str().to_owned()),
        ("T".to_owned(), millis(session.life.ttl()).to_string()),
        ("R".to_owned(), "1".to_owned()),
        ("W".to_owned(), "1".to_owned()),
        ("S".to_owned(), created.millis().to_string()),
        ("L".to_owned(), created.millis().to_string()),
        ("E".to_owned(), expires.millis().to_string()),
    ];
    fields.extend(session.life.is_fixed().then(|| ("F".to_owned(), "1".to_owned())));
    fields.extend(session.life.end(created).map(|end| ("M".to_owned(), end.millis().to_string())));
    fields.extend(session.data.iter().map(|(key, value)| (json_key(key), value.to_string())));
    fields.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

/// Reads the hash of a session of `app`; `None` = it is none, or it is over.
pub fn session(
    app: &AppName,
    id: SessionId,
    fields: &Fields,
    now: Timestamp,
) -> Result<Option<AppSession>, StoreError> {
    let read = Hash { id, fields };
    if fields.get("A").is_none_or(|kept| kept != app.as_str()) || read.time("E")? <= now {
        return Ok(None);
    }
    Ok(Some(AppSession {
        id,
        app: app.clone(),
        user: read.text("U").and_then(|text| AppUser::parse(text).map_err(|_| read.unreadable()))?,
        ip: read.text("P").and_then(|text| AppIp::parse(text).map_err(|_| read.unreadable()))?,
        data: read.data()?,
        reads: read.parsed("R")?,
        writes: read.parsed("W")?,
        ttl: read.parsed("T").map(Duration::from_millis)?,
        is_fixed: fields.contains_key("F"),
        created_at: read.time("S")?,
        last_seen_at: read.time("L")?,
        expires_at: read.time("E")?,
    }))
}

struct Hash<'a> {
    id: SessionId,
    fields: &'a Fields,
}

impl Hash<'_> {
    fn text(&self, name: &str) -> Result<&str, StoreError> {
        self.fields.get(name).map(String::as_str).ok_or_else(|| self.unreadable())
    }

    fn parsed<T: FromStr>(&self, name: &str) -> Result<T, StoreError> {
        self.text(name)?.parse().map_err(|_| self.unreadable())
    }

    fn time(&self, name: &str) -> Result<Timestamp, StoreError> {
        self.parsed(name).map(Timestamp::from_millis)
    }

    fn data(&self) -> Result<AppData, StoreError> {
        let data = self.fields.iter().filter(|(name, _)| name.starts_with('"'));
        let read = data.map(|(name, value)| Some((key(name)?, serde_json::from_str(value).ok()?)));
        let object: Option<serde_json::Map<_, _>> = read.collect();
        object.and_then(|object| AppData::from_json(object).ok()).ok_or_else(|| self.unreadable())
    }

    fn unreadable(&self) -> StoreError {
        corrupt("hash of an app's session", self.id)
    }
}

fn key(name: &str) -> Option<String> {
    serde_json::from_str(name).ok()
}
