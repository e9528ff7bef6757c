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
    },
};

/// How many users are read at once.
const PAGE: u32 = 1000;

/// Everybody, or those whom a search finds.
pub(super) async fn all(auth: &Auth, search: Option<&str>) -> Result<Vec<User>, CliError> {
    let search = search.map(str::to_lowercase);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = auth.users(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.id);
        found.extend(page.into_iter().filter(|user| search.as_ref().is_none_or(|text| holds(user, text))));
    }
}

fn holds(user: &User, text: &str) -> bool {
    let email = user.email.as_ref().map(|email| email.as_str().to_lowercase());
    user.username.key().contains(text) || email.is_some_and(|email| email.contains(text))
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
