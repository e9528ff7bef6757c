//! The apps that use this server: the operator registers and removes them.

use super::{Auth, error::AuthError};
use crate::{
    domain::{
        app::{App, AppKind, AppName, Origin},
        secret::AppSecret,
        session::EndReason,
    },
    store::{apps::Registered, sessions::Ending},
};

/// How many sessions are read at once to be ended.
const PAGE: u32 = 500;

/// An app to be registered.
#[derive(Debug)]
pub struct NewApp {
    /// Its name.
    pub name: AppName,
    /// Whether it can keep a secret.
    pub confidential: bool,
    /// Where a browser gets it from.
    pub origins: Vec<Origin>,
}

/// An app that was registered.
#[derive(Debug)]
pub struct AddedApp {
    /// As it is kept.
    pub app: App,
    /// Its secret, which is nowhere else.
    pub secret: Option<AppSecret>,
}

impl Auth {
    /// Registers an app, with a secret of its own if it is confidential.
    pub async fn add_app(&self, new: NewApp) -> Result<AddedApp, AuthError> {
        let secret = new.confidential.then(AppSecret::random);
        let kind = secret
            .as_ref()
            .map_or(AppKind::Public, |secret| AppKind::Confidential { secret_sha256: secret.sha256() });
        let mut origins = new.origins;
        origins.sort();
        origins.dedup();
        let app = App { name: new.name, kind, origins, created_at: self.clock.now() };
        // A node that had not noticed yet may have let a former app of that name in after its end.
        if self.stores.apps.find(&app.name).await?.is_none() {
            self.end_app_sessions(&app.name, None).await?;
        }
        match self.stores.apps.register(&app).await? {
            Registered::Yes => Ok(AddedApp { app, secret }),
            Registered::NameTaken => {
                Err(AuthError::InvalidRequest("there is an app of that name already".into()))
            }
        }
    }

    /// The app of that name.
    pub async fn app(&self, name: &AppName) -> Result<Option<App>, AuthError> {
        Ok(self.stores.apps.find(name).await?)
    }

    /// Every app, by name.
    pub async fn apps(&self) -> Result<Vec<App>, AuthError> {
        Ok(self.stores.apps.list().await?)
    }

    /// Removes an app and ends its sessions; returns how many.
    pub async fn remove_app(&self, name: &AppName) -> Result<usize, AuthError> {
        if *name == AppName::default_app() {
            return Err(AuthError::InvalidRequest("the app default is always there".into()));
        }
        // First the app: from then on nobody signs in to it, so what is found next is all there is.
        if !self.stores.apps.remove(name).await? {
            return Err(AuthError::InvalidRequest("there is no such app".into()));
        }
        self.app_secrets.forget(name);
        let kept = self.end_app_sessions(name, None).await?;
        Ok(self.end_sign_ins(name).await? + usize::try_from(kept).unwrap_or(usize::MAX))
    }

    /// Ends every sign-in to an app; returns how many.
    async fn end_sign_ins(&self, name: &AppName) -> Result<usize, AuthError> {
        let now = self.clock.now();
        let mut ended = 0;
        let mut after = None;
        loop {
            let page = self.stores.sessions.of_app(name, after.as_ref(), PAGE, now).await?;
            for session in page.sessions {
                let ending =
                    Ending { session: session.id, owner: None, token: None, reason: EndReason::Admin };
                self.stores.sessions.end(&ending, now).await?;
                ended += 1;
            }
            after = page.next;
            if after.is_none() {
                return Ok(ended);
            }
        }
    }
}
