//! Mail that waits or was given up.

use serde::Serialize;

use crate::{
    auth::mails::KeptMail,
    domain::{mail::Recipient, user::Email},
};

/// A mail in the outbox. What it will say is not known yet: it is made when it is sent.
#[derive(Debug, Serialize)]
pub struct Mail {
    pub id: String,
    pub kind: &'static str,
    pub state: MailState,
    /// Whom it is about, where that is known.
    pub user: Option<String>,
    /// What was typed, or the address that it goes to; none = the address that the user has then.
    pub to: Option<String>,
    pub app: String,
    pub created_at: String,
    /// It is of no use later.
    pub until: String,
    /// When it is tried next.
    pub due_at: Option<String>,
    pub attempts: u32,
    /// What came of the last try.
    pub failure: Option<String>,
}

/// Whether a mail is still tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MailState {
    Waiting,
    Dead,
}

impl MailState {
    /// The word that is said.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Dead => "dead",
        }
    }
}

impl From<&KeptMail> for Mail {
    fn from(kept: &KeptMail) -> Self {
        let mail = &kept.mail;
        let (user, to) = match &mail.recipient {
            Recipient::Named(typed) => (None, Some(typed.clone())),
            Recipient::User(user) => (Some(*user), None),
            Recipient::At { user, address, .. } => (Some(*user), Some(Email::as_str(address).to_owned())),
        };
        Self {
            id: mail.id.to_string(),
            kind: mail.kind.as_str(),
            state: if kept.is_dead { MailState::Dead } else { MailState::Waiting },
            user: user.map(|user| user.to_string()),
            to,
            app: mail.app.as_str().to_owned(),
            created_at: mail.created_at.rfc3339(),
            until: mail.until.rfc3339(),
            due_at: (!kept.is_dead).then(|| kept.due_at.rfc3339()),
            attempts: mail.attempts,
            failure: kept.failure.clone(),
        }
    }
}
