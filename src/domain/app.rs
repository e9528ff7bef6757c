//! An app that uses this server: a name, the browser origins it is served from, and for a
//! confidential one (RFC 6749 section 2.1) a secret of which only the hash is kept.

use super::{
    app_policy::{AppPolicy, PolicyChange},
    clock::Timestamp,
    user::InvalidName,
};

/// An app's name: 1 to 64 of `a-z 0-9 - _ .`, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppName(String);

impl AppName {
    /// The app that is always there, and that a sign-in is for when it names none.
    #[must_use]
    pub fn default_app() -> Self {
        Self("default".to_owned())
    }

    /// Reads a name.
    ///
    /// # Errors
    /// When it does not have the form above.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if text.len() > 64 || !begins_well || !text.chars().all(allowed) {
            return Err(InvalidName(
                "an app name is 1 to 64 of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A browser origin (RFC 6454): scheme, host and port, as a browser serialises it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// Reads an origin such as `https://app.example.com`.
    ///
    /// # Errors
    /// When it is not `http` or `https`, or holds a path, a default port or upper case: a browser
    /// would never send such a text, so it could never match.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let invalid = InvalidName(
            "an origin is http(s)://host or http(s)://host:port as a browser sends it, with no path",
        );
        let (scheme, authority) = text.split_once("://").ok_or_else(|| invalid.clone())?;
        let default_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return Err(invalid),
        };
        let host_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
        if authority.is_empty() || authority.ends_with(default_port) || !authority.chars().all(host_char) {
            return Err(invalid);
        }
        Ok(Self(text.to_owned()))
    }

    /// The origin as a browser sends it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who can keep a secret: RFC 6749 section 2.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppKind {
    /// Runs on the user's device; has no secret.
    Public,
    /// Runs on a server; proves itself with a secret, kept as its SHA-256 (it is 256 random bits,
    /// so there is nothing to stretch).
    Confidential {
        /// SHA-256 of the secret.
        secret_sha256: [u8; 32],
    },
}

/// A registered app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The `client_id` of its tokens.
    pub name: AppName,
    /// Whether it has a secret.
    pub kind: AppKind,
    /// The browser origins it is served from.
    pub origins: Vec<Origin>,
    pub policy: AppPolicy,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// What becomes of an app's secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SecretChange {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is gone: the app is public.
    Take,
    /// The app is confidential, with this one where it was not.
    Give([u8; 32]),
    /// A confidential app has this one in its place.
    Renew([u8; 32]),
}

/// What becomes of an app.
#[derive(Debug, Clone, Default)]
pub struct AppChange {
    /// In the place of its origins; `None` = they stay.
    pub origins: Option<Vec<Origin>>,
    pub secret: SecretChange,
    pub policy: PolicyChange,
}

impl SecretChange {
    /// The secret that comes in, if any.
    #[must_use]
    pub const fn new_secret(&self) -> Option<&[u8; 32]> {
        match self {
            Self::Keep | Self::Take => None,
            Self::Give(secret) | Self::Renew(secret) => Some(secret),
        }
    }
}
