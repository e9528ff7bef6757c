//! The sessions that a command is about, a page at a time: there may be more than fit into memory.

use super::id_of;
use crate::{
    auth::{Auth, sessions::of_others::Whose},
    cli::error::CliError,
    domain::{app::AppName, cursor::Cursor, session::Session, user::Username},
};

/// How many sessions are read at once.
const PAGE: u32 = 1000;

/// Living sessions, some at a time.
pub(super) struct Pages {
    /// Those that were not walked yet; the last of them comes next.
    left: Vec<Whose>,
    /// From where to go on with that one.
    after: Option<Cursor>,
}

impl Pages {
    pub(super) async fn of(
        auth: &Auth,
        user: Option<&Username>,
        app: Option<AppName>,
    ) -> Result<Self, CliError> {
        let user = id_of(auth, user).await?;
        let mut left = if user.is_some() || app.is_some() {
            vec![Whose { user, app }]
        } else {
            let apps = auth.apps().await?.into_iter();
            apps.map(|app| Whose { user: None, app: Some(app.name) }).collect()
        };
        left.reverse();
        Ok(Self { left, after: None })
    }

    /// The next ones; `None` = that was all.
    pub(super) async fn next(&mut self, auth: &Auth) -> Result<Option<Vec<Session>>, CliError> {
        let Some(whose) = self.left.last() else { return Ok(None) };
        let page = auth.sessions_of(whose, self.after.as_ref(), PAGE).await?;
        self.after = page.next;
        if self.after.is_none() {
            self.left.pop();
        }
        Ok(Some(page.sessions))
    }
}
