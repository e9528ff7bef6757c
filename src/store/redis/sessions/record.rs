//! The session hash: its fields, written from a [`NewSession`] and read back as what they say. A further fact
//! of a session is added here alone: the scripts carry the fields that they do not know as they are.
//!
//! Names are one letter and values at most 64 bytes, so that Redis keeps the hash as a listpack. Times are
//! in ms. One that has ended keeps `u a k p e z`, with `x` why, `t` when and `y` by which call; a session
//! without tokens has no `k` and `p`. Versions before wrote no `b`, `f`, `h`, `j`, `m`, `r`, `v`, `w` and `z`. Nodes of two versions
//! share these hashes while they are restarted one after the other: a field of another form needs a new name.

use std::str::FromStr;

use redis::Value;
use uuid::Uuid;

use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::{SessionId, UserId},
        key_proof::KeyThumbprint,
        proved::Proved,
        session::{Device, EndReason, NewSession, Session, SessionFacts},
        sign_in::{Method, Methods},
    },
    store::{
        error::StoreError,
        redis::connection::error::{corrupt, unexpected},
        sessions::Living,
    },
};

/// A field: its name, and what an error about it says.
#[derive(Clone, Copy)]
pub struct Field(&'static str, &'static str);

impl Field {
    /// A field that a script answers besides those of the record.
    pub const fn of_answer(name: &'static str) -> Self {
        Self(name, "answer of a script")
    }
}

/// The 16 bytes of the id.
const USER: Field = Field("u", "session hash u");
const APP: Field = Field("a", "session hash a");
const GENERATION: Field = Field("n", "session hash n");
/// When the current generation was issued. Only scripts read it, and `c`: when it was first seen in use, and so
/// the one before it replaced; `r`: when those before that were (7 of 6 bytes, the latest first); `v`: the latest
/// generation that was issued again late; `w`: how many in a row.
const ISSUED_AT: Field = Field("i", "session hash i");
const CREATED_AT: Field = Field("s", "session hash s");
const LAST_SEEN_AT: Field = Field("l", "session hash l");
const EXPIRES_AT: Field = Field("e", "session hash e");
/// Until when an access token of it can live.
const TOKENS_UNTIL: Field = Field("z", "session hash z");
/// The hashes of the current and the parent token ([`Keys::token_hash`](crate::store::redis::keys::Keys::token_hash)).
const CURRENT_HASH: Field = Field("k", "session hash k");
const PARENT_HASH: Field = Field("p", "session hash p");
/// [`NonceHash`](crate::domain::refresh_token::NonceHash), which scripts compare.
const NONCE_HASH: Field = Field("b", "session hash b");
const DEVICE: Field = Field("d", "session hash d");
const ADDRESS: Field = Field("o", "session hash o");
/// The `User-Agent`, in parts.
const AGENT: [Field; 4] = [
    Field("1", "session hash 1-4"),
    Field("2", "session hash 1-4"),
    Field("3", "session hash 1-4"),
    Field("4", "session hash 1-4"),
];
/// What was proved, where it is more than a password at the sign-in; since when, and when the last of it was.
const PROVED: Field = Field("m", "session hash m");
const PROVED_SINCE: Field = Field("f", "session hash f");
const PROVED_AT: Field = Field("h", "session hash h");
/// The thumbprint of the key that it is bound to, 32 bytes, which scripts compare.
const BOUND_TO: Field = Field("j", "session hash j");
const END_REASON: Field = Field("x", "session hash x");
const ENDED_AT: Field = Field("t", "session hash t");

/// What was proved where nothing is said of it.
const PASSWORD: Methods = Methods::of(&[Method::Password]);

/// The longest value of a hash that is still kept as a listpack (`hash-max-listpack-value`).
const PART: usize = 64;

/// The fields of a new session, name after value, for `open.lua`.
pub fn of_new(
    session: &NewSession,
    token_hash: Option<Vec<u8>>,
    expires_at: Timestamp,
    tokens_until: Timestamp,
) -> Vec<Vec<u8>> {
    let SessionFacts { user, app, device, created_at, proved, bound_to } = &session.facts;
    let created = || created_at.millis().to_string().into_bytes();
    let mut fields = vec![
        (USER, user.uuid().as_bytes().to_vec()),
        (APP, app.as_str().into()),
        (GENERATION, b"0".to_vec()),
        (ISSUED_AT, created()),
        (CREATED_AT, created()),
        (LAST_SEEN_AT, created()),
        (EXPIRES_AT, expires_at.millis().to_string().into()),
        (TOKENS_UNTIL, tokens_until.millis().to_string().into()),
        (NONCE_HASH, session.kind.nonce_hash().as_bytes().to_vec()),
    ];
    fields.extend(token_hash.map(|hash| (CURRENT_HASH, hash)));
    // What goes without saying is left out: these are the fields of most sessions.
    let is_said = [proved.methods != PASSWORD, proved.since != *created_at, proved.at != *created_at];
    fields
        .extend(of_proved(proved).into_iter().zip(is_said).filter(|(_, said)| *said).map(|(field, _)| field));
    fields.extend(bound_to.iter().map(|key| (BOUND_TO, key.as_bytes().to_vec())));
    let Device { name, ip, user_agent } = device;
    fields.extend(name.iter().map(|name| (DEVICE, name.clone().into_bytes())));
    fields.extend(ip.iter().map(|ip| (ADDRESS, ip.to_string().into_bytes())));
    let agent = user_agent.as_deref().unwrap_or_default().as_bytes();
    fields.extend(AGENT.into_iter().zip(agent.chunks(PART).map(<[u8]>::to_vec)));
    fields.into_iter().flat_map(|(Field(name, _), value)| [name.as_bytes().to_vec(), value]).collect()
}

/// The fields that say what was proved.
pub fn of_proved(proved: &Proved) -> [(Field, Vec<u8>); 3] {
    let moment = |at: Timestamp| at.millis().to_string().into_bytes();
    [
        (PROVED, proved.methods.words().into_bytes()),
        (PROVED_SINCE, moment(proved.since)),
        (PROVED_AT, moment(proved.at)),
    ]
}

/// What is left of a session that has ended.
pub struct Remains {
    pub reason: EndReason,
    pub ended_at: Timestamp,
    /// Until when an access token of it can live, where that is known.
    pub tokens_until: Option<Timestamp>,
    pub user: UserId,
    pub app: AppName,
    /// The hashes of the tokens that may have a key.
    pub token_hashes: Vec<Vec<u8>>,
}

/// Fields with their values; an error about one says which it is.
pub struct HashFields {
    session: SessionId,
    values: Vec<(Vec<u8>, Vec<u8>)>,
}

impl HashFields {
    /// As `HGETALL` gives them.
    pub fn new(session: SessionId, values: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        Self { session, values }
    }

    /// As scripts give them, in turn.
    pub fn read(session: SessionId, values: Vec<Value>) -> Result<Self, StoreError> {
        let bytes = |value| match value {
            Value::Int(number) => Ok(number.to_string().into_bytes()),
            value => redis::from_redis_value::<Vec<u8>>(value).map_err(unexpected),
        };
        let (mut values, mut pairs) = (values.into_iter(), Vec::new());
        while let (Some(name), Some(value)) = (values.next(), values.next()) {
            pairs.push((bytes(name)?, bytes(value)?));
        }
        Ok(Self::new(session, pairs))
    }

    /// The session, if it is alive.
    pub fn session(&self, now: Timestamp) -> Result<Option<Session>, StoreError> {
        if self.value(USER).is_none() || self.value(END_REASON).is_some() {
            return Ok(None);
        }
        let expires_at = self.time(EXPIRES_AT)?;
        if expires_at <= now {
            return Ok(None);
        }
        Ok(Some(Session {
            id: self.session,
            facts: self.facts()?,
            generation: self.generation()?,
            last_seen_at: self.time(LAST_SEEN_AT)?,
            expires_at,
        }))
    }

    /// A session of which a script has said that it lives.
    pub fn living(&self) -> Result<Living, StoreError> {
        Ok(Living { facts: self.facts()?, expires_at: self.time(EXPIRES_AT)? })
    }

    /// Whose it is or was, if it is there.
    pub fn owner(&self) -> Result<Option<(UserId, AppName)>, StoreError> {
        if self.value(USER).is_none() {
            return Ok(None);
        }
        Ok(Some((self.user()?, self.app()?)))
    }

    /// One of which a script has said that it has ended.
    pub fn remains(&self) -> Result<Remains, StoreError> {
        Ok(Remains {
            reason: self.parsed(END_REASON)?,
            ended_at: self.time(ENDED_AT)?,
            tokens_until: self.tokens_until()?,
            user: self.user()?,
            app: self.app()?,
            token_hashes: self.token_hashes(),
        })
    }

    fn facts(&self) -> Result<SessionFacts, StoreError> {
        let name: Option<String> = self.optional(DEVICE)?;
        let agent: Vec<u8> = AGENT.iter().filter_map(|part| self.value(*part)).flatten().copied().collect();
        let agent = String::from_utf8(agent).map_err(|_| corrupt(AGENT[0].1, self.session))?;
        Ok(SessionFacts {
            user: self.user()?,
            app: self.app()?,
            device: Device::new(name.as_deref(), self.optional(ADDRESS)?, Some(&agent)),
            created_at: self.time(CREATED_AT)?,
            proved: self.proved()?,
            bound_to: self.bound_to()?,
        })
    }

    fn bound_to(&self) -> Result<Option<KeyThumbprint>, StoreError> {
        let Some(value) = self.value(BOUND_TO) else { return Ok(None) };
        let bytes = value.try_into().map_err(|_| self.unreadable(BOUND_TO))?;
        Ok(Some(KeyThumbprint::from_bytes(bytes)))
    }

    fn proved(&self) -> Result<Proved, StoreError> {
        let methods = match self.text(PROVED) {
            Some(words) => Methods::read(words).ok_or_else(|| self.unreadable(PROVED))?,
            None => PASSWORD,
        };
        let moment = |field| {
            let at = self.optional(field)?.map(Timestamp::from_millis);
            at.map_or_else(|| self.time(CREATED_AT), Ok)
        };
        Ok(Proved { methods, since: moment(PROVED_SINCE)?, at: moment(PROVED_AT)? })
    }

    pub fn generation(&self) -> Result<u32, StoreError> {
        self.parsed(GENERATION)
    }

    pub fn tokens_until(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.optional(TOKENS_UNTIL)?.map(Timestamp::from_millis))
    }

    /// The hashes of the current token and its parent, as far as there are such.
    pub fn token_hashes(&self) -> Vec<Vec<u8>> {
        [CURRENT_HASH, PARENT_HASH]
            .iter()
            .filter_map(|field| self.value(*field))
            .map(<[u8]>::to_vec)
            .collect()
    }

    pub fn user(&self) -> Result<UserId, StoreError> {
        let uuid = self.value(USER).and_then(|value| Uuid::from_slice(value).ok());
        uuid.map(UserId::from_uuid).ok_or_else(|| self.unreadable(USER))
    }

    pub fn app(&self) -> Result<AppName, StoreError> {
        self.text(APP).and_then(|text| AppName::parse(text).ok()).ok_or_else(|| self.unreadable(APP))
    }

    pub fn time(&self, field: Field) -> Result<Timestamp, StoreError> {
        self.parsed(field).map(Timestamp::from_millis)
    }

    /// A value that is there and not empty.
    pub fn value(&self, field: Field) -> Option<&[u8]> {
        let found = self.values.iter().find(|(name, _)| name == field.0.as_bytes());
        found.map(|(_, value)| value.as_slice()).filter(|value| !value.is_empty())
    }

    pub fn unreadable(&self, field: Field) -> StoreError {
        corrupt(field.1, self.session)
    }

    fn text(&self, field: Field) -> Option<&str> {
        self.value(field).and_then(|value| std::str::from_utf8(value).ok())
    }

    fn parsed<T: FromStr>(&self, field: Field) -> Result<T, StoreError> {
        self.text(field).and_then(|text| text.parse().ok()).ok_or_else(|| self.unreadable(field))
    }

    fn optional<T: FromStr>(&self, field: Field) -> Result<Option<T>, StoreError> {
        self.value(field).map(|_| self.parsed(field)).transpose()
    }
}
