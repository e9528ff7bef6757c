//! The session hash: its fields, written from a [`NewSession`] and read back as a [`Session`].
//!
//! Names are one letter and values at most 64 bytes, so that Redis keeps the hash as a listpack:
//! `u` user (16 bytes), `a` app, `n` generation, `i` when it was issued, `c` when it was first seen in use
//! and so the one before it replaced, `r` when those before that were (7 of 6 bytes, the latest first), `v`
//! the latest generation that was re-issued late and `w` how many in a row, `s` sign-in, `l` last seen, `e`
//! expiry, `z` until when an access token of it can live, `k` and `p` what is kept of the current and the
//! parent token (see [`Keys::trace`](crate::store::redis::keys::Keys::trace)), `d` device, `o` address, `1` to `4` the
//! `User-Agent` in parts. One that has ended keeps `u a k p e z`, with `x` why, `t` when and `y` by which
//! call. The version before wrote no `r`, `v`, `w` and `z`.

use std::str::FromStr;

use redis::Value;
use uuid::Uuid;

use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::{SessionId, UserId},
        session::{Device, NewSession, Session},
    },
    store::{
        error::StoreError,
        redis::connection::error::{corrupt, unexpected},
    },
};

/// The longest value of a hash that is still kept as a listpack (`hash-max-listpack-value`).
const PART: usize = 64;

/// The fields a listing reads, in the order [`session`] takes them.
pub const SHOWN: [&str; 13] = ["u", "a", "n", "s", "l", "e", "x", "d", "o", "1", "2", "3", "4"];

/// The fields of a new session, name after value, for `open.lua`.
pub fn fields(
    session: &NewSession,
    trace: Option<Vec<u8>>,
    expires_at: Timestamp,
    tokens_until: Timestamp,
) -> Vec<Vec<u8>> {
    let created = session.created_at.millis().to_string();
    let mut fields: Vec<(&str, Vec<u8>)> = vec![
        ("u", session.user.uuid().as_bytes().to_vec()),
        ("a", session.app.as_str().into()),
        ("n", b"0".to_vec()),
        ("i", created.clone().into()),
        ("s", created.clone().into()),
        ("l", created.into()),
        ("e", expires_at.millis().to_string().into()),
        ("z", tokens_until.millis().to_string().into()),
    ];
    fields.extend(trace.map(|trace| ("k", trace)));
    let Device { name, ip, user_agent } = &session.device;
    fields.extend(name.iter().map(|name| ("d", name.clone().into_bytes())));
    fields.extend(ip.iter().map(|ip| ("o", ip.to_string().into_bytes())));
    let agent = user_agent.as_deref().unwrap_or_default().as_bytes();
    fields.extend(["1", "2", "3", "4"].into_iter().zip(agent.chunks(PART).map(<[u8]>::to_vec)));
    fields.into_iter().flat_map(|(name, value)| [name.as_bytes().to_vec(), value]).collect()
}

/// Reads what `HMGET` gave for [`SHOWN`]; `None` = there is none, or it is over.
pub fn session(id: SessionId, values: Value, now: Timestamp) -> Result<Option<Session>, StoreError> {
    let values: Vec<Option<Vec<u8>>> = redis::from_redis_value(values).map_err(unexpected)?;
    let [user, app, generation, created, last, expires, ended, device, ip, agent @ ..] = values.as_slice()
    else {
        return Err(corrupt("session hash", id));
    };
    let (Some(user), None) = (user, ended) else { return Ok(None) };
    let read = Reader { id };
    let expires_at = read.time("session hash e", expires.as_deref())?;
    if expires_at <= now {
        return Ok(None);
    }
    let device: Option<String> = read.optional("session hash d", device.as_deref())?;
    let ip = read.optional("session hash o", ip.as_deref())?;
    let agent: Vec<u8> = agent.iter().flatten().flatten().copied().collect();
    let agent: Option<String> = read.optional("session hash 1-4", Some(&agent))?;
    Ok(Some(Session {
        id,
        user: read.user(user)?,
        app: read.app(app.as_deref())?,
        device: Device::new(device.as_deref(), ip, agent.as_deref()),
        generation: read.parsed("session hash n", generation.as_deref())?,
        created_at: read.time("session hash s", created.as_deref())?,
        last_seen_at: read.time("session hash l", last.as_deref())?,
        expires_at,
    }))
}

/// Reads values of one session, and says which one cannot be read.
#[derive(Clone, Copy)]
pub struct Reader {
    pub id: SessionId,
}

impl Reader {
    pub fn user(self, value: &[u8]) -> Result<UserId, StoreError> {
        let uuid = Uuid::from_slice(value).map_err(|_| corrupt("session hash u", self.id))?;
        Ok(UserId::from_uuid(uuid))
    }

    pub fn app(self, value: Option<&[u8]>) -> Result<AppName, StoreError> {
        let text = value.and_then(|value| std::str::from_utf8(value).ok());
        text.and_then(|text| AppName::parse(text).ok()).ok_or_else(|| corrupt("session hash a", self.id))
    }

    fn time(self, place: &'static str, value: Option<&[u8]>) -> Result<Timestamp, StoreError> {
        self.parsed(place, value).map(Timestamp::from_millis)
    }

    pub fn parsed<T: FromStr>(self, place: &'static str, value: Option<&[u8]>) -> Result<T, StoreError> {
        let text = value.and_then(|value| std::str::from_utf8(value).ok());
        text.and_then(|text| text.parse().ok()).ok_or_else(|| corrupt(place, self.id))
    }

    pub fn optional<T: FromStr>(
        self,
        place: &'static str,
        value: Option<&[u8]>,
    ) -> Result<Option<T>, StoreError> {
        value.filter(|value| !value.is_empty()).map(|value| self.parsed(place, Some(value))).transpose()
    }
}
