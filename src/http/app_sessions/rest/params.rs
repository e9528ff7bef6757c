//! The parameters of redis-sessions 4, by its rules and in the order it looks at them. Where it
//! takes anything at all, what is kept here has bounds.

use std::time::Duration;

use axum::{
    extract::{FromRequestParts, Query, RawPathParams},
    http::request::Parts,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::failure::Failure;
use crate::{
    answers::RestRefusal,
    domain::{
        app::AppName,
        app_session::{APP_TTL_MAX, APP_TTL_MIN, AppIp, AppLife, AppToken, AppUser},
        app_session_data::{AppData, DATA_KEY_MAX_CHARS, DataChange, InvalidData},
    },
    http::{
        Shared,
        wire::{app_caller::AppCaller, problem::Problem},
    },
};

/// The life of a session that asks for none.
const TTL: Duration = Duration::from_hours(2);
/// The shortest span that activity is asked for, in seconds.
const DELTA_TIME_MIN: u64 = 10;

/// The authenticated app, whose name stands in the path and is one redis-sessions takes.
pub struct RestApp(pub AppName);

/// The user in the path.
pub struct UserInPath(pub AppUser);

/// The token in the path.
pub struct TokenInPath(pub AppToken);

impl FromRequestParts<Shared> for RestApp {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, http: &Shared) -> Result<Self, Failure> {
        let AppCaller(caller) = AppCaller::from_request_parts(parts, http).await?;
        let name = path_part(parts, http, "app").await?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !(3..=20).contains(&name.len()) || !name.chars().all(allowed) {
            return Err(RestRefusal::format("app").into());
        }
        if name == caller.as_str() { Ok(Self(caller)) } else { Err(Problem::not_found().into()) }
    }
}

impl FromRequestParts<Shared> for UserInPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, http: &Shared) -> Result<Self, Failure> {
        let id = path_part(parts, http, "id").await?;
        let id = one_line(&id).and_then(|id| AppUser::parse(id).ok());
        Ok(Self(id.ok_or_else(|| RestRefusal::format("id"))?))
    }
}

impl FromRequestParts<Shared> for TokenInPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, http: &Shared) -> Result<Self, Failure> {
        let token = path_part(parts, http, "token").await?;
        Ok(Self(AppToken::parse(&token).map_err(|_| RestRefusal::format("token"))?))
    }
}

async fn path_part(parts: &mut Parts, http: &Shared, item: &str) -> Result<String, RestRefusal> {
    let params = RawPathParams::from_request_parts(parts, http).await;
    // What is not UTF-8 has no form that is asked for.
    let params = params.map_err(|_| RestRefusal::format(item))?;
    let part = params.iter().find(|(name, _)| *name == item).map(|(_, part)| part.to_owned());
    part.ok_or_else(|| RestRefusal::missing(item))
}

/// How a session is created.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Creation {
    #[param(required, max_length = 39)]
    ip: Option<String>,
    /// In seconds, 10 at least.
    #[param(default = "7200")]
    ttl: Option<String>,
    /// Whether its use does not begin its life anew: `1`, `true`, `0` or `false`.
    no_resave: Option<String>,
}

impl Creation {
    /// The address, and the life.
    pub fn parse(&self) -> Result<(AppIp, AppLife), RestRefusal> {
        let ip = self.ip.as_deref().filter(|ip| !ip.is_empty()).ok_or_else(|| RestRefusal::missing("ip"))?;
        let ip =
            one_line(ip).and_then(|ip| AppIp::parse(ip).ok()).ok_or_else(|| RestRefusal::format("ip"))?;
        let ttl = match self.ttl.as_deref() {
            None | Some("") => TTL,
            Some(text) => ttl(text)?,
        };
        let is_fixed = match self.no_resave.as_deref() {
            None | Some("" | "0" | "false") => false,
            Some("1" | "true") => true,
            Some(_) => return Err(RestRefusal::value("no_resave must be true or false")),
        };
        AppLife::new(ttl, is_fixed, None).map(|life| (ip, life)).map_err(|_| RestRefusal::format("ttl"))
    }
}

fn ttl(text: &str) -> Result<Duration, RestRefusal> {
    let least = APP_TTL_MIN.as_secs();
    let secs = whole_number(text, least)
        .ok_or_else(|| RestRefusal::value(format!("ttl must be a positive integer >= {least}")))?;
    let most = APP_TTL_MAX.as_secs();
    if secs > most {
        return Err(RestRefusal::value(format!("ttl must be a positive integer <= {most}")));
    }
    Ok(Duration::from_secs(secs))
}

/// How far back activity is asked for; `dt` was its name before redis-sessions 4.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Within {
    /// The older name of `deltaTime`.
    dt: Option<String>,
    /// In seconds, 10 at least.
    #[serde(rename = "deltaTime")]
    delta_time: Option<String>,
}

impl Within {
    pub fn parse(&self) -> Result<Duration, RestRefusal> {
        let text = self.dt.as_deref().or(self.delta_time.as_deref()).unwrap_or_default();
        let secs = whole_number(text, DELTA_TIME_MIN).ok_or_else(|| {
            RestRefusal::value(format!("deltaTime must be a positive integer >= {DELTA_TIME_MIN}"))
        })?;
        Ok(Duration::from_secs(secs))
    }
}

/// Digits alone; a number beyond 64 bits is as good as the largest.
fn whole_number(text: &str, least: u64) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX)).filter(|number| *number >= least)
}

/// The first data of a session. The REST companion of redis-sessions takes an empty object for none.
pub fn first_data(body: Option<Value>) -> Result<AppData, RestRefusal> {
    match body {
        None => Ok(AppData::default()),
        Some(Value::Object(object)) if object.is_empty() => Ok(AppData::default()),
        Some(body) => AppData::from_json(flat_object(body)?).map_err(too_much),
    }
}

/// What is to be set or removed.
pub fn change(body: Option<Value>) -> Result<DataChange, RestRefusal> {
    let object = flat_object(body.unwrap_or_else(|| Value::Object(Map::new())))?;
    if object.is_empty() {
        return Err(RestRefusal::value("d must containt at least one key."));
    }
    DataChange::merge(object).map_err(too_much)
}

fn flat_object(body: Value) -> Result<Map<String, Value>, RestRefusal> {
    let Value::Object(object) = body else { return Err(RestRefusal::value("d must be an object")) };
    match object.iter().find(|(_, value)| value.is_object() || value.is_array()) {
        None => Ok(object),
        Some((key, _)) => {
            let key: String = key.chars().take(DATA_KEY_MAX_CHARS).collect();
            Err(RestRefusal::value(format!(
                "d.{key} has a forbidden type. Only strings, numbers, boolean and null are allowed."
            )))
        }
    }
}

fn too_much(error: InvalidData) -> RestRefusal {
    RestRefusal::value(error.to_string())
}

/// What `.` matches in JavaScript: no line terminator.
fn one_line(text: &str) -> Option<&str> {
    (!text.contains(['\n', '\r', '\u{2028}', '\u{2029}'])).then_some(text)
}

/// A query string that can be read.
pub struct RestQuery<T>(pub T);

impl<T: serde::de::DeserializeOwned> FromRequestParts<Shared> for RestQuery<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, http: &Shared) -> Result<Self, Failure> {
        let query = Query::from_request_parts(parts, http).await;
        let told = "each parameter is given once, in UTF-8";
        query.map(|Query(query)| Self(query)).map_err(|_| Problem::invalid_request(told).into())
    }
}
