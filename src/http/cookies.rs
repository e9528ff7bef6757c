//! The cookies of browsers (RFC 6265bis): named, written and read in this one place.

use axum::http::{HeaderMap, HeaderValue, header};

use super::problem::Problem;
use crate::config::PublicUrl;

/// How cookies are called and guarded here.
///
/// Over https: `__Host-` and Secure, so that no other host, not even a sibling, can set or read them.
/// Over plain http on a loopback address, where no browser would keep such a cookie, neither.
#[derive(Debug, Clone)]
pub struct Cookies {
    refresh: &'static str,
    guard: &'static str,
}

impl Cookies {
    /// For a server that is known by that address.
    #[must_use]
    pub fn of(public_url: &PublicUrl) -> Self {
        if public_url.as_str().starts_with("http://") && public_url.is_private() {
            Self { refresh: "keyward-refresh", guard: "" }
        } else {
            Self { refresh: "__Host-keyward-refresh", guard: "; Secure" }
        }
    }

    /// The refresh token a browser sent.
    ///
    /// # Errors
    /// When it sent two: which of them counts must not be a guess.
    pub fn refresh(&self, headers: &HeaderMap) -> Result<Option<String>, Problem> {
        let mut found = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.refresh)
            .map(|(_, value)| value.to_owned());
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Problem::invalid_request("the cookie came twice")),
            (value, None) => Ok(value),
        }
    }

    /// Keeps a refresh token in the browser for so many seconds.
    #[must_use]
    pub fn keep_refresh(&self, token: &str, seconds: u64) -> HeaderValue {
        self.write(self.refresh, token, seconds)
    }

    /// Takes the refresh token from the browser.
    #[must_use]
    pub fn clear_refresh(&self) -> HeaderValue {
        self.write(self.refresh, "", 0)
    }

    fn write(&self, name: &str, value: &str, seconds: u64) -> HeaderValue {
        let guard = self.guard;
        let text = format!("{name}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict{guard}");
        let mut cookie = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        cookie.set_sensitive(true);
        cookie
    }
}
