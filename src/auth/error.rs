//! What a verb can answer instead of success: one enum, with the contract's stable codes.

use std::{borrow::Cow, error::Error, time::Duration};

use crate::{
    domain::{secret::InvalidPassword, session::EndReason, user::InvalidName},
    keys::error::KeyError,
    store::{error::StoreError, revocations::Refusal},
};

/// Where a session stands with its rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateState {
    /// Requests allowed in a window.
    pub limit: u64,
    pub window: Duration,
    /// Requests left in the present window.
    pub remaining: u64,
    /// When the present window is over.
    pub resets_in: Duration,
}

/// Why a verb refused.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The request is not understood; the text says what is wrong with it.
    #[error("{0}")]
    InvalidRequest(Cow<'static, str>),
    /// Unknown user or wrong password: one answer.
    #[error("the user name or the password is wrong")]
    InvalidCredentials,
    /// No credential came with the request.
    #[error("no credential was sent")]
    TokenMissing,
    /// Not a token of ours, or one that was tampered with.
    #[error("the token is not valid")]
    TokenInvalid,
    /// Its time is over.
    #[error("the token has expired")]
    TokenExpired,
    /// It was taken back.
    #[error("the token was revoked")]
    TokenRevoked(EndReason),
    /// It says what its user may no longer do, or does not say what they may: a refresh brings another.
    #[error("the user's roles have changed since the token was issued")]
    TokenOutdated,
    /// Not a refresh token of ours, or one an operator deleted.
    #[error("the refresh token is not valid")]
    RefreshInvalid,
    /// Its time is over.
    #[error("the refresh token has expired")]
    RefreshExpired,
    /// An old one came back: the session is over.
    #[error("the refresh token had been replaced, so the session was ended")]
    RefreshReused,
    /// Its session is over.
    #[error("the session has ended")]
    SessionEnded(EndReason),
    /// The right password, of an account that may not sign in.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The password was right, and the app asks for more.
    #[error("a second factor is to be proved")]
    SecondFactorRequired,
    /// Accounts are made by the operator here.
    #[error("sign-up is closed")]
    SignupClosed,
    /// The token lacks a role that was asked for.
    #[error("a role is missing")]
    InsufficientRole,
    /// There is none such, or it is not yours.
    #[error("there is no such thing")]
    NotFound,
    /// Somebody has that name.
    #[error("the user name is taken")]
    UsernameTaken,
    /// A save that expected another version of what it was to change.
    #[error("it has changed since, and is of version {version} now")]
    VersionMismatch {
        /// The version it has.
        version: u64,
    },
    /// Too short or too easily guessed; the text says which.
    #[error("{0}")]
    WeakPassword(Cow<'static, str>),
    /// The current password is another: not a 401, which would read as a dead token.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The session has used up its requests.
    #[error("too many requests in this session")]
    RateLimited(RateState),
    /// Too many failed sign-ins, or too much else of what is counted.
    #[error("too many attempts; try again later")]
    TooManyAttempts {
        /// When the next try may be made.
        retry_after: Duration,
    },
    /// More sign-ins at once than there is room for.
    #[error("too busy to check passwords")]
    Overloaded,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Hasher(Box<dyn Error + Send + Sync>),
}

impl AuthError {
    /// The contract's code (2.3).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidCredentials => "invalid_credentials",
            Self::TokenMissing => "token_missing",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::TokenRevoked(_) => "token_revoked",
            Self::TokenOutdated => "token_outdated",
            Self::RefreshInvalid => "refresh_invalid",
            Self::RefreshExpired => "refresh_expired",
            Self::RefreshReused => "refresh_reused",
            Self::SessionEnded(_) => "session_ended",
            Self::AccountDisabled => "account_disabled",
            Self::SecondFactorRequired => "mfa_required",
            Self::SignupClosed => "signup_closed",
            Self::InsufficientRole => "insufficient_role",
            Self::NotFound => "not_found",
            Self::UsernameTaken => "username_taken",
            Self::VersionMismatch { .. } => "version_mismatch",
            Self::WeakPassword(_) => "weak_password",
            Self::WrongPassword => "wrong_password",
            Self::RateLimited(_) => "rate_limited",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::Overloaded => "overloaded",
            Self::Store(error) if error.is_away() => "store_unavailable",
            Self::Store(_) | Self::Key(_) | Self::Hasher(_) => "internal",
        }
    }

    /// Why the session or token is over, where that is the answer.
    #[must_use]
    pub const fn reason(&self) -> Option<EndReason> {
        match self {
            Self::TokenRevoked(reason) | Self::SessionEnded(reason) => Some(*reason),
            _ => None,
        }
    }
}

impl From<Refusal> for AuthError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Revoked(reason) => Self::TokenRevoked(reason),
            Refusal::Outdated => Self::TokenOutdated,
        }
    }
}

impl From<InvalidName> for AuthError {
    fn from(error: InvalidName) -> Self {
        Self::InvalidRequest(Cow::Borrowed(error.0))
    }
}

impl From<InvalidPassword> for AuthError {
    fn from(error: InvalidPassword) -> Self {
        Self::InvalidRequest(Cow::Owned(error.to_string()))
    }
}
