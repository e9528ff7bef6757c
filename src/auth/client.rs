//! Who speaks OAuth: an app, as the standard's "client" (RFC 6749 section 2).

use super::{Auth, error::AuthError};
use crate::domain::app::{AppKind, AppName};

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
}
