//! What a verb can answer instead of success: one enum, with the contract's stable codes.

use std::{error::Error, time::Duration};

use crate::{
    domain::{
        app_session_data::InvalidData,
        key_proof::KeyProofFault,
        secret::InvalidPassword,
        session::EndReason,
        user::{InvalidName, ROLES_MAX},
    },
    keys::{
        error::{KeyError, TokenError},
        sealer::OpenError,
    },
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

/// A value that a verb does not take; each says which one and what it takes, and never repeats it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("app: takes the name of a registered app")]
    UnregisteredApp,
    #[error("passkey: takes what navigator.credentials brought, as its toJSON() has it")]
    Passkey,
    #[error("a role is to be added and to be removed")]
    ContradictoryRoles,
    #[error("a user has at most {ROLES_MAX} roles")]
    TooManyRoles,
    #[error("user, app: at least one of them says whose sessions")]
    NobodysSessions,
    #[error("email_verified: the user has no e-mail address")]
    NothingVerified,
    #[error("email: accounts have no address here")]
    NoAddresses,
    #[error("email: takes an e-mail address, which is to be confirmed")]
    AddressMissing,
    /// At a sign-in.
    #[error(transparent)]
    KeyProof(KeyProofFault),
    #[error("this sign-in does not ask for that")]
    NotAsked,
    #[error("totp, recovery_code, passkey: the account has none")]
    NotSetUp,
    #[error("role: takes an app that has a secret")]
    RoleOfPublicApp,
    #[error(
        "methods, mfa: nobody could sign in: an app takes passkey, or password, and with that, where mfa is required, \
         totp or recovery_code"
    )]
    NoWayIn,
    #[error("identifiers: accounts have no address here, so that takes username")]
    NobodyNamed,
    /// Together with what is kept already, where it is a change.
    #[error(transparent)]
    Data(#[from] InvalidData),
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error(transparent)]
    Password(#[from] InvalidPassword),
}

/// What a verb is about and cannot find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    #[error("there is no such app")]
    App,
    #[error("there is no such factor")]
    Factor,
    #[error("there is no such key")]
    Key,
    #[error("there is no such mail")]
    Mail,
    /// Or it is another user's, who must not be told apart from nobody.
    #[error("there is no such session")]
    Session,
    #[error("there is no such user")]
    User,
}

/// Why something cannot be changed as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    #[error("there is an app of that name already; it can be changed")]
    AppExists,
    #[error("the app is public: it has no secret")]
    AppIsPublic,
    #[error("the app default is always public")]
    DefaultAppIsPublic,
    #[error("the app default is always there")]
    DefaultAppStays,
    #[error("there is no second factor that a recovery code could stand in for")]
    NoFactor,
    #[error("no factor waits to be confirmed, or not any more: begin anew")]
    NothingToConfirm,
    #[error("an authenticator app is set up already: remove it first")]
    TotpSetUp,
    #[error("that passkey is set up already")]
    PasskeySetUp,
    #[error("there are as many passkeys as an account may have: remove one first")]
    TooManyPasskeys,
    #[error("nobody else is enabled and has the role admin: give it to another user first")]
    LastAdmin,
}

/// Why a password is not good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("a password has at least {least} characters")]
    TooShort {
        /// `accounts.password_min_length`.
        least: usize,
    },
    #[error("the password is too easily guessed")]
    Guessable,
    #[error("the password is known from a breach")]
    Breached,
}

/// Why a verb refused.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error(transparent)]
    Invalid(Invalid),
    /// One answer for an unknown user and a wrong password.
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
    /// Its session is bound to a key that was not proved: nothing has become of it.
    #[error(transparent)]
    Unproved(KeyProofFault),
    /// Its session is over.
    #[error("the session has ended")]
    SessionEnded(EndReason),
    /// The right password, of an account that may not sign in.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The password was right, and the app asks for more.
    #[error("a second factor is to be proved")]
    SecondFactorRequired,
    /// One factor alone would make less of a session.
    #[error("the session has shown two factors, longer ago than one counts with another: show both")]
    BothFactorsNeeded,
    /// Said before anybody is looked up.
    #[error("the app does not take that proof")]
    MethodNotAccepted,
    /// Accounts are made by the operator here.
    #[error("sign-up is closed")]
    SignupClosed,
    /// Of somebody who is about to change what is not theirs.
    #[error("a more recent sign-in is needed")]
    SignInTooOld {
        /// How long ago it may be.
        max_age: Duration,
    },
    /// The account has a second factor, and the sign-in was without.
    #[error("a sign-in with a second factor is needed")]
    SignInTooWeak,
    /// A sign-in is asked for that nobody can show.
    #[error("no sign-in is what is asked for")]
    SignInUnknown,
    /// The token lacks a role that was asked for.
    #[error("a role is missing")]
    InsufficientRole,
    #[error(transparent)]
    NotFound(Missing),
    #[error(transparent)]
    Conflict(Conflict),
    /// Somebody has that name.
    #[error("the user name is taken")]
    UsernameTaken,
    /// Somebody has that address, verified.
    #[error("the e-mail address is another account's")]
    EmailTaken,
    /// The password was right, and the account was made with an address that its owner has not confirmed yet.
    #[error("the e-mail address is to be confirmed first; a mail to it says how")]
    EmailUnconfirmed,
    /// A link that was used before or replaced, whose time is over, or that was never one.
    #[error("the link is not good any more")]
    LinkSpent,
    /// A save that expected another version of what it was to change.
    #[error("it has changed since, and is of version {version} now")]
    VersionMismatch {
        /// The version it has.
        version: u64,
    },
    #[error(transparent)]
    WeakPassword(#[from] WeakPassword),
    /// The current password is another: not a 401, which would read as a dead token.
    #[error("the current password is wrong")]
    WrongPassword,
    /// Not the code that was asked for, or one that was used.
    #[error("the code is wrong, or was used already")]
    WrongCode,
    /// A passkey's answer that does not prove what it should.
    #[error(
        "the passkey's answer is not right: made elsewhere, for something else, too late, or used already"
    )]
    WrongPasskey,
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
    /// What a store keeps cannot be opened.
    #[error(transparent)]
    Sealed(#[from] OpenError),
    #[error(transparent)]
    Hasher(Box<dyn Error + Send + Sync>),
}

/// RFC 9470, section 3.
const STEP_UP: &str = "insufficient_user_authentication";

impl AuthError {
    /// The contract's code (2.3).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_request",
            Self::InvalidCredentials => "invalid_credentials",
            Self::TokenMissing => "token_missing",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::TokenRevoked(_) => "token_revoked",
            Self::TokenOutdated => "token_outdated",
            Self::RefreshInvalid | Self::Unproved(_) => "refresh_invalid",
            Self::RefreshExpired => "refresh_expired",
            Self::RefreshReused => "refresh_reused",
            Self::SessionEnded(_) => "session_ended",
            Self::AccountDisabled => "account_disabled",
            Self::SecondFactorRequired | Self::BothFactorsNeeded => "mfa_required",
            Self::MethodNotAccepted => "method_not_accepted",
            Self::SignupClosed => "signup_closed",
            Self::SignInTooOld { .. } | Self::SignInTooWeak | Self::SignInUnknown => STEP_UP,
            Self::InsufficientRole => "insufficient_role",
            Self::NotFound(_) => "not_found",
            Self::UsernameTaken => "username_taken",
            Self::EmailTaken => "email_taken",
            Self::EmailUnconfirmed => "email_unconfirmed",
            Self::LinkSpent => "link_spent",
            Self::Conflict(_) => "conflict",
            Self::VersionMismatch { .. } => "version_mismatch",
            Self::WeakPassword(_) => "weak_password",
            Self::WrongPassword => "wrong_password",
            Self::WrongCode | Self::WrongPasskey => "wrong_code",
            Self::RateLimited(_) => "rate_limited",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::Overloaded => "overloaded",
            Self::Store(error) if error.is_away() => "store_unavailable",
            Self::Store(_) | Self::Key(_) | Self::Sealed(_) | Self::Hasher(_) => "internal",
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

    /// Whether it is the proof of a key that was refused, and nothing else: another one may be taken.
    #[must_use]
    pub const fn is_of_proof(&self) -> bool {
        matches!(self, Self::Unproved(_) | Self::Invalid(Invalid::KeyProof(_)))
    }
}

impl From<TokenError> for AuthError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid => Self::TokenInvalid,
            TokenError::Expired(_) => Self::TokenExpired,
            TokenError::KeysUnread => {
                Self::Store(StoreError::Away { store: "keys folder", source: Box::new(error) })
            }
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
        Self::Invalid(error.into())
    }
}

impl From<InvalidPassword> for AuthError {
    fn from(error: InvalidPassword) -> Self {
        Self::Invalid(error.into())
    }
}
