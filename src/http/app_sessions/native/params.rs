//! What is asked of an app's sessions, parsed once.

use std::{net::IpAddr, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, header, request::Parts},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::app_sessions::{AppSessionWanted, Selection},
    domain::{
        app_session::{APP_TTL_MAX, APP_TTL_MIN, APP_USER_MAX_CHARS, AppIp, AppLife, AppToken, AppUser},
        app_session_data::{AppData, InvalidData},
        cursor::Cursor,
    },
    http::{Shared, wire::problem::Problem},
};

const TOKEN: HeaderName = HeaderName::from_static("keyward-session");
/// The life of a session that asks for none, in seconds.
const TTL: u64 = 7200;
/// How many sessions a page has, unless asked otherwise, and at most.
const PAGE: u32 = 100;
const PAGE_MAX: u32 = 500;

/// The token in the header.
pub struct Presented(pub AppToken);

impl FromRequestParts<Shared> for Presented {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        let mut lines = parts.headers.get_all(&TOKEN).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(Problem::invalid_request("exactly one Keyward-Session header is expected"));
        };
        // It comes from the app's own users, who may send anything: what is no token is the token of
        // no session, and one case for the app to handle.
        let token = line.to_str().ok().and_then(|text| AppToken::parse(text).ok());
        token.map(Self).ok_or_else(Problem::not_found)
    }
}

/// A session to be created. Times are in seconds.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBody {
    /// Any id that the app's users have.
    #[schema(min_length = 1, max_length = 128)]
    user: String,
    #[schema(value_type = String)]
    ip: IpAddr,
    #[schema(minimum = 10, maximum = 315_360_000, default = 7200)]
    ttl: Option<u64>,
    /// Whether each use begins its life anew.
    #[schema(default = true)]
    sliding: Option<bool>,
    /// From its creation, whatever its use.
    #[schema(minimum = 10, maximum = 315_360_000)]
    max_age: Option<u64>,
    #[serde(default)]
    #[schema(value_type = Object)]
    data: Map<String, Value>,
}

impl CreateBody {
    pub fn parse(self) -> Result<AppSessionWanted, Problem> {
        let user = user(&self.user)?;
        let ip = AppIp::parse(&self.ip.to_canonical().to_string());
        let ip = ip.map_err(|_| Problem::invalid_request("this ip cannot be kept"))?;
        let is_fixed = !self.sliding.unwrap_or(true);
        let ttl = span("ttl", self.ttl.unwrap_or(TTL))?;
        let max_age = self.max_age.map(|seconds| span("max_age", seconds)).transpose()?;
        let life = AppLife::new(ttl, is_fixed, max_age);
        let life = life.map_err(|_| Problem::invalid_request("this ttl cannot be kept"))?;
        Ok(AppSessionWanted { user, ip, data: AppData::from_json(self.data).map_err(bad_data)?, life })
    }
}

fn span(name: &str, seconds: u64) -> Result<Duration, Problem> {
    let (least, most) = (APP_TTL_MIN.as_secs(), APP_TTL_MAX.as_secs());
    if !(least..=most).contains(&seconds) {
        return Err(Problem::invalid_request(format!("{name} is {least} to {most} seconds")));
    }
    Ok(Duration::from_secs(seconds))
}

/// Whose sessions are to end: a user's, or (`None`) everybody's.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EndQuery {
    user: Option<String>,
}

impl EndQuery {
    pub fn user(&self) -> Result<Option<AppUser>, Problem> {
        self.user.as_deref().map(user).transpose()
    }
}

/// Selection sessions are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AppSessionsQuery {
    user: Option<String>,
    /// In seconds; not with `user`.
    active_within: Option<u64>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

impl AppSessionsQuery {
    pub fn which(&self) -> Result<Selection, Problem> {
        match (&self.user, self.active_within) {
            (Some(text), None) => user(text).map(Selection::OfUser),
            // No session lives on without activity for longer: these are all.
            (None, None) => Ok(Selection::ActiveWithin(APP_TTL_MAX)),
            (None, Some(seconds)) => Ok(Selection::ActiveWithin(Duration::from_secs(seconds))),
            (Some(_), Some(_)) => Err(Problem::invalid_request("user or active_within, not both")),
        }
    }

    pub fn cursor(&self) -> Result<Option<Cursor>, Problem> {
        let told = "cursor is the next_cursor of an earlier answer, unchanged";
        let cursor = self.cursor.as_deref().map(str::parse).transpose();
        cursor.map_err(|_| Problem::invalid_request(told))
    }

    pub fn limit(&self) -> Result<u32, Problem> {
        match self.limit.unwrap_or(PAGE) {
            limit @ 1..=PAGE_MAX => Ok(limit),
            _ => Err(Problem::invalid_request(format!("limit is 1 to {PAGE_MAX}"))),
        }
    }
}

/// How far back activity is counted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ActivityQuery {
    /// In seconds.
    within: u64,
}

impl ActivityQuery {
    pub fn within(&self) -> Duration {
        Duration::from_secs(self.within)
    }
}

/// The version that `If-Match` asks for (RFC 9110 section 13.1.1); `*` is any. A weak tag never
/// matches, and we give out none, so it is a mistake like every other text.
pub fn expected_version(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let mut lines = headers.get_all(header::IF_MATCH).iter();
    let line = match (lines.next(), lines.next()) {
        (None, _) => return Ok(None),
        (Some(line), None) => line.to_str().unwrap_or_default(),
        (Some(_), Some(_)) => "",
    };
    if line == "*" {
        return Ok(None);
    }
    let version = line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let version = version.and_then(|digits| digits.parse().ok());
    version.map(Some).ok_or_else(|| Problem::invalid_request("If-Match holds the one ETag that is expected"))
}

/// Why data is not kept; says nothing of what stood there.
pub fn bad_data(error: InvalidData) -> Problem {
    Problem::invalid_request(error.to_string())
}

fn user(text: &str) -> Result<AppUser, Problem> {
    AppUser::parse(text)
        .map_err(|_| Problem::invalid_request(format!("user has 1 to {APP_USER_MAX_CHARS} characters")))
}
