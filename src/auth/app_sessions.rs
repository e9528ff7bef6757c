//! Sessions that other app servers keep here: what a confidential app may do with its own.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::{
    Auth,
    error::{AuthError, Invalid},
};
use crate::{
    domain::{
        app::{App, AppKind, AppName},
        app_session::{AppIp, AppLife, AppSession, AppToken, AppUser, NewAppSession},
        app_session_data::{AppData, DataChange},
        cursor::Cursor,
        ids::SessionId,
        secret::AppSecret,
    },
    store::app_sessions::{AppPage, Listing, Saved},
};

/// A session as an app wants it.
#[derive(Debug)]
pub struct AppSessionWanted {
    /// Whose it is to be.
    pub user: AppUser,
    /// Where the user came from.
    pub ip: AppIp,
    pub data: AppData,
    /// How long it lives.
    pub life: AppLife,
}

/// Sessions of an app.
#[derive(Debug)]
pub enum Selection {
    OfUser(AppUser),
    ActiveWithin(Duration),
}

impl Auth {
    /// The confidential app of that name and secret. An unknown app, a public one and a wrong secret
    /// are one answer, [`AuthError::InvalidCredentials`]. An app that is removed on another node is let
    /// in for a second more.
    pub async fn authenticate_app(&self, name: &str, secret: &str) -> Result<AppName, AuthError> {
        let presented = AppSecret::presented(secret).sha256();
        let (name, now) = (AppName::parse(name).ok(), self.clock.now());
        let app = match name {
            Some(name) if self.app_secrets.knows(&name, &presented, now) => return Ok(name),
            Some(name) => self.stores.apps.find(&name).await?,
            None => None,
        };
        let (name, kept) = match app {
            Some(App { name, kind: AppKind::Confidential { secret_sha256 }, .. }) => {
                (Some(name), secret_sha256)
            }
            Some(App { kind: AppKind::Public, .. }) | None => (None, [0; 32]),
        };
        // Compared even where there is nothing to compare with, so that the time tells nothing.
        let matches = verify_slices_are_equal(&presented, &kept).is_ok();
        let name = name.filter(|_| matches).ok_or(AuthError::InvalidCredentials)?;
        self.app_secrets.learn(name.clone(), kept, now);
        Ok(name)
    }

    /// Creates a session; its token is nowhere else.
    pub async fn create_app_session(
        &self,
        app: &AppName,
        wanted: AppSessionWanted,
    ) -> Result<AppToken, AuthError> {
        let token = AppToken::random();
        let AppSessionWanted { user, ip, data, life } = wanted;
        let (id, created_at) = (token.session(app), self.clock.now());
        let session = NewAppSession { id, app: app.clone(), user, ip, data, life, created_at };
        self.stores.app_sessions.create(&session).await?;
        Ok(token)
    }

    /// The session, if it is alive; counts a read.
    pub async fn app_session(
        &self,
        app: &AppName,
        session: SessionId,
    ) -> Result<Option<AppSession>, AuthError> {
        Ok(self.stores.app_sessions.get(app, session, self.clock.now()).await?)
    }

    /// Changes a session's data, where one is `expected` only if it has that version; `None` = there
    /// is no such session any more. Another version is [`AuthError::VersionMismatch`], more data than
    /// is kept [`Invalid::Data`].
    pub async fn set_app_session(
        &self,
        app: &AppName,
        session: SessionId,
        change: &DataChange,
        expected: Option<u64>,
    ) -> Result<Option<AppSession>, AuthError> {
        match self.stores.app_sessions.set(app, session, change, expected, self.clock.now()).await? {
            Saved::Now(session) => Ok(Some(*session)),
            Saved::Gone => Ok(None),
            Saved::Conflict { version } => Err(AuthError::VersionMismatch { version }),
            Saved::Invalid(why) => Err(AuthError::Invalid(Invalid::Data(why))),
        }
    }

    /// Ends a session; `false` = it was not alive.
    pub async fn end_app_session(&self, app: &AppName, session: SessionId) -> Result<bool, AuthError> {
        Ok(self.stores.app_sessions.end(app, session, self.clock.now()).await?)
    }

    /// Ends every session of a user, or (`None`) of the app; returns how many.
    pub async fn end_app_sessions(&self, app: &AppName, user: Option<&AppUser>) -> Result<u64, AuthError> {
        Ok(self.stores.app_sessions.end_all(app, user, self.clock.now()).await?)
    }

    /// Living sessions of the app, the most recently active first, a page at a time.
    pub async fn app_sessions(
        &self,
        app: &AppName,
        which: &Selection,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<AppPage, AuthError> {
        let now = self.clock.now();
        let listing = match which {
            Selection::OfUser(user) => Listing::OfUser(user.clone()),
            Selection::ActiveWithin(span) => Listing::ActiveSince(now - *span),
        };
        Ok(self.stores.app_sessions.list(app, &listing, after, limit, now).await?)
    }

    /// How many users have a living session that was active `within` so long.
    pub async fn app_activity(&self, app: &AppName, within: Duration) -> Result<u64, AuthError> {
        let now = self.clock.now();
        Ok(self.stores.app_sessions.active_users(app, now - within, now).await?)
    }
}
