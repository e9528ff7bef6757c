//! Mail: verbs say what is to go out, and it waits in the outbox; background work makes it and sends it. Who asks for a
//! mail is answered before anybody is looked up, so that nobody learns from it who there is.

pub mod delivery;
pub(super) mod links;
pub(super) mod warning;

use super::{
    Auth, EmailPolicy,
    error::{AuthError, Missing},
    sign_in::throttle::{hash, network},
};
pub use crate::store::outbox::KeptMail;
use crate::{
    domain::{
        app::AppName,
        mail::{Mail, MailId, MailKind, Recipient},
        occasion::Occasion,
        user::User,
    },
    measures::table::MAILS,
    store::{counters::Counter, outbox::Posted},
};

/// How many mails may wait: more than an hour's without a server, and some megabytes.
const WAITING: u32 = 10_000;
/// One address may ask for so many times as many as one account gets.
const ADDRESS_FACTOR: u64 = 10;

impl Auth {
    /// Up to `limit` mails that wait or were given up, after that one, the oldest first.
    pub async fn mails(&self, after: Option<MailId>, limit: u32) -> Result<Vec<KeptMail>, AuthError> {
        Ok(self.stores.outbox.list_mails(after, limit).await?)
    }

    /// Has a mail tried once more, at once and for as long as a new one.
    pub async fn retry_mail(&self, id: MailId, occasion: &Occasion) -> Result<(), AuthError> {
        let now = self.clock.now();
        // Links in it are as old as the change that they are about: they may be over all the same.
        let until = now + MailKind::EmailChanged.life();
        if !self.stores.outbox.retry(id, now, until).await? {
            return Err(AuthError::NotFound(Missing::Mail));
        }
        self.note_admin_action("mail_retried", &id.to_string(), occasion).await;
        Ok(())
    }

    /// Gives a mail up for good.
    pub async fn drop_mail(&self, id: MailId, occasion: &Occasion) -> Result<(), AuthError> {
        if !self.stores.outbox.remove_mail(id).await? {
            return Err(AuthError::NotFound(Missing::Mail));
        }
        self.note_admin_action("mail_dropped", &id.to_string(), occasion).await;
        Ok(())
    }

    /// Has a mail wait that somebody asked for.
    pub(in crate::auth) async fn post_mail(&self, mail: Mail) -> Result<(), AuthError> {
        match self.stores.outbox.post(&mail, WAITING).await? {
            Posted::Taken => Ok(()),
            Posted::Full => {
                MAILS.count(&["refused"]);
                Err(AuthError::Overloaded)
            }
        }
    }

    /// What tells a user of a change, where they can be told. Where to is settled now: whoever made it may change the
    /// address next.
    pub(in crate::auth) fn notice(&self, kind: MailKind, user: &User) -> Option<Mail> {
        let address = user.email.clone().filter(|_| user.email_verified)?;
        if self.policy().email == EmailPolicy::Off {
            return None;
        }
        let recipient = Recipient::At { user: user.id, address, version: 0 };
        Some(Mail::new(kind, recipient, AppName::default_app(), self.clock.now()))
    }

    /// Counts a mail that is asked for from there; from one address no more are than that.
    pub(in crate::auth) async fn count_mail_from(&self, occasion: &Occasion) -> Result<(), AuthError> {
        let most = self.policy().mail_limit.count.saturating_mul(ADDRESS_FACTOR);
        self.count_mail(&format!("ip:{}", network(occasion.address)), most).await
    }

    /// Whether one more may be asked for under this name.
    pub(in crate::auth) async fn may_ask_under(&self, name: &str) -> Result<bool, AuthError> {
        self.is_counted(&format!("asked:{}", hash(&[name]))).await
    }

    /// Whether one more may go to that user.
    pub(in crate::auth) async fn may_write_to(&self, user: &User) -> Result<bool, AuthError> {
        self.is_counted(&format!("user:{}", user.id)).await
    }

    async fn is_counted(&self, of: &str) -> Result<bool, AuthError> {
        let most = self.policy().mail_limit.count;
        match self.count_mail(of, most).await {
            Ok(()) => Ok(true),
            Err(AuthError::TooManyAttempts { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Counts one of something that there may be so many of in a window.
    pub(in crate::auth) async fn count_mail(&self, of: &str, most: u64) -> Result<(), AuthError> {
        let (window, counter) = (self.policy().mail_limit.window, Counter::Mail(of.to_owned()));
        let count = self.stores.counters.add(&counter, window, self.clock.now()).await?;
        if count.value <= most {
            return Ok(());
        }
        Err(AuthError::TooManyAttempts { retry_after: count.resets_in })
    }
}
