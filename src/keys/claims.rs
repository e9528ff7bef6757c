//! The inside of a token (RFC 7519 section 4.1, RFC 9068 section 2.2): written in one way, and read
//! strictly: every claim of the contract there, once, of its type and well-formed. Claims it does not
//! know are let be, as RFC 7519 section 4 asks, so that nodes of two versions can live side by side.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use super::error::TokenError;
use crate::domain::{
    app::AppName,
    app_policy::Audience,
    claims::{AccessClaims, Principal},
    clock::Timestamp,
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
    };
    // Strings and numbers always serialise.
    serde_json::to_string(&wire).unwrap_or_default()
}

/// Reads the payload of a token whose signature is good.
///
/// # Errors
/// [`TokenError::Expired`] only where everything else is right.
pub fn read(payload: &[u8], expected: &Expected, now: Timestamp) -> Result<AccessClaims, TokenError> {
    let Unique(members) = serde_json::from_slice(payload).map_err(|_| TokenError::Invalid)?;
    let claims = claims(&members, expected).ok_or(TokenError::Invalid)?;
    if !is_for_us(&members, expected) || !dates_make_sense(&members, &claims, expected, now) {
        return Err(TokenError::Invalid);
    }
    // Over at `exp` exactly (RFC 7519 section 4.1.4: "on or after").
    if claims.expires_at <= now {
        return Err(TokenError::Expired(Box::new(claims)));
    }
    Ok(claims)
}

fn claims(members: &Map<String, Value>, expected: &Expected) -> Option<AccessClaims> {
    let text = |name| members.get(name).and_then(Value::as_str);
    let roles = members.get("roles")?.as_array()?.iter();
    let app = AppName::parse(text("client_id")?).ok()?;
    let principal = Principal::parse(text("sub")?)?;
    let username = match &principal {
        Principal::User(_) => text("preferred_username").filter(|name| !name.is_empty())?,
        // It acts by its own token alone, and under no other name.
        Principal::App(name) if *name == app && !members.contains_key("preferred_username") => "",
        Principal::App(_) => return None,
    };
    Some(AccessClaims {
        id: text("jti")?.parse().ok()?,
        username: username.to_owned(),
        principal,
        session: text("sid")?.parse().ok()?,
        generation: members.get("gen")?.as_u64()?.try_into().ok()?,
        app,
        audience: beside(members.get("aud"), expected),
        roles: roles.map(|role| Role::parse(role.as_str()?).ok()).collect::<Option<_>>()?,
        roles_at: members.get("roles_at").map_or(Some(Timestamp::from_secs(0)), date)?,
        issued_at: date(members.get("iat")?)?,
        expires_at: date(members.get("exp")?)?,
    })
}

/// The one audience beside ours, if it is one that an app can be given.
fn beside(audience: Option<&Value>, expected: &Expected) -> Option<Audience> {
    let mut others =
        audience?.as_array()?.iter().filter_map(Value::as_str).filter(|one| *one != expected.audience);
    others.next().and_then(|one| Audience::parse(one).ok())
}

fn is_for_us(members: &Map<String, Value>, expected: &Expected) -> bool {
    let audience = match members.get("aud") {
        Some(Value::String(one)) => *one == expected.audience,
        Some(Value::Array(many)) => {
            many.iter().all(Value::is_string) && many.iter().any(|one| *one == *expected.audience)
        }
        _ => false,
    };
    audience && members.get("iss").is_some_and(|issuer| *issuer == *expected.issuer)
}

fn dates_make_sense(
    members: &Map<String, Value>,
    claims: &AccessClaims,
    expected: &Expected,
    now: Timestamp,
) -> bool {
    let latest = now + SKEW;
    let begun = members.get("nbf").is_none_or(|value| date(value).is_some_and(|moment| moment <= latest));
    // A node whose `access_ttl` was lowered still takes the tokens it made before.
    let life_max = expected.access_ttl.max(LIFE_MAX);
    begun
        && claims.issued_at <= latest
        && claims.issued_at < claims.expires_at
        && claims.expires_at <= claims.issued_at + life_max
}

/// A `NumericDate` (RFC 7519 section 2): a number that need not be whole.
fn date(value: &Value) -> Option<Timestamp> {
    let secs = value.as_f64().filter(|secs| (0.0..=LAST_SECOND).contains(secs))?;
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    let millis = (secs * 1000.0).floor() as i64;
    Some(Timestamp::from_millis(millis))
}

/// A JSON object that names each member once. `serde_json` alone would keep the last of two, and two
/// readers of one token could then believe different things (RFC 7515 section 10.12).
struct Unique(Map<String, Value>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueMembers)
    }
}

struct UniqueMembers;

impl<'de> de::Visitor<'de> for UniqueMembers {
    type Value = Unique;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object that names each member once")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Unique, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("a member named twice"));
            }
        }
        Ok(Unique(members))
    }
}
