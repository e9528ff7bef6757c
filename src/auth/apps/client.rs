//! Who speaks OAuth: an app, as the standard's "client" (RFC 6749 section 2).

use crate::{
    auth::{Auth, error::AuthError},
    domain::app::{AppKind, AppName},
};

impl Auth {
    /// The app of that name: a confidential one by its secret, a public one by its name alone. A secret
    /// that comes with a public app's name proves nothing and is let be (RFC 10017). An unknown app, a
    /// wrong secret and a missing one are one answer, [`AuthError::InvalidCredentials`].
    pub async fn authenticate_client(&self, name: &str, secret: Option<&str>) -> Result<AppName, AuthError> {
        if let Some(secret) = secret {
            match self.authenticate_app(name, secret).await {
                Err(AuthError::InvalidCredentials) => {}
                answer => return answer,
            }
        }
        let name = AppName::parse(name).map_err(|_| AuthError::InvalidCredentials)?;
        match self.app(&name).await?.map(|app| app.kind) {
            Some(AppKind::Public) => Ok(name),
            Some(AppKind::Confidential { .. }) | None => Err(AuthError::InvalidCredentials),
        }
    }

    /// Whether somebody who shows that secret, or none, may sign in to an app and refresh its tokens: with
    /// a public app anybody may. An app that is not there is for the verb to refuse.
    pub async fn require_app_secret(&self, app: &AppName, secret: Option<&str>) -> Result<(), AuthError> {
        if *app == AppName::default_app() {
            return Ok(());
        }
        match self.app(app).await?.map(|app| app.kind) {
            Some(AppKind::Confidential { .. }) => {
                self.authenticate_app(app.as_str(), secret.unwrap_or_default()).await.map(drop)
            }
            Some(AppKind::Public) | None => Ok(()),
        }
    }
}
