//! The cookies of browsers (RFC 6265bis): named, written and read in this one place.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};

use super::problem::Problem;
use crate::config::PublicUrl;

/// How cookies are called and guarded here.
///
/// Over https: `__Host-` and Secure, so that no other host, not even a sibling, can set or read them.
/// Over plain http on a loopback address, where no browser would keep such a cookie, neither.
#[derive(Debug, Clone)]
pub struct Cookies {
    /// Transport `cookie`: the refresh token.
    pub refresh: Cookie,
    /// Transport `session`: the session token.
    pub session: Cookie,
    /// Either of them: that an account has signed in on this device before.
    pub device: Cookie,
}

#[derive(Debug, Clone)]
pub struct Cookie {
    name: &'static str,
    guard: &'static str,
}

impl Cookies {
    /// For a server that is known by that address.
    #[must_use]
    pub fn of(public_url: &PublicUrl) -> Self {
        let [refresh, session, device] = if public_url.as_str().starts_with("http://")
            && public_url.is_private()
        {
            ["keyward-refresh", "keyward-session", "keyward-device"].map(|name| Cookie { name, guard: "" })
        } else {
            ["__Host-keyward-refresh", "__Host-keyward-session", "__Host-keyward-device"]
                .map(|name| Cookie { name, guard: "; Secure" })
        };
        Self { refresh, session, device }
    }
}

impl Cookies {
    /// Whatever a browser has kept of earlier sign-ins. A cookie that came twice says nothing here.
    #[must_use]
    pub fn kept(&self, headers: &HeaderMap) -> Vec<String> {
        let all = [&self.device, &self.refresh, &self.session];
        all.into_iter().filter_map(|cookie| cookie.read(headers).ok().flatten()).collect()
    }
}

impl Cookie {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What a browser sent under this name.
    ///
    /// # Errors
    /// When it sent two: which of them counts must not be a guess.
    pub fn read(&self, headers: &HeaderMap) -> Result<Option<String>, Problem> {
        let mut found = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name)
            .map(|(_, value)| value.to_owned());
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Problem::invalid_request("the cookie came twice")),
            (value, None) => Ok(value),
        }
    }

    /// Has the browser keep a token for that long.
    #[must_use]
    pub fn keep(&self, token: &str, life: Duration) -> HeaderValue {
        let (name, guard, seconds) = (self.name, self.guard, life.as_secs());
        let text = format!("{name}={token}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict{guard}");
        let mut cookie = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        cookie.set_sensitive(true);
        cookie
    }

    /// Takes it from the browser.
    #[must_use]
    pub fn clear(&self) -> HeaderValue {
        self.keep("", Duration::ZERO)
    }
}
