//! Accounts as the statements of PostgreSQL take them, one at a time or many in columns.

use std::collections::{HashMap, HashSet};

use tokio_postgres::{Error, Row, types::ToSql};
use uuid::Uuid;

use super::engine::rows;
use crate::{
    domain::{
        locale::Locale,
        user::{Account, Email, Role, User},
    },
    store::accounts::Imported,
};

pub(super) fn role_names(user: &User) -> Vec<&str> {
    user.roles.iter().map(Role::as_str).collect()
}

/// An account as the columns of `users`, in the order of the statements.
pub(super) struct AccountRow<'a> {
    id: Uuid,
    username: &'a str,
    username_key: &'a str,
    email: Option<&'a str>,
    email_verified: bool,
    roles: Vec<&'a str>,
    roles_at: i64,
    status: &'static str,
    password_hash: &'a str,
    locale: Option<&'a str>,
    created_at: i64,
}

impl<'a> AccountRow<'a> {
    pub(super) fn of(account: &'a Account) -> Self {
        let user = &account.user;
        Self {
            id: user.id.uuid(),
            username: user.username.shown(),
            username_key: user.username.key(),
            email: user.email.as_ref().map(Email::as_str),
            email_verified: user.email_verified,
            roles: role_names(user),
            roles_at: user.roles_at.secs(),
            status: rows::status_text(user.status),
            password_hash: account.password_hash.phc(),
            locale: user.locale.as_ref().map(Locale::as_str),
            created_at: user.created_at.millis(),
        }
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 11] {
        [
            &self.id,
            &self.username,
            &self.username_key,
            &self.email,
            &self.email_verified,
            &self.roles,
            &self.roles_at,
            &self.status,
            &self.password_hash,
            &self.locale,
            &self.created_at,
        ]
    }
}

/// Accounts as lists, one for each column, in the order of the statement that imports them.
#[derive(Default)]
pub(super) struct AccountColumns<'a> {
    pub(super) id: Vec<Uuid>,
    username: Vec<&'a str>,
    pub(super) username_key: Vec<&'a str>,
    email: Vec<Option<&'a str>>,
    email_verified: Vec<bool>,
    roles: Vec<String>,
    status: Vec<&'static str>,
    password_hash: Vec<&'a str>,
    locale: Vec<Option<&'a str>>,
    created_at: Vec<i64>,
}

impl<'a> AccountColumns<'a> {
    pub(super) fn of(accounts: &'a [Account]) -> Self {
        let mut columns = Self::default();
        for row in accounts.iter().map(AccountRow::of) {
            columns.id.push(row.id);
            columns.username.push(row.username);
            columns.username_key.push(row.username_key);
            columns.email.push(row.email);
            columns.email_verified.push(row.email_verified);
            columns.roles.push(row.roles.join(" "));
            columns.status.push(row.status);
            columns.password_hash.push(row.password_hash);
            columns.locale.push(row.locale);
            columns.created_at.push(row.created_at);
        }
        columns
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 10] {
        [
            &self.id,
            &self.username,
            &self.username_key,
            &self.email,
            &self.email_verified,
            &self.roles,
            &self.status,
            &self.password_hash,
            &self.locale,
            &self.created_at,
        ]
    }
}

/// What became of each, by the ids that were made and by who is there now.
pub(super) fn told_apart(accounts: &[Account], made: &[Row], there: &[Row]) -> Result<Vec<Imported>, Error> {
    let mut made: HashSet<Uuid> = made.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let names = there.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let names: HashMap<Uuid, &str> = names.collect::<Result<_, Error>>()?;
    let taken: HashSet<&str> = names.values().copied().collect();
    let answer = |account: &Account| {
        let (id, key) = (account.user.id.uuid(), account.user.username.key());
        let same_user = names.get(&id) == Some(&key);
        // Of two with this id, the one that has the name was made; of two with both, the first.
        if same_user && made.remove(&id) {
            Imported::Made
        } else if !names.contains_key(&id) && !taken.contains(key) {
            Imported::EmailTaken
        } else {
            Imported::beside(same_user, names.contains_key(&id))
        }
    };
    Ok(accounts.iter().map(answer).collect())
}
