//! Where somebody can be reached: they say another address, prove that it is theirs, and then it is. Whoever had the
//! former one is told, and can undo it.

use std::sync::Arc;

use crate::{
    auth::{
        Auth, EmailPolicy,
        check::Caller,
        error::{AuthError, Invalid},
        events::by_caller,
        mails::links::{of_confirmation, of_undoing},
    },
    domain::{
        app::AppName,
        email_link::{CONFIRM_LIFE, EmailCode, EmailLink},
        event::EventKind,
        identifier::Identifiers,
        ids::UserId,
        mail::{Mail, MailKind, Recipient},
        occasion::Occasion,
        user::{Account, Email, Username},
    },
    store::addresses::{EmailConfirmed, EmailUndone},
};

/// How many wrong codes one change withstands.
const WRONG_CODES: u64 = 5;

impl Auth {
    /// The account that somebody means who types that: the verified address of one, or the name. The address comes
    /// first, for it is proved to be its owner's, and anybody may take a name that looks like one.
    pub(in crate::auth) async fn account_called(
        &self,
        typed: &str,
        by: Identifiers,
    ) -> Result<Option<Account>, AuthError> {
        if by.take_email()
            && let Some(address) = typed.contains('@').then(|| Email::parse(typed).ok()).flatten()
            && self.policy().email != EmailPolicy::Off
            && let Some(account) = self.stores.addresses.by_email(&address).await?
        {
            return Ok(Some(account));
        }
        match Username::known(typed) {
            Ok(_) if !by.take_username() => Ok(None),
            Ok(name) => Ok(self.stores.accounts.by_name(&name).await?),
            Err(_) => Ok(None),
        }
    }

    /// Has the caller confirm another address, by a mail to it.
    pub async fn change_own_email(
        &self,
        caller: &Caller,
        address: Email,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        if self.policy().email == EmailPolicy::Off {
            return Err(AuthError::Invalid(Invalid::NoAddresses));
        }
        self.require_recent_sign_in(caller).await?;
        self.count_mail_from(occasion).await?;
        let (user, most, now) = (caller.user(), self.policy().mail_limit.count, self.clock.now());
        self.count_mail(&format!("proposed:{user}"), most).await?;
        let version = self.stores.addresses.propose_email(user, &address, now + CONFIRM_LIFE).await?;
        let version = version.ok_or(AuthError::TokenInvalid)?;
        let recipient = Recipient::At { user, address, version };
        self.post_mail(Mail::new(MailKind::ConfirmEmail, recipient, caller.claims().app.clone(), now)).await
    }

    /// Does what a link in a mail is for: confirms an address, or undoes its change.
    pub async fn follow_email_link(&self, token: &str, occasion: &Occasion) -> Result<(), AuthError> {
        let EmailLink { user, version, app, undo, expires_at } = self.open_email(token)?;
        match undo {
            None => {
                self.spend_link(of_confirmation(user, version, expires_at)).await?;
                self.confirm_email(user, version, app, occasion).await
            }
            Some(former) => {
                self.spend_link(of_undoing(user, version, &former, expires_at)).await?;
                self.undo_email(user, version, former, app, occasion).await
            }
        }
    }

    /// Confirms the caller's pending address by the code that was sent there.
    pub async fn confirm_own_email(
        &self,
        caller: &Caller,
        code: &str,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        let (user, now) = (caller.user(), self.clock.now());
        let pending = self.stores.addresses.pending_email(user, now).await?.ok_or(AuthError::WrongCode)?;
        // Counted before it is compared: of those that come together no more are tried than may be.
        self.count_mail(&format!("code:{user}:{}", pending.version), WRONG_CODES).await?;
        if !EmailCode::of(user, pending.version, self.keys.refresh_secret()).is(code) {
            return Err(AuthError::WrongCode);
        }
        self.spend_link(of_confirmation(user, pending.version, pending.until)).await?;
        let (app, occasion) = (caller.claims().app.clone(), by_caller(occasion, caller));
        self.confirm_email(user, pending.version, app, &occasion).await
    }

    async fn confirm_email(
        &self,
        user: UserId,
        version: u32,
        app: AppName,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        let addresses = Arc::clone(&self.stores.addresses);
        let event = self.event(EventKind::EmailChanged, occasion).of_user(user).because("confirmed");
        // Who had the former address is told by the same step.
        let notice = Mail::new(MailKind::EmailChanged, Recipient::User(user), app, self.clock.now());
        let confirming = async move { addresses.confirm_email(user, version, &notice).await };
        let was_made = |became: &EmailConfirmed| *became == EmailConfirmed::Yes;
        match self.change(confirming, was_made, event.by_owner(user)).await? {
            EmailConfirmed::Yes => Ok(()),
            EmailConfirmed::Taken => Err(AuthError::EmailTaken),
            EmailConfirmed::Spent => Err(AuthError::LinkSpent),
        }
    }

    /// The address is theirs again, and a mail to it sets a new password: whoever had changed it may know the present
    /// one.
    async fn undo_email(
        &self,
        user: UserId,
        version: u32,
        former: Email,
        app: AppName,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        let addresses = Arc::clone(&self.stores.addresses);
        let event = self.event(EventKind::EmailChanged, occasion).of_user(user).because("undone");
        let notice = Mail::new(MailKind::ResetPassword, Recipient::User(user), app, self.clock.now());
        let undoing = async move { addresses.undo_email(user, version, &former, &notice).await };
        match self.change(undoing, |became| *became == EmailUndone::Yes, event).await? {
            EmailUndone::Yes => Ok(()),
            EmailUndone::Taken => Err(AuthError::EmailTaken),
            EmailUndone::Spent => Err(AuthError::LinkSpent),
        }
    }
}
