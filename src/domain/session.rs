//! A session: one sign-in on one device, from login to its end.

use std::{net::IpAddr, str::FromStr};

use super::{
    app::AppName,
    clock::Timestamp,
    ids::{InvalidId, SessionId, UserId},
    key_proof::KeyThumbprint,
    proved::Proved,
    refresh_token::{NonceHash, RefreshToken},
    session_token::SessionToken,
};

/// The longest device name kept, in bytes; longer ones are cut at a character.
pub const DEVICE_MAX_BYTES: usize = 64;
/// The longest `User-Agent` kept, in bytes; longer ones are cut at a character.
pub const USER_AGENT_MAX_BYTES: usize = 256;

/// Why a session ended or a token is refused: the contract's `reason`, and the value of a
/// `blacklist:` key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Its owner signed out.
    Logout,
    /// Its owner signed out everywhere.
    LogoutAll,
    /// The password was changed.
    PasswordChanged,
    /// An operator ended it.
    Admin,
    /// The account was disabled or deleted.
    AccountDisabled,
    /// An old refresh token came back.
    ReuseDetected,
    /// Its time was over.
    Expired,
    /// The same browser signed in anew.
    Replaced,
    /// The password was reset by mail.
    PasswordReset,
    /// Its owner opened more sessions than one may have.
    TooManySessions,
    /// Two clients seemed to hold its refresh token, and `tokens.contested` is `end`.
    Contested,
}

impl EndReason {
    /// The contract's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::PasswordChanged => "password_changed",
            Self::Admin => "admin",
            Self::AccountDisabled => "account_disabled",
            Self::ReuseDetected => "reuse_detected",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
            Self::PasswordReset => "password_reset",
            Self::TooManySessions => "too_many_sessions",
            Self::Contested => "contested",
        }
    }
}

impl FromStr for EndReason {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Ok(match text {
            "logout" => Self::Logout,
            "logout_all" => Self::LogoutAll,
            "password_changed" => Self::PasswordChanged,
            "admin" => Self::Admin,
            "account_disabled" => Self::AccountDisabled,
            "reuse_detected" => Self::ReuseDetected,
            "expired" => Self::Expired,
            "replaced" => Self::Replaced,
            "password_reset" => Self::PasswordReset,
            "too_many_sessions" => Self::TooManySessions,
            "contested" => Self::Contested,
            _ => return Err(InvalidId("end reason")),
        })
    }
}

/// Where a sign-in came from, as far as it is kept. Both texts are bounded and free of control
/// characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// What the client calls itself.
    pub name: Option<String>,
    pub ip: Option<IpAddr>,
    pub user_agent: Option<String>,
}

impl Device {
    /// Keeps what fits: names are cut, never refused, because they are only shown.
    #[must_use]
    pub fn new(name: Option<&str>, ip: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        Self {
            name: name.and_then(|text| printable(text, DEVICE_MAX_BYTES)),
            ip,
            user_agent: user_agent.and_then(|text| printable(text, USER_AGENT_MAX_BYTES)),
        }
    }
}

/// What of a text can be shown, up to that many bytes.
pub(super) fn printable(text: &str, max_bytes: usize) -> Option<String> {
    let text = text.trim();
    let is_control = |c: char| c.is_control();
    let mut kept = if text.contains(is_control) { text.replace(is_control, "") } else { text.to_owned() };
    kept.truncate(kept.floor_char_boundary(max_bytes));
    (!kept.is_empty()).then_some(kept)
}

/// What is known of a session from its sign-in on, and what its tokens are made from. Each back end writes and
/// reads it as one, in its `record.rs`: that is where a further fact goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFacts {
    pub user: UserId,
    /// The app it was opened for.
    pub app: AppName,
    pub device: Device,
    /// When it was opened: its age, whatever was proved since.
    pub created_at: Timestamp,
    /// By what, and when, its owner proved who they are.
    pub proved: Proved,
    /// By which key each of its refreshes must be proved; decided at the sign-in, for good.
    pub bound_to: Option<KeyThumbprint>,
}

/// How a client keeps what it is given at the sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// The refresh token is in the body, and the client's own affair.
    #[default]
    Body,
    /// It is in a cookie that no script can read.
    Cookie,
    /// There is none, and no access token either: a cookie is all there is, and lives by its use.
    Session,
}

impl Transport {
    pub const ALL: [Self; 3] = [Self::Body, Self::Cookie, Self::Session];

    /// The contract's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Cookie => "cookie",
            Self::Session => "session",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.as_str() == word)
    }
}

/// What keeps a session alive.
#[derive(Debug, Clone)]
pub enum SessionKind {
    /// The use of its refresh tokens, of which this is the first.
    Tokens(RefreshToken),
    /// Each sight of its cookie; it has no tokens but this one.
    Cookie(SessionToken),
}

impl SessionKind {
    /// The first refresh token, where there are any.
    #[must_use]
    pub const fn first_token(&self) -> Option<&RefreshToken> {
        match self {
            Self::Tokens(token) => Some(token),
            Self::Cookie(_) => None,
        }
    }

    /// What its tokens are held to.
    #[must_use]
    pub fn nonce_hash(&self) -> NonceHash {
        match self {
            Self::Tokens(token) => token.nonce_hash(),
            Self::Cookie(token) => token.nonce_hash(),
        }
    }
}

/// A session that is about to be opened, at generation 0.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub id: SessionId,
    pub kind: SessionKind,
    pub facts: SessionFacts,
}

/// A session that is alive, as its owner and the operator see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub facts: SessionFacts,
    /// The current refresh generation; 0 from login to the first refresh.
    pub generation: u32,
    /// The last refresh, or the last check as far as it was noted (to the minute).
    pub last_seen_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
}
