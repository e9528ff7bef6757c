//! A mail that is to go out: what it is about and whom, and not what it will say. It holds no secret.

use std::{str::FromStr, time::Duration};

use uuid::Uuid;

use super::{
    app::AppName,
    clock::Timestamp,
    ids::{InvalidId, UserId, first_uuid_at, uuid_at, uuid_id},
    random,
    user::Email,
};

/// How long after each try the next one comes; the last for all that follow.
const PAUSES: [Duration; 6] = [
    Duration::from_mins(1),
    Duration::from_mins(2),
    Duration::from_mins(4),
    Duration::from_mins(8),
    Duration::from_mins(15),
    Duration::from_mins(30),
];

uuid_id!(
    /// Names a mail, also to those who pass it on.
    MailId,
    "mail id"
);

impl MailId {
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(uuid_at(now, &random::bytes()))
    }

    /// The first that a mail of that moment can have.
    #[must_use]
    pub fn first_at(at: Timestamp) -> Self {
        Self(first_uuid_at(at))
    }
}

/// What a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MailKind {
    /// A link that sets a new password.
    ResetPassword,
    /// A link and a code that make an address somebody's.
    ConfirmEmail,
    /// To the former address: it was changed, and a link undoes that.
    EmailChanged,
    PasswordChanged,
    FactorsChanged,
    /// Two clients seem to hold one of the user's sessions.
    RefreshContested,
}

impl MailKind {
    pub const ALL: [Self; 6] = [
        Self::ResetPassword,
        Self::ConfirmEmail,
        Self::EmailChanged,
        Self::PasswordChanged,
        Self::FactorsChanged,
        Self::RefreshContested,
    ];

    /// The word for it in lists, databases and files of texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResetPassword => "reset_password",
            Self::ConfirmEmail => "confirm_email",
            Self::EmailChanged => "email_changed",
            Self::PasswordChanged => "password_changed",
            Self::FactorsChanged => "factors_changed",
            Self::RefreshContested => "refresh_contested",
        }
    }

    /// For how long it is worth sending.
    #[must_use]
    pub const fn life(self) -> Duration {
        match self {
            Self::ResetPassword => Duration::from_hours(6),
            Self::ConfirmEmail => Duration::from_hours(24),
            Self::EmailChanged | Self::PasswordChanged | Self::FactorsChanged | Self::RefreshContested => {
                Duration::from_hours(3 * 24)
            }
        }
    }
}

impl FromStr for MailKind {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(InvalidId("kind of mail"))
    }
}

/// Who is to have a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// Whoever is called so or has that address, if anybody is: as it was typed.
    Named(String),
    /// A user, at the address that is known to be theirs when it is sent.
    User(UserId),
    /// A user, at an address that is not theirs yet, or may not be theirs any more when it is sent.
    At {
        user: UserId,
        address: Email,
        /// The change that it is about; 0 = none.
        version: u32,
    },
}

/// A mail that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub id: MailId,
    pub kind: MailKind,
    pub recipient: Recipient,
    /// Whose pages its link leads to.
    pub app: AppName,
    pub created_at: Timestamp,
    /// It is of no use later.
    pub until: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}

impl Mail {
    /// One that may go out at once.
    #[must_use]
    pub fn new(kind: MailKind, recipient: Recipient, app: AppName, now: Timestamp) -> Self {
        Self {
            id: MailId::new(now),
            kind,
            recipient,
            app,
            created_at: now,
            until: now + kind.life(),
            attempts: 0,
        }
    }

    /// How long after a try that begins now the next one may begin, where this one comes to nothing.
    #[must_use]
    pub fn pause(&self) -> Duration {
        let place = usize::try_from(self.attempts).unwrap_or(usize::MAX).min(PAUSES.len() - 1);
        PAUSES[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_word() {
        for kind in MailKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }

    #[test]
    fn tries_come_further_and_further_apart() {
        let now = Timestamp::from_secs(1_000_000);
        let recipient = Recipient::Named("ada".to_owned());
        let mut mail = Mail::new(MailKind::ResetPassword, recipient, AppName::default_app(), now);
        let mut pauses = Vec::new();
        for attempts in [0, 1, 2, 5, 6, u32::MAX] {
            mail.attempts = attempts;
            pauses.push(mail.pause().as_secs() / 60);
        }
        assert_eq!(pauses, [1, 2, 4, 30, 30, 30]);
        assert_eq!(mail.id.to_string().parse(), Ok(mail.id));
    }
}
