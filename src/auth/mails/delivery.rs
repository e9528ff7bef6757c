//! What waits is sent, by one node at a time: due mails are claimed one by one, made, and handed on. Whoever dies in
//! between leaves a mail to its next try, which is the same mail by its id; no try begins after its end.

use std::time::Duration;

use futures_util::future::join_all;

use crate::{
    auth::{Auth, error::AuthError},
    domain::{
        app::{App, AppName},
        clock::Timestamp,
        email_link::{EmailCode, EmailLink, RESET_LIFE, ResetLink, UNDO_LIFE},
        identifier::Identifiers,
        ids::UserId,
        mail::{Mail, MailKind, Recipient},
        secret::HashPrint,
        user::{Account, Email, User, UserStatus},
    },
    mail::{Facts, Letter, NotSent, Post, Way},
    measures::table::{MAILS, MAILS_KEPT},
    store::leases::{Holder, Leased},
};

/// How many are sent at once.
const TOGETHER: u32 = 8;
/// How long one node goes on being the one that sends: not long, so that another goes on soon after it has died. Where
/// a round takes longer, two may send; each mail is claimed by one.
const TURN: Duration = Duration::from_secs(10);
/// The work of sending, among those of which one node does each.
const SENDING: &str = "send mail";
/// How long, and how many, mails that were given up are kept, and how many are looked at to be forgotten at once.
const DEAD_KEPT: Duration = Duration::from_hours(7 * 24);
const DEAD_MOST: u32 = 1_000;
const FORGOTTEN: u32 = 500;

/// What became of a look at the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// Nothing is due, or it is another node's turn.
    Idle,
    /// Some were tried, and there may be more.
    Busy,
    /// The mail server cannot be used: what waits may rest a while.
    Away,
}

/// Somebody who is to have a mail, and what it tells.
struct Addressee {
    user: User,
    to: Email,
    way: Option<Way>,
    code: Option<String>,
}

impl Auth {
    /// Tries some of the mails that are due. To be called every second, and at once again while it is busy.
    pub async fn deliver_mails(&self, holder: &Holder, post: &Post) -> Result<Round, AuthError> {
        let now = self.clock.now();
        let due = self.stores.outbox.due(now, TOGETHER).await?;
        let is_ours = async || self.stores.leases.take_lease(SENDING, holder, TURN, now).await;
        if due.is_empty() || is_ours().await? == Leased::Anothers {
            return Ok(Round::Idle);
        }
        let tries = join_all(due.iter().map(|mail| self.try_mail(mail, post))).await;
        let mut is_away = false;
        for tried in tries {
            is_away |= tried? == Round::Away;
        }
        Ok(if is_away { Round::Away } else { Round::Busy })
    }

    /// Looks how many there are, and forgets what was given up long ago. To be called every minute or so.
    pub async fn tidy_mails(&self) -> Result<(), AuthError> {
        let counts = self.stores.outbox.count_mails().await?;
        let outbox = [("waiting", counts.waiting), ("dead", counts.dead)];
        for (state, count) in outbox {
            MAILS_KEPT.gauge(&[state]).set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        }
        if counts.dead > 0 {
            let before = self.clock.now() - DEAD_KEPT;
            self.stores.outbox.forget_dead(before, DEAD_MOST, FORGOTTEN).await?;
        }
        Ok(())
    }

    async fn try_mail(&self, mail: &Mail, post: &Post) -> Result<Round, AuthError> {
        let now = self.clock.now();
        if now >= mail.until {
            self.give_up(mail, "its time is over").await?;
            return Ok(Round::Busy);
        }
        if !self.stores.outbox.claim(mail, now + mail.pause()).await? {
            return Ok(Round::Busy);
        }
        let Some(letter) = self.letter(mail, now).await? else {
            self.stores.outbox.remove_mail(mail.id).await?;
            MAILS.count(&["dropped"]);
            return Ok(Round::Busy);
        };
        self.settle_try(mail, post.send(&letter).await).await
    }

    /// What becomes of a mail that was tried.
    async fn settle_try(&self, mail: &Mail, tried: Result<(), NotSent>) -> Result<Round, AuthError> {
        match tried {
            Ok(()) => {
                self.stores.outbox.remove_mail(mail.id).await?;
                MAILS.count(&["sent"]);
                tracing::info!(mail.id = %mail.id, mail.kind = mail.kind.as_str(), "a mail was sent");
                Ok(Round::Busy)
            }
            Err(NotSent::Never(why)) => {
                self.give_up(mail, &why).await?;
                Ok(Round::Busy)
            }
            Err(error @ (NotSent::Later(_) | NotSent::Away(_))) => {
                self.stores.outbox.note_failure(mail.id, &error.to_string(), false).await?;
                MAILS.count(&["deferred"]);
                tracing::warn!(mail.id = %mail.id, mail.attempts = mail.attempts + 1, %error, "a mail waits");
                Ok(if matches!(error, NotSent::Away(_)) { Round::Away } else { Round::Busy })
            }
        }
    }

    async fn give_up(&self, mail: &Mail, why: &str) -> Result<(), AuthError> {
        self.stores.outbox.note_failure(mail.id, why, true).await?;
        MAILS.count(&["dead"]);
        let kind = mail.kind.as_str();
        tracing::error!(mail.id = %mail.id, mail.kind = kind, why, "a mail is given up; see `keyward mail list`");
        Ok(())
    }

    /// The mail as it is now; `None` = nobody is to have it, or not any more.
    async fn letter(&self, mail: &Mail, now: Timestamp) -> Result<Option<Letter>, AuthError> {
        let Some(app) = self.app_of_mail(mail).await? else { return Ok(None) };
        let account = self.account_of(&mail.recipient).await?;
        let account = account.filter(|account| account.user.status == UserStatus::Active);
        let Some(account) = account else { return Ok(None) };
        let told = self.addressee(mail, account, &app, now).await?;
        Ok(told.map(|Addressee { user, to, way, code }| Letter {
            id: mail.id,
            kind: mail.kind,
            to,
            locale: user.locale,
            facts: Facts {
                username: user.username.to_string(),
                app: app.name.as_str().to_owned(),
                way,
                code,
            },
            at: now,
        }))
    }

    /// The app whose pages are meant; where it is gone, the one that is always there.
    async fn app_of_mail(&self, mail: &Mail) -> Result<Option<App>, AuthError> {
        match self.stores.apps.find(&mail.app).await? {
            Some(app) => Ok(Some(app)),
            None => Ok(self.stores.apps.find(&AppName::default_app()).await?),
        }
    }

    async fn addressee(
        &self,
        mail: &Mail,
        account: Account,
        app: &App,
        now: Timestamp,
    ) -> Result<Option<Addressee>, AuthError> {
        Ok(match (mail.kind, &mail.recipient) {
            (MailKind::ResetPassword, _) => self.tell_of_reset(mail, account, app, now).await?,
            (MailKind::ConfirmEmail, Recipient::At { address, version, .. }) => {
                self.tell_of_confirmation(account.user, address, *version, app, now).await?
            }
            (MailKind::EmailChanged, Recipient::At { address, version, .. }) => {
                let expires_at = mail.created_at + UNDO_LIFE;
                let link = email_link(account.user.id, expires_at, *version, app, Some(address));
                let way = Some(self.seal_email(&link, app)?);
                Some(Addressee { user: account.user, to: address.clone(), way, code: None })
            }
            (MailKind::PasswordChanged | MailKind::FactorsChanged, Recipient::At { address, .. }) => {
                Some(Addressee { user: account.user, to: address.clone(), way: None, code: None })
            }
            (MailKind::RefreshContested, _) => {
                let known = account.user.email.clone().filter(|_| account.user.email_verified);
                known.map(|to| Addressee { user: account.user, to, way: None, code: None })
            }
            _ => None,
        })
    }

    async fn account_of(&self, recipient: &Recipient) -> Result<Option<Account>, AuthError> {
        match recipient {
            Recipient::Named(typed) => self.account_called(typed, Identifiers::ALL).await,
            Recipient::User(user) | Recipient::At { user, .. } => {
                Ok(self.stores.accounts.by_id(*user).await?)
            }
        }
    }

    /// To the address that is known to be theirs, never to one that was typed.
    async fn tell_of_reset(
        &self,
        mail: &Mail,
        account: Account,
        app: &App,
        now: Timestamp,
    ) -> Result<Option<Addressee>, AuthError> {
        let Account { user, password_hash, .. } = account;
        let Some(to) = user.email.clone().filter(|_| user.email_verified) else { return Ok(None) };
        if mail.attempts == 0 && !self.may_write_to(&user).await? {
            return Ok(None);
        }
        let print = HashPrint::of(&password_hash);
        let link = ResetLink { user: user.id, expires_at: now + RESET_LIFE, print, app: app.name.clone() };
        let way = self.seal_reset(&link, app)?;
        Ok(Some(Addressee { user, to, way: Some(way), code: None }))
    }

    async fn tell_of_confirmation(
        &self,
        user: User,
        address: &Email,
        version: u32,
        app: &App,
        now: Timestamp,
    ) -> Result<Option<Addressee>, AuthError> {
        let pending = self.stores.addresses.pending_email(user.id, now).await?;
        let pending = pending.filter(|pending| pending.version == version && pending.address == *address);
        // Another one was asked for since.
        let Some(pending) = pending else { return Ok(None) };
        let way = self.seal_email(&email_link(user.id, pending.until, version, app, None), app)?;
        // A code takes somebody who is signed in.
        let code = (!pending.opens).then(|| EmailCode::of(user.id, version, self.keys.refresh_secret()));
        let code = code.map(|code| code.expose().to_owned());
        Ok(Some(Addressee { user, to: pending.address, way: Some(way), code }))
    }
}

fn email_link(
    user: UserId,
    expires_at: Timestamp,
    version: u32,
    app: &App,
    undo: Option<&Email>,
) -> EmailLink {
    EmailLink { user, expires_at, version, app: app.name.clone(), undo: undo.cloned() }
}
