//! Accounts as tests put them into a store.

use keyward::domain::{
    clock::Timestamp,
    ids::UserId,
    secret::PasswordHash,
    user::{Account, User, UserStatus, Username},
};

use super::backends::START;

/// One that is made at the start, with a name and a hash that no password has, and nothing else.
pub fn account(name: &str) -> Account {
    let user = User {
        id: UserId::new(START),
        username: Username::parse(name).expect("a name"),
        email: None,
        email_verified: false,
        roles: Vec::new(),
        roles_at: Timestamp::from_secs(0),
        status: UserStatus::Active,
        locale: None,
        created_at: START,
    };
    Account { user, password_hash: PasswordHash::from_phc("$argon2id$h4sh".to_owned()), pardons: 0 }
}
