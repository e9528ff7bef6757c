//! Accounts that are brought along from elsewhere, with what their passwords are checked against; and those of this
//! server, to be taken elsewhere.

pub use crate::store::accounts::Imported;
use crate::{
    auth::{
        Auth,
        error::AuthError,
        sign_in::{BadHash, accept_hash},
    },
    domain::{
        clock::Timestamp,
        ids::UserId,
        locale::Locale,
        secret::PasswordHash,
        user::{Account, Email, Role, User, UserStatus, Username},
    },
};

/// Who somebody is where they come from.
#[derive(Debug, Clone)]
pub enum Provenance {
    /// The id that they keep.
    Id(UserId),
    /// A name that is no id here; one follows from it.
    Elsewhere(String),
    /// None was given: an id follows from name, address and date.
    Unknown,
}

/// An account as it comes.
#[derive(Debug, Clone)]
pub struct Newcomer {
    pub provenance: Provenance,
    pub username: Username,
    pub email: Option<Email>,
    pub email_verified: bool,
    /// `None` = none can sign in by a password until one is set.
    pub password_hash: Option<PasswordHash>,
    pub roles: Vec<Role>,
    pub status: UserStatus,
    pub locale: Option<Locale>,
    /// `None` = now.
    pub created_at: Option<Timestamp>,
}

impl Newcomer {
    fn id(&self) -> UserId {
        let created_at = self.created_at.unwrap_or(Timestamp::from_secs(0));
        match &self.provenance {
            Provenance::Id(id) => *id,
            Provenance::Elsewhere(name) => UserId::derived(created_at, &["elsewhere", name]),
            Provenance::Unknown => {
                let email = self.email.as_ref().map_or("", Email::as_str);
                UserId::derived(created_at, &[self.username.key(), email])
            }
        }
    }

    fn account(self, now: Timestamp) -> Account {
        let id = self.id();
        let mut roles = self.roles;
        roles.sort();
        roles.dedup();
        let user = User {
            id,
            username: self.username,
            email: self.email,
            email_verified: self.email_verified,
            roles,
            roles_at: Timestamp::from_secs(0),
            status: self.status,
            locale: self.locale,
            created_at: self.created_at.unwrap_or(now),
        };
        Account { user, password_hash: self.password_hash.unwrap_or(PasswordHash::unset()), pardons: 0 }
    }
}

impl Auth {
    /// A hash from elsewhere, if passwords can be compared with it here.
    ///
    /// # Errors
    /// When it is of no kind that is known here, not whole, or its cost is out of bounds.
    pub fn accept_hash(text: &str) -> Result<PasswordHash, BadHash> {
        accept_hash(text)
    }

    /// Makes those accounts that can be made, all in one step, and says what became of each. Whoever is there
    /// already is left as they are: to do it again changes nothing.
    pub async fn import(&self, newcomers: Vec<Newcomer>) -> Result<Vec<Imported>, AuthError> {
        let now = self.clock.now();
        let accounts: Vec<Account> = newcomers.into_iter().map(|newcomer| newcomer.account(now)).collect();
        Ok(self.stores.accounts.import(&accounts).await?)
    }

    /// Up to `limit` accounts after `after`, with what proves them.
    pub async fn accounts(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Account>, AuthError> {
        Ok(self.stores.accounts.list_accounts(after, limit).await?)
    }
}
