//! The inside of a token (RFC 7519 section 4.1, RFC 9068 section 2.2): written in one way, and read
//! strictly: every claim of the contract there, once, of its type and well-formed. Claims it does not
//! know are let be, as RFC 7519 section 4 asks, so that nodes of two versions can live side by side.

use std::{borrow::Cow, fmt, time::Duration};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use super::error::TokenError;
use crate::domain::{
    app::AppName,
    app_policy::Audience,
    auth_context::{Amr, AuthContext},
    claims::{AccessClaims, Principal},
    clock::Timestamp,
    key_proof::KeyThumbprint,
    limits::CLOCK_SKEW,
    user::Role,
};

/// How far another node's clock may be ahead. It eases `iat` and `nbf` alone: `exp` has no leeway.
pub const SKEW: Duration = CLOCK_SKEW;
/// The longest life a token may claim, unless `tokens.access_ttl` is longer.
const LIFE_MAX: Duration = Duration::from_hours(24);
/// The last second of the year 9999: no date we mean is later, and below it no sum overflows.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Whom a token must be from and for.
#[derive(Debug, Clone)]
pub struct Expected {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// The life of the tokens made here.
    pub access_ttl: Duration,
}

#[derive(Serialize)]
struct Wire<'a> {
    iss: &'a str,
    sub: String,
    aud: Audiences<'a>,
    exp: i64,
    iat: i64,
    jti: String,
    sid: String,
    r#gen: u32,
    client_id: &'a str,
    roles: Vec<&'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    roles_at: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    preferred_username: &'a str,
    auth_time: i64,
    amr: Vec<&'static str>,
    acr: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmed<'a>>,
}

/// What key its session is bound to (RFC 7800, RFC 9449 section 6.1).
#[derive(Serialize, Deserialize)]
struct Confirmed<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    jkt: Option<Cow<'a, str>>,
}

/// A text, or a list where there are two (RFC 7519 section 4.1.3).
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Audiences<'a> {
    One(&'a str),
    Two([&'a str; 2]),
}

impl<'a> Audiences<'a> {
    #[must_use]
    pub fn of(ours: &'a str, besides: Option<&'a Audience>) -> Self {
        match besides.map(Audience::as_str).filter(|besides| *besides != ours) {
            Some(besides) => Self::Two([ours, besides]),
            None => Self::One(ours),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(secs: &i64) -> bool {
    *secs == 0
}

/// The JSON of a token's payload.
#[must_use]
pub fn write(claims: &AccessClaims, expected: &Expected) -> String {
    let wire = Wire {
        iss: &expected.issuer,
        sub: claims.principal.to_string(),
        aud: Audiences::of(&expected.audience, claims.audience.as_ref()),
        exp: claims.expires_at.secs(),
        iat: claims.issued_at.secs(),
        jti: claims.id.to_string(),
        sid: claims.session.to_string(),
        r#gen: claims.generation,
        client_id: claims.app.as_str(),
        roles: claims.roles.iter().map(Role::as_str).collect(),
        roles_at: claims.roles_at.secs(),
        preferred_username: &claims.username,
        auth_time: claims.auth.at.secs(),
        amr: claims.auth.amr.words().collect(),
        acr: claims.auth.acr(),
        cnf: claims.bound_to.map(|key| Confirmed { jkt: Some(key.to_string().into()) }),
    };
    // Strings and numbers always serialise.
    serde_json::to_string(&wire).unwrap_or_default()
}

/// Reads the payload of a token whose signature is good.
///
/// # Errors
/// [`TokenError::Expired`] only where everything else is right.
pub fn read(payload: &[u8], expected: &Expected, now: Timestamp) -> Result<AccessClaims, TokenError> {
    let UniqueNames = serde_json::from_slice(payload).map_err(|_| TokenError::Invalid)?;
    let payload: Payload<'_> = serde_json::from_slice(payload).map_err(|_| TokenError::Invalid)?;
    let (is_for_us, not_before) = (payload.is_for_us(expected), payload.nbf);
    let claims = payload.claims(expected).ok_or(TokenError::Invalid)?;
    if !is_for_us || !dates_make_sense(&claims, not_before, expected, now) {
        return Err(TokenError::Invalid);
    }
    // Over at `exp` exactly (RFC 7519 section 4.1.4: "on or after").
    if claims.expires_at <= now {
        return Err(TokenError::Expired(Box::new(claims)));
    }
    Ok(claims)
}

/// The names of what is read.
const CLAIMS: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "sid",
    "gen",
    "client_id",
    "roles",
    "roles_at",
    "preferred_username",
    "auth_time",
    "amr",
    "cnf",
];

/// What is read, each claim of its type. Text that is parsed further is not copied first.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,
    aud: Value,
    exp: f64,
    iat: f64,
    #[serde(default)]
    nbf: f64,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    #[serde(borrow)]
    sid: Cow<'a, str>,
    r#gen: u32,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    roles: Vec<String>,
    #[serde(default)]
    roles_at: f64,
    preferred_username: Option<String>,
    // `acr` follows from what was proved.
    #[serde(default)]
    auth_time: f64,
    #[serde(default)]
    amr: Vec<String>,
    #[serde(borrow)]
    cnf: Option<Confirmed<'a>>,
}

impl Payload<'_> {
    fn is_for_us(&self, expected: &Expected) -> bool {
        let audience = match &self.aud {
            Value::String(one) => *one == expected.audience,
            Value::Array(many) => {
                many.iter().all(Value::is_string) && many.iter().any(|one| *one == *expected.audience)
            }
            _ => false,
        };
        audience && self.iss == expected.issuer
    }

    fn claims(self, expected: &Expected) -> Option<AccessClaims> {
        let app = AppName::parse(&self.client_id).ok()?;
        let principal = Principal::parse(&self.sub)?;
        let username = match &principal {
            Principal::User(_) => self.preferred_username.filter(|name| !name.is_empty())?,
            // It acts by its own token alone, and under no other name.
            Principal::App(name) if *name == app && self.preferred_username.is_none() => String::new(),
            Principal::App(_) => return None,
        };
        let bound_to = match self.cnf.and_then(|confirmed| confirmed.jkt) {
            Some(jkt) => Some(KeyThumbprint::parse(&jkt)?),
            None => None,
        };
        Some(AccessClaims {
            id: self.jti.parse().ok()?,
            username,
            principal,
            session: self.sid.parse().ok()?,
            generation: self.r#gen,
            app,
            audience: beside(&self.aud, expected),
            roles: self.roles.iter().map(|role| Role::parse(role).ok()).collect::<Option<_>>()?,
            roles_at: date(self.roles_at)?,
            auth: AuthContext {
                at: date(self.auth_time)?,
                amr: Amr::read(self.amr.iter().map(String::as_str)),
            },
            bound_to,
            issued_at: date(self.iat)?,
            expires_at: date(self.exp)?,
        })
    }
}

/// The one audience beside ours, if it is one that an app can be given.
fn beside(audience: &Value, expected: &Expected) -> Option<Audience> {
    let mut others =
        audience.as_array()?.iter().filter_map(Value::as_str).filter(|one| *one != expected.audience);
    others.next().and_then(|one| Audience::parse(one).ok())
}

fn dates_make_sense(claims: &AccessClaims, not_before: f64, expected: &Expected, now: Timestamp) -> bool {
    let latest = now + SKEW;
    // A node whose `access_ttl` was lowered still takes the tokens it made before.
    let life_max = expected.access_ttl.max(LIFE_MAX);
    date(not_before).is_some_and(|moment| moment <= latest)
        && claims.issued_at <= latest
        && claims.issued_at < claims.expires_at
        && claims.expires_at <= claims.issued_at + life_max
}

/// A `NumericDate` (RFC 7519 section 2): a number that need not be whole.
pub(super) fn date(secs: f64) -> Option<Timestamp> {
    if !(0.0..=LAST_SECOND).contains(&secs) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    let millis = (secs * 1000.0).floor() as i64;
    Some(Timestamp::from_millis(millis))
}

/// A JSON object that names each member once, those that nobody knows too. A parser alone would keep the
/// last of two, and two readers of one token could then believe different things (RFC 7515 section 10.12).
struct UniqueNames;

#[derive(Deserialize, PartialEq)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for UniqueNames {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that names each member once")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self, A::Error> {
        let mut names = Vec::with_capacity(16);
        while let Some(name) = access.next_key::<Name<'de>>()? {
            if names.contains(&name) {
                return Err(A::Error::custom("a member named twice"));
            }
            if CLAIMS.contains(&&*name.0) {
                access.next_value::<IgnoredAny>()?;
            } else {
                // Read in full, for only so the depth of what nobody looks at is bounded.
                access.next_value::<Value>()?;
            }
            names.push(name);
        }
        Ok(self)
    }
}
