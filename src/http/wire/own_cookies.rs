//! The cookies that a request came with, and what each of them may be used for.

use axum::http::{HeaderMap, StatusCode};

use super::{cookies::Cookie, origin, problem::Problem};
use crate::{
    auth::{error::AuthError, sessions::logout::Shown},
    domain::app::AppName,
    http::Shared,
};

/// A cookie that came along, or did not.
#[derive(Debug)]
pub enum Own {
    None,
    /// Genuine, from a page that may use it, of a session for this app.
    Usable(String, AppName),
    /// Genuine, of a session that is over: there is nothing left to guard.
    Over(String),
    /// Not genuine, and of no use to anybody.
    Worthless(Problem),
    /// From elsewhere, or it came twice: it is let be.
    Refused(Problem),
}

/// Both cookies of a browser.
pub struct Browser {
    pub refresh: Own,
    pub session: Own,
}

impl Browser {
    /// Looks at what came.
    ///
    /// # Errors
    /// When a store is away.
    pub async fn of(http: &Shared, headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self { refresh: refresh(http, headers).await?, session: session(http, headers).await? })
    }

    /// What of it names a session.
    pub fn shown(&self) -> impl Iterator<Item = Shown<'_>> {
        let refresh = self.refresh.genuine().map(Shown::Refresh);
        refresh.into_iter().chain(self.session.genuine().map(Shown::Session))
    }

    /// The same, without sessions that are over.
    pub fn living(&self) -> impl Iterator<Item = Shown<'_>> {
        let refresh = self.refresh.usable().map(Shown::Refresh);
        refresh.into_iter().chain(self.session.usable().map(Shown::Session))
    }

    /// Why one of them is not used.
    pub fn refusal(self) -> Option<Problem> {
        self.refresh.refusal().or_else(|| self.session.refusal())
    }
}

impl Own {
    fn usable(&self) -> Option<&str> {
        if let Self::Usable(token, _) = self { Some(token) } else { None }
    }

    fn genuine(&self) -> Option<&str> {
        if let Self::Over(token) = self { Some(token) } else { self.usable() }
    }

    fn refusal(self) -> Option<Problem> {
        match self {
            Self::Worthless(problem) | Self::Refused(problem) => Some(problem),
            Self::None | Self::Usable(..) | Self::Over(_) => None,
        }
    }

    /// Whether a browser that signs out should forget it.
    pub const fn is_spent(&self) -> bool {
        matches!(self, Self::Usable(..) | Self::Over(_) | Self::Worthless(_))
    }

    /// The token, if there is one that may be used, and the app of its session if that is alive.
    ///
    /// # Errors
    /// Why it may not.
    pub fn token(self) -> Result<Option<(String, Option<AppName>)>, Problem> {
        match self {
            Self::None => Ok(None),
            Self::Usable(token, app) => Ok(Some((token, Some(app)))),
            Self::Over(token) => Ok(Some((token, None))),
            Self::Worthless(problem) | Self::Refused(problem) => Err(problem),
        }
    }
}

/// The refresh token of the cookie.
///
/// # Errors
/// When a store is away.
pub async fn refresh(http: &Shared, headers: &HeaderMap) -> Result<Own, Problem> {
    let of = async |token: &str| http.auth.app_of_refresh_token(token).await;
    look(http, headers, &http.cookies.refresh, of).await
}

/// The session token of the cookie.
async fn session(http: &Shared, headers: &HeaderMap) -> Result<Own, Problem> {
    let of = async |token: &str| http.auth.app_of_session_token(token).await;
    look(http, headers, &http.cookies.session, of).await
}

async fn look(
    http: &Shared,
    headers: &HeaderMap,
    cookie: &Cookie,
    app_of: impl AsyncFnOnce(&str) -> Result<Option<AppName>, AuthError>,
) -> Result<Own, Problem> {
    let token = match cookie.read(headers) {
        Ok(Some(token)) => token,
        Ok(None) => return Ok(Own::None),
        Err(problem) => return Ok(Own::Refused(problem)),
    };
    let app = match app_of(&token).await {
        Ok(Some(app)) => app,
        Ok(None) => return Ok(Own::Over(token)),
        Err(AuthError::RefreshInvalid) => return Ok(Own::Worthless(AuthError::RefreshInvalid.into())),
        Err(AuthError::TokenInvalid) => return Ok(Own::Worthless(AuthError::TokenInvalid.into())),
        Err(error) => return Err(error.into()),
    };
    match origin::require_own(http, headers, &app).await {
        Ok(()) => Ok(Own::Usable(token, app)),
        Err(problem) if problem.status() == StatusCode::FORBIDDEN => Ok(Own::Refused(problem)),
        Err(problem) => Err(problem),
    }
}
