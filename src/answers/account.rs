//! Users: as they see themselves, and as an operator sees them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    locale::Locale,
    user::{self, Email, Role, UserStatus},
    user_list::UserPage,
};

/// A user as they see themselves.
#[derive(Debug, Serialize, ToSchema)]
pub struct User {
    pub id: String,
    pub username: String,
    #[schema(required)]
    pub email: Option<String>,
    pub roles: Vec<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// A user as an operator sees them.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserRecord {
    #[serde(flatten)]
    pub user: User,
    pub email_verified: bool,
    pub status: AccountStatus,
    #[schema(required)]
    pub locale: Option<String>,
}

/// A part of the users; without `next_cursor` it is the last.
#[derive(Debug, Serialize, ToSchema)]
pub struct Users {
    pub users: Vec<UserRecord>,
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// A user who is no more.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeletedUser {
    pub id: String,
    pub username: String,
}

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    Active,
    Disabled,
}

impl From<&user::User> for User {
    fn from(user: &user::User) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username.shown().to_owned(),
            email: user.email.as_ref().map(Email::as_str).map(str::to_owned),
            roles: user.roles.iter().map(Role::as_str).map(str::to_owned).collect(),
            created_at: user.created_at.rfc3339(),
        }
    }
}

impl From<&user::User> for UserRecord {
    fn from(user: &user::User) -> Self {
        Self {
            user: user.into(),
            email_verified: user.email_verified,
            status: user.status.into(),
            locale: user.locale.as_ref().map(Locale::as_str).map(str::to_owned),
        }
    }
}

impl From<UserPage> for Users {
    fn from(page: UserPage) -> Self {
        Self {
            users: page.users.iter().map(UserRecord::from).collect(),
            next_cursor: page.next.map(|next| next.to_string()),
        }
    }
}

impl From<&user::User> for DeletedUser {
    fn from(user: &user::User) -> Self {
        Self { id: user.id.to_string(), username: user.username.shown().to_owned() }
    }
}

impl From<UserStatus> for AccountStatus {
    fn from(status: UserStatus) -> Self {
        match status {
            UserStatus::Active => Self::Active,
            UserStatus::Disabled => Self::Disabled,
        }
    }
}

impl AccountStatus {
    /// The word that is said.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}
