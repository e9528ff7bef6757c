//! Accounts: the owner's view of their own, and what an operator does with any.

pub mod breached;
pub mod email;
pub mod import;
pub mod leave;
pub mod password;
pub mod reset;
pub(super) mod roles;
pub mod signup;

use std::sync::Arc;

use super::{
    Auth,
    check::Caller,
    error::{AuthError, Conflict, Invalid, Missing},
    sign_in::hasher::Party,
};
use crate::{
    domain::{
        clock::Timestamp,
        event::{Event, EventKind},
        ids::UserId,
        mail::MailKind,
        occasion::Occasion,
        secret::Password,
        session::EndReason,
        user::{Account, Email, ROLES_MAX, Role, User, UserStatus, Username},
        user_list::{UserPage, UserPlace, UserQuery},
    },
    store::{
        accounts::{Created, Guarded},
        addresses::EmailSet,
        error::StoreError,
    },
};

const NO_SUCH_USER: AuthError = AuthError::NotFound(Missing::User);

/// An account to be made.
#[derive(Debug)]
pub struct NewAccount {
    /// The name to sign in with.
    pub username: Username,
    pub password: Password,
    /// Where the user can be reached.
    pub email: Option<Email>,
    /// What the user may do.
    pub roles: Vec<Role>,
}

impl Auth {
    /// The caller, as the database knows them now.
    pub async fn me(&self, caller: &Caller) -> Result<User, AuthError> {
        let account = self.stores.accounts.by_id(caller.user()).await?;
        account.map(|account| account.user).ok_or(AuthError::TokenRevoked(EndReason::AccountDisabled))
    }

    /// Makes an account with a password that is good enough.
    pub async fn add_account(&self, new: NewAccount, occasion: &Occasion) -> Result<User, AuthError> {
        let account = self.prepare_account(&new, Party::default()).await?;
        let (accounts, made, event) =
            (Arc::clone(&self.stores.accounts), account.clone(), self.created(&account.user, occasion));
        let creating = async move { accounts.create(&made).await };
        match self.change(creating, |created| *created == Created::Yes, event).await? {
            Created::Yes => Ok(account.user),
            Created::NameTaken => Err(AuthError::UsernameTaken),
        }
    }

    /// Makes an account that nobody can sign in to until it is given a password: it has one that nobody knows.
    pub async fn add_account_without_password(
        &self,
        username: Username,
        email: Option<Email>,
        roles: Vec<Role>,
        occasion: &Occasion,
    ) -> Result<User, AuthError> {
        let new = NewAccount { username, password: Password::random(), email, roles };
        self.add_account(new, occasion).await
    }

    /// An account as it would be made on somebody's behalf.
    pub(super) async fn prepare_account(&self, new: &NewAccount, party: Party) -> Result<Account, AuthError> {
        let user = self.describe(new);
        if user.roles.len() > ROLES_MAX {
            return Err(AuthError::Invalid(Invalid::TooManyRoles));
        }
        // The name is asked first: a weak password must not cost a hash, nor a taken name.
        if self.stores.accounts.by_name(&user.username).await?.is_some() {
            return Err(AuthError::UsernameTaken);
        }
        let password_hash = self.accept_password(&user, &new.password, party).await?;
        Ok(Account { user, password_hash, pardons: 0 })
    }

    /// Makes the account `admin` if there is no account at all; returns its password, which is
    /// nowhere else.
    pub async fn add_first_account(&self) -> Result<Option<Password>, AuthError> {
        if !self.stores.accounts.list(None, 1).await?.is_empty() {
            return Ok(None);
        }
        let new = NewAccount {
            username: Username::parse(Role::ADMIN)?,
            password: Password::random(),
            email: None,
            roles: vec![Role::parse(Role::ADMIN)?],
        };
        let permit = self.hasher.permit(Party::default()).await?;
        let (password_hash, _permit) = permit.hash(&new.password).await?;
        let account = Account { user: self.describe(&new), password_hash, pardons: 0 };
        let (accounts, event) =
            (Arc::clone(&self.stores.accounts), self.created(&account.user, &Occasion::of_server()));
        let creating = async move { accounts.create_first(&account).await };
        let made = self.change(creating, |is_made| *is_made, event).await?;
        Ok(made.then_some(new.password))
    }

    /// Up to `limit` users after `after`.
    pub async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, AuthError> {
        Ok(self.stores.accounts.list(after, limit).await?)
    }

    /// Users as they are asked for, up to `limit`, after a place of the same list.
    pub async fn find_users(
        &self,
        query: &UserQuery,
        after: Option<&UserPlace>,
        limit: u32,
    ) -> Result<UserPage, AuthError> {
        Ok(self.stores.accounts.page(query, after, limit).await?)
    }

    /// The user of that name.
    pub async fn user(&self, username: &Username) -> Result<User, AuthError> {
        let account = self.stores.accounts.by_name(username).await?;
        account.map(|account| account.user).ok_or(NO_SUCH_USER)
    }

    /// The user of that id, if there still is one.
    pub async fn user_by_id(&self, id: UserId) -> Result<Option<User>, AuthError> {
        Ok(self.stores.accounts.by_id(id).await?.map(|account| account.user))
    }

    /// Sets a password without knowing the old one, forgives the failures at it, and ends the user's
    /// sessions.
    pub async fn set_password(
        &self,
        user: &User,
        new: &Password,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        let hash = self.accept_password(user, new, Party::default()).await?;
        // Before, so that nobody goes on where this is cut short; and after, for who signed in meanwhile.
        self.end_sessions(user.id, EndReason::PasswordChanged, occasion).await?;
        let (accounts, id) = (Arc::clone(&self.stores.accounts), user.id);
        let event = self.event(EventKind::PasswordChanged, occasion).of_user(id);
        let notice = self.notice(MailKind::PasswordChanged, user);
        let setting = async move { accounts.set_password(id, None, &hash, notice.as_ref()).await };
        if !self.change(setting, |is_set| *is_set, event).await? {
            return Err(NO_SUCH_USER);
        }
        self.stores.accounts.pardon(user.id).await?;
        self.end_sessions(user.id, EndReason::PasswordChanged, occasion).await
    }

    /// Forgives the failed sign-ins of an account: none of them counts any more, from wherever it was.
    pub async fn unlock(&self, username: &Username, occasion: &Occasion) -> Result<(), AuthError> {
        let id = self.user(username).await?.id;
        let accounts = Arc::clone(&self.stores.accounts);
        let pardoning = async move { accounts.pardon(id).await };
        let event = self.changed(id, "unlocked", occasion);
        if self.change(pardoning, |is_done| *is_done, event).await? { Ok(()) } else { Err(NO_SUCH_USER) }
    }

    /// Disables an account: no sign-in, and no token passes from now on.
    pub async fn disable(&self, user: UserId, occasion: &Occasion) -> Result<(), AuthError> {
        // Asked before anybody is signed out for nothing; what decides is the change of the record.
        if self.stores.accounts.is_last_admin(user).await? {
            return Err(AuthError::Conflict(Conflict::LastAdmin));
        }
        // Wherever this is cut short, nobody who was signed in goes on.
        self.end_sessions(user, EndReason::AccountDisabled, occasion).await?;
        // The record first: from then on nothing new is issued, so what the next steps end is all
        // there is. The user's entry before the sessions': it refuses them all at one stroke.
        done(self.set_status(user, UserStatus::Disabled, occasion).await?)?;
        let now = self.clock.now();
        self.stores.revocations.refuse_user(user, EndReason::AccountDisabled, now).await?;
        self.end_sessions(user, EndReason::AccountDisabled, occasion).await
    }

    /// Enables an account again. Its old sessions stay ended.
    pub async fn enable(&self, user: UserId, occasion: &Occasion) -> Result<(), AuthError> {
        // A disabling that was cut short has left them alive.
        self.end_sessions(user, EndReason::AccountDisabled, occasion).await?;
        // The record last: of a disabling beside this, either both steps stand or none does.
        self.stores.revocations.admit_user(user).await?;
        done(self.set_status(user, UserStatus::Active, occasion).await?)
    }

    /// Lets in a user whom the accounts call active, and who is refused as disabled all the same: the
    /// accounts were restored from a copy of before.
    pub(super) async fn readmit(&self, user: UserId) -> Result<(), AuthError> {
        let refused = self.stores.revoked.reason_for(user, self.clock.now());
        if refused != Some(EndReason::AccountDisabled) {
            return Ok(());
        }
        self.stores.revocations.admit_user(user).await?;
        // Once more, now that it is lifted: a disabling changes the record first, so one under way is seen
        // here, or refuses the user after this.
        let account = self.stores.accounts.by_id(user).await?;
        if account.is_some_and(|account| account.user.status == UserStatus::Active) {
            tracing::warn!(user.id = %user, "refused as disabled, and active as the accounts have it: let in");
            return Ok(());
        }
        let now = self.clock.now();
        self.stores.revocations.refuse_user(user, EndReason::AccountDisabled, now).await?;
        self.end_sessions(user, EndReason::AccountDisabled, &Occasion::of_server()).await?;
        Err(AuthError::AccountDisabled)
    }

    /// Sets where a user can be reached, if anywhere, and whether that is known to be theirs.
    pub async fn set_email(
        &self,
        user: UserId,
        email: Option<&Email>,
        verified: bool,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        if verified && email.is_none() {
            return Err(AuthError::Invalid(Invalid::NothingVerified));
        }
        let event = self.event(EventKind::EmailChanged, occasion).of_user(user);
        let event = event.because(match email {
            None => "removed",
            Some(_) if verified => "verified",
            Some(_) => "unverified",
        });
        let (addresses, email) = (Arc::clone(&self.stores.addresses), email.cloned());
        let setting = async move { addresses.set_email(user, email.as_ref(), verified).await };
        match self.change(setting, |became| *became == EmailSet::Yes, event).await? {
            EmailSet::Yes => Ok(()),
            EmailSet::Taken => Err(AuthError::EmailTaken),
            EmailSet::NotFound => Err(NO_SUCH_USER),
        }
    }

    /// Removes an account, after ending all that it had.
    pub async fn delete(&self, user: UserId, occasion: &Occasion) -> Result<(), AuthError> {
        let name = self.user_by_id(user).await?.map(|user| user.username.to_string());
        self.disable(user, occasion).await?;
        let accounts = Arc::clone(&self.stores.accounts);
        // From here on nothing else says who that was.
        let event = self.changed(user, "deleted", occasion).in_detail(name.unwrap_or_default());
        let deleting = async move { accounts.delete(user).await };
        match self.change(deleting, |became| *became == Guarded::Done, event).await? {
            // By somebody else, in this moment.
            Guarded::NotFound => Ok(()),
            became => done(became),
        }
    }

    async fn end_sessions(
        &self,
        user: UserId,
        reason: EndReason,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        self.end_of_user(user, None, reason, occasion).await.map(drop)
    }

    async fn set_status(
        &self,
        user: UserId,
        status: UserStatus,
        occasion: &Occasion,
    ) -> Result<Guarded, StoreError> {
        let word = match status {
            UserStatus::Active => "enabled",
            UserStatus::Disabled => "disabled",
        };
        let (accounts, event) = (Arc::clone(&self.stores.accounts), self.changed(user, word, occasion));
        let setting = async move { accounts.set_status(user, status).await };
        self.change(setting, |became| *became == Guarded::Done, event).await
    }

    pub(super) fn created(&self, user: &User, occasion: &Occasion) -> Event {
        let event = self.event(EventKind::UserCreated, occasion).of_user(user.id);
        event.by_owner(user.id).in_detail(user.username.to_string())
    }

    fn changed(&self, user: UserId, what: &str, occasion: &Occasion) -> Event {
        self.event(EventKind::UserChanged, occasion).of_user(user).because(what)
    }

    fn describe(&self, new: &NewAccount) -> User {
        let now = self.clock.now();
        let mut roles = new.roles.clone();
        roles.sort();
        roles.dedup();
        User {
            id: UserId::new(now),
            username: new.username.clone(),
            email: new.email.clone(),
            email_verified: false,
            roles,
            roles_at: Timestamp::from_secs(0),
            status: UserStatus::Active,
            locale: None,
            created_at: now,
        }
    }
}

fn done(became: Guarded) -> Result<(), AuthError> {
    match became {
        Guarded::Done => Ok(()),
        Guarded::LastAdmin => Err(AuthError::Conflict(Conflict::LastAdmin)),
        Guarded::NotFound => Err(NO_SUCH_USER),
    }
}
