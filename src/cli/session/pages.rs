//! The sessions that a command is about, a page at a time: there may be more than fit into memory.

use crate::{
    auth::Auth,
    cli::{error::CliError, user},
    domain::{app::AppName, cursor::Cursor, ids::UserId, session::Session, user::Username},
};

/// How many sessions are read at once.
const PAGE: u32 = 1000;

/// Living sessions, some at a time.
pub(super) struct Pages {
    /// Only those of this user.
    user: Option<UserId>,
    /// The apps that were not walked yet; of a user, only the one that was asked for.
    apps: Vec<AppName>,
    /// From where to go on with the last of them, or with the user.
    after: Option<Cursor>,
    is_over: bool,
}

impl Pages {
    pub(super) async fn of(
        auth: &Auth,
        user: Option<&Username>,
        app: Option<AppName>,
    ) -> Result<Self, CliError> {
        let user = match user {
            Some(name) => Some(user::find(auth, name).await?.id),
            None => None,
        };
        let mut apps: Vec<AppName> = match (app, user) {
            (Some(app), _) => vec![app],
            (None, Some(_)) => Vec::new(),
            (None, None) => auth.apps().await?.into_iter().map(|app| app.name).collect(),
        };
        apps.reverse();
        Ok(Self { user, apps, after: None, is_over: false })
    }

    /// The next ones; `None` = that was all.
    pub(super) async fn next(&mut self, auth: &Auth) -> Result<Option<Vec<Session>>, CliError> {
        let after = self.after.take();
        match (self.user, self.apps.last()) {
            _ if self.is_over => Ok(None),
            (Some(user), app) => {
                let mut page = auth.sessions_of_user(user, after.as_ref(), PAGE).await?;
                page.sessions.retain(|session| app.is_none_or(|app| session.facts.app == *app));
                self.after = page.next;
                self.is_over = self.after.is_none();
                Ok(Some(page.sessions))
            }
            (None, Some(app)) => {
                let page = auth.sign_ins_at_app(app, after.as_ref(), PAGE).await?;
                self.after = page.next;
                if self.after.is_none() {
                    self.apps.pop();
                }
                Ok(Some(page.sessions))
            }
            (None, None) => Ok(None),
        }
    }
}
