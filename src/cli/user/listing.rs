//! Users as a listing shows them, and those whom a search finds.

use serde_json::{Value, json};

use crate::{
    auth::Auth,
    cli::{
        error::CliError,
        output::{Row, relative},
    },
    domain::{
        clock::Timestamp,
        user::{Email, Role, User, UserStatus},
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

const fn status(user: &User) -> &'static str {
    match user.status {
        UserStatus::Active => "active",
        UserStatus::Disabled => "disabled",
    }
}

impl Row for User {
    const COLUMNS: &'static [&'static str] = &["name", "roles", "status", "created", "id"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let roles: Vec<&str> = self.roles.iter().map(Role::as_str).collect();
        vec![
            self.username.to_string(),
            roles.join(","),
            status(self).to_owned(),
            relative(self.created_at, now),
            self.id.to_string(),
        ]
    }

    fn object(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "username": self.username.shown(),
            "email": self.email.as_ref().map(Email::as_str),
            "email_verified": self.email_verified,
            "roles": self.roles.iter().map(Role::as_str).collect::<Vec<_>>(),
            "status": status(self),
            "created_at": self.created_at.rfc3339(),
        })
    }
}
