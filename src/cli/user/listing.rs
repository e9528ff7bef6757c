//! Users as a listing shows them, and those whom a search finds.

use serde::Serialize;

use crate::{
    answers::{AccountStatus, UserRecord},
    auth::Auth,
    cli::{
        error::CliError,
        output::{Row, relative},
    },
    domain::{
        clock::Timestamp,
        user::{Role, User},
        user_list::{SearchPrefix, UserQuery},
    },
};

/// How many users are read at once.
const PAGE: u32 = 1000;

/// Everybody, or those whom a search finds.
pub(super) async fn all(auth: &Auth, search: Option<SearchPrefix>) -> Result<Vec<User>, CliError> {
    let query = UserQuery { search, ..UserQuery::default() };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = auth.find_users(&query, after.as_ref(), PAGE).await?;
        found.extend(page.users);
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

impl Row for User {
    const COLUMNS: &'static [&'static str] = &["name", "roles", "status", "created", "id"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let roles: Vec<&str> = self.roles.iter().map(Role::as_str).collect();
        vec![
            self.username.to_string(),
            roles.join(","),
            AccountStatus::from(self.status).as_str().to_owned(),
            relative(self.created_at, now),
            self.id.to_string(),
        ]
    }

    fn answer(&self) -> impl Serialize {
        UserRecord::from(self)
    }
}
