//! A session that another app server keeps here (contract 2.6): of any user id, found by a token that
//! is stored nowhere, with small data of its own. Not a sign-in: no account stands behind it.

use std::{fmt, time::Duration};

use aws_lc_rs::digest;
use zeroize::Zeroizing;

use super::{
    app::AppName,
    app_session_data::AppData,
    clock::Timestamp,
    ids::{InvalidId, SessionId},
    random,
};

/// The length of every token, in characters.
pub const TOKEN_CHARS: usize = 64;
/// The longest user id, in characters.
pub const APP_USER_MAX_CHARS: usize = 128;
/// The longest address, in characters: that of an IPv6 address.
pub const APP_IP_MAX_CHARS: usize = 39;
pub const APP_TTL_MIN: Duration = Duration::from_secs(10);
/// The longest life; far beyond any use, it keeps sums of times in bounds.
pub const APP_TTL_MAX: Duration = Duration::from_hours(10 * 365 * 24);

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a session is found by: 64 random characters of `0-9 A-Z a-z`, some 381 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct AppToken(Zeroizing<String>);

impl AppToken {
    /// A new, unpredictable token.
    #[must_use]
    pub fn random() -> Self {
        let mut text = Zeroizing::new(String::with_capacity(TOKEN_CHARS));
        while text.len() < TOKEN_CHARS {
            let bytes = Zeroizing::new(random::bytes::<96>());
            // Bytes from 248 on would make the first characters likelier than the others.
            let fair = bytes.iter().filter(|byte| **byte < 248).take(TOKEN_CHARS - text.len());
            text.extend(fair.map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
        }
        Self(text)
    }

    /// Reads a presented token.
    ///
    /// # Errors
    /// When it is not 64 of `0-9 A-Z a-z`.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if text.len() != TOKEN_CHARS || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(InvalidId("token"));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The session it stands for: the first half of SHA-256 of app, NUL and token. Another app's
    /// session is not found by it.
    #[must_use]
    pub fn session(&self, app: &AppName) -> SessionId {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [app.as_str().as_bytes(), b"\0", self.0.as_bytes()] {
            hash.update(part);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finish().as_ref()[..16]);
        SessionId::from_bytes(id)
    }

    /// The token itself, to hand to the app.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AppToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppToken(…)")
    }
}

/// A user as the app names them: any text of 1 to [`APP_USER_MAX_CHARS`] characters, compared byte
/// for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppUser(String);

impl AppUser {
    /// Takes the app's id of a user.
    ///
    /// # Errors
    /// When it is empty or too long.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        bounded(text, APP_USER_MAX_CHARS, "user id").map(Self)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The address an app says its user came from: 1 to [`APP_IP_MAX_CHARS`] characters, only shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppIp(String);

impl AppIp {
    /// Takes an address.
    ///
    /// # Errors
    /// When it is empty or too long.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        bounded(text, APP_IP_MAX_CHARS, "ip").map(Self)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn bounded(text: &str, most: usize, what: &'static str) -> Result<String, InvalidId> {
    if text.is_empty() || text.chars().nth(most).is_some() {
        return Err(InvalidId(what));
    }
    Ok(text.to_owned())
}

/// How long a session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppLife {
    ttl: Duration,
    is_fixed: bool,
    max_age: Option<Duration>,
}

impl AppLife {
    /// `ttl` from each get and set anew, or from the creation alone if `is_fixed` (`no_resave`); never
    /// longer than `max_age` from the creation. Whole milliseconds count.
    ///
    /// # Errors
    /// When `ttl` is not within [`APP_TTL_MIN`] and [`APP_TTL_MAX`].
    pub fn new(ttl: Duration, is_fixed: bool, max_age: Option<Duration>) -> Result<Self, InvalidId> {
        if !(APP_TTL_MIN..=APP_TTL_MAX).contains(&ttl) {
            return Err(InvalidId("ttl"));
        }
        Ok(Self { ttl, is_fixed, max_age })
    }

    /// How long it lives when it is left alone.
    #[must_use]
    pub const fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Whether use does not lengthen it.
    #[must_use]
    pub const fn is_fixed(&self) -> bool {
        self.is_fixed
    }

    /// The moment no use can lengthen it beyond.
    #[must_use]
    pub fn end(&self, created_at: Timestamp) -> Option<Timestamp> {
        let fixed = self.is_fixed.then(|| created_at + self.ttl);
        let oldest = self.max_age.map(|age| created_at + age);
        fixed.into_iter().chain(oldest).min()
    }

    /// When it is over if it is used at `now` and then left alone.
    #[must_use]
    pub fn expiry(&self, created_at: Timestamp, now: Timestamp) -> Timestamp {
        let idle_end = now + self.ttl;
        self.end(created_at).map_or(idle_end, |end| end.min(idle_end))
    }
}

/// A session that is about to be created.
#[derive(Debug, Clone)]
pub struct NewAppSession {
    /// What its token hashes to.
    pub id: SessionId,
    /// The app that keeps it.
    pub app: AppName,
    pub user: AppUser,
    pub ip: AppIp,
    pub data: AppData,
    /// How long it lives.
    pub life: AppLife,
    pub created_at: Timestamp,
}

/// A session that is alive.
#[derive(Debug, Clone, PartialEq)]
pub struct AppSession {
    /// What its token hashes to: not a secret, and no way in.
    pub id: SessionId,
    /// The app that keeps it.
    pub app: AppName,
    pub user: AppUser,
    pub ip: AppIp,
    pub data: AppData,
    /// 1 at the creation, one more after each get; a get tells what it was before.
    pub reads: u64,
    /// 1 at the creation, one more at each set. It is the version as well.
    pub writes: u64,
    /// How long it lives when it is left alone.
    pub ttl: Duration,
    /// Whether use does not lengthen it (`no_resave`).
    pub is_fixed: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// The last creation, get or set before this one.
    pub last_seen_at: Timestamp,
    /// When it is over if it is left alone from now on.
    pub expires_at: Timestamp,
}

impl AppSession {
    /// What a compare-and-set compares: it grows by one with each set.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.writes
    }

    /// How long it had been left alone.
    #[must_use]
    pub fn idle(&self, now: Timestamp) -> Duration {
        now.since(self.last_seen_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_64_characters_and_prints_nothing() {
        let token = AppToken::random();
        assert_eq!(AppToken::parse(token.expose()).as_ref(), Ok(&token));
        assert!(!format!("{token:?}").contains(token.expose()));
        assert_ne!(token, AppToken::random());
        let long = format!("{}0", token.expose());
        for wrong in ["", &long, &token.expose()[1..], &"-".repeat(64), &"é".repeat(32)] {
            assert!(AppToken::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_of_one_app_is_none_of_another() {
        let token = AppToken::random();
        let [one, other] = ["shop", "shop2"].map(|name| AppName::parse(name).expect("a name"));
        assert_ne!(token.session(&one), token.session(&other));
        assert_eq!(token.session(&one), token.clone().session(&one));
    }

    #[test]
    fn a_life_slides_unless_it_is_fixed_and_never_past_its_age() {
        let (born, now) = (Timestamp::from_secs(100), Timestamp::from_secs(105));
        let secs = Duration::from_secs;
        let expiry = |is_fixed, max_age| {
            AppLife::new(secs(10), is_fixed, max_age).expect("a life").expiry(born, now).secs()
        };
        assert_eq!(expiry(false, None), 115);
        assert_eq!(expiry(true, None), 110);
        assert_eq!(expiry(false, Some(secs(12))), 112);
        assert_eq!(expiry(true, Some(secs(12))), 110);
        for ttl in [Duration::from_millis(9_999), APP_TTL_MAX + secs(1)] {
            assert!(AppLife::new(ttl, false, None).is_err());
        }
    }
}
