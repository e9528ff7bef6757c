//! Sign up: an account made by its owner, where the operator allows it, and only so many from one address. Where an
//! e-mail address is required, its owner is let in once it is confirmed.

use std::sync::Arc;

use super::NewAccount;
use crate::{
    auth::{
        Auth, EmailPolicy,
        error::{AuthError, Invalid},
        sign_in::{
            hasher::Party,
            open::UNREGISTERED_APP,
            refusals::SignInRefusal,
            throttle::{Attempt, network},
        },
    },
    domain::{
        app::{App, AppName},
        clock::Timestamp,
        email_link::CONFIRM_LIFE,
        mail::{Mail, MailKind, Recipient},
        occasion::Occasion,
        user::{Account, Email, User},
    },
    store::{accounts::Created, addresses::FirstAddress, counters::Counter},
};

/// What came of it.
#[derive(Debug)]
pub enum SignedUp {
    Made(User),
    /// It is made, and its address is to be confirmed first.
    Waits,
}

impl Auth {
    /// Makes an account without roles; links in mails to it lead to the pages of that app.
    pub async fn signup(
        &self,
        new: NewAccount,
        app: AppName,
        occasion: &Occasion,
    ) -> Result<SignedUp, AuthError> {
        if !self.policy().signup_open {
            return Err(AuthError::SignupClosed);
        }
        self.require_fitting_address(&new)?;
        if self.stores.apps.find(&app).await?.is_none() {
            return Err(UNREGISTERED_APP);
        }
        let counter = Counter::Signup(network(occasion.address));
        // Counted first, so that of those that come together no more are made than may be.
        self.count_signup(&counter).await?;
        let made = self.make_own_account(NewAccount { roles: Vec::new(), ..new }, app, occasion).await;
        if made.is_err() {
            self.stores.counters.take_back(&counter, self.clock.now()).await?;
        }
        made
    }

    fn require_fitting_address(&self, new: &NewAccount) -> Result<(), AuthError> {
        match (self.policy().email, &new.email) {
            (EmailPolicy::Required, None) => Err(AuthError::Invalid(Invalid::AddressMissing)),
            (EmailPolicy::Off, Some(_)) => Err(AuthError::Invalid(Invalid::NoAddresses)),
            _ => Ok(()),
        }
    }

    async fn make_own_account(
        &self,
        new: NewAccount,
        app: AppName,
        occasion: &Occasion,
    ) -> Result<SignedUp, AuthError> {
        let party = Party::of(new.username.key(), &network(occasion.address));
        let account = self.prepare_account(&new, party).await?;
        let (user, opens) = (account.user.clone(), self.policy().email == EmailPolicy::Required);
        let first = self.first_address(&user, opens, app).await?;
        let (addresses, event) = (Arc::clone(&self.stores.addresses), self.created(&user, occasion));
        let creating = async move { addresses.sign_up(&account, &first).await };
        match self.change(creating, |created| *created == Created::Yes, event).await? {
            Created::Yes if opens => Ok(SignedUp::Waits),
            Created::Yes => Ok(SignedUp::Made(user)),
            Created::NameTaken => Err(AuthError::UsernameTaken),
        }
    }

    async fn first_address(&self, user: &User, opens: bool, app: AppName) -> Result<FirstAddress, AuthError> {
        let until = self.clock.now() + CONFIRM_LIFE;
        let mail = match &user.email {
            Some(address) => self.confirmation(user, address, 1, app).await?,
            None => None,
        };
        Ok(FirstAddress { until, opens, mail })
    }

    /// The mail that asks for an address to be confirmed, unless it was asked for too often: whose it is is not known.
    async fn confirmation(
        &self,
        user: &User,
        address: &Email,
        version: u32,
        app: AppName,
    ) -> Result<Option<Mail>, AuthError> {
        if !self.may_ask_under(&address.as_str().to_lowercase()).await? {
            return Ok(None);
        }
        let recipient = Recipient::At { user: user.id, address: address.clone(), version };
        Ok(Some(Mail::new(MailKind::ConfirmEmail, recipient, app, self.clock.now())))
    }

    /// Refuses an account that waits for its first address to be confirmed, and sends the mail for that once more.
    pub(in crate::auth) async fn require_opened(
        &self,
        account: &Account,
        app: &App,
        attempt: &Attempt,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        let user = &account.user;
        if self.policy().email != EmailPolicy::Required || user.email_verified {
            return Ok(());
        }
        // Also one whose time is over.
        let pending = self.stores.addresses.pending_email(user.id, Timestamp::from_secs(0)).await?;
        let Some(pending) = pending.filter(|pending| pending.opens) else { return Ok(()) };
        let now = self.clock.now();
        let version = if pending.until > now {
            Some(pending.version)
        } else {
            self.stores.addresses.propose_email(user.id, &pending.address, now + CONFIRM_LIFE).await?
        };
        let Some(version) = version else { return Err(AuthError::InvalidCredentials) };
        if let Some(mail) = self.confirmation(user, &pending.address, version, app.name.clone()).await? {
            self.post_mail(mail).await?;
        }
        self.refuse(SignInRefusal::EmailUnconfirmed, attempt, occasion);
        Err(AuthError::EmailUnconfirmed)
    }

    async fn count_signup(&self, counter: &Counter) -> Result<(), AuthError> {
        let (limit, now) = (self.policy().signup_limit, self.clock.now());
        let count = self.stores.counters.add(counter, limit.window, now).await?;
        if count.value <= limit.count {
            return Ok(());
        }
        self.stores.counters.take_back(counter, now).await?;
        Err(AuthError::TooManyAttempts { retry_after: count.resets_in })
    }
}
