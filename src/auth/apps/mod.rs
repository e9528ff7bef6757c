//! The apps that use this server: the operator registers and removes them.

pub(super) mod client;
pub(super) mod policies;
pub(super) mod secrets;

use std::sync::Arc;

use super::{
    Auth, EmailPolicy,
    error::{AuthError, Conflict, Invalid, Missing},
};
use crate::{
    domain::{
        app::{App, AppChange, AppKind, AppName, Origin, SecretChange},
        app_policy::{AppPolicy, PolicyChange, PolicyEdit},
        event::{Event, EventKind},
        occasion::Occasion,
        secret::AppSecret,
    },
    store::{apps::Registered, error::StoreError},
};

/// An app of that name is not registered, to an operator.
const NO_SUCH_APP: AuthError = AuthError::NotFound(Missing::App);

/// How many sessions are read at once to be ended.
const PAGE: u32 = 500;

/// An app to be registered.
#[derive(Debug)]
pub struct NewApp {
    pub name: AppName,
    /// Whether it can keep a secret.
    pub confidential: bool,
    /// Where a browser gets it from.
    pub origins: Vec<Origin>,
}

/// What is to become of an app; `None` = as it is.
#[derive(Debug, Default)]
pub struct AppUpdate {
    /// Where a browser gets it from, in the place of what was said before.
    pub origins: Option<Vec<Origin>>,
    /// Whether it can keep a secret.
    pub confidential: Option<bool>,
    pub policy: PolicyChange,
}

/// An app that was registered or changed.
#[derive(Debug)]
pub struct AddedApp {
    /// As it is kept.
    pub app: App,
    /// Its secret where that is new; it is nowhere else.
    pub secret: Option<AppSecret>,
}

/// Each once, and in an order of its own.
fn in_order(mut origins: Vec<Origin>) -> Vec<Origin> {
    origins.sort();
    origins.dedup();
    origins
}

impl Auth {
    /// Registers an app, with a secret of its own if it is confidential.
    pub async fn add_app(&self, new: NewApp, occasion: &Occasion) -> Result<AddedApp, AuthError> {
        let secret = new.confidential.then(AppSecret::random);
        let kind = secret
            .as_ref()
            .map_or(AppKind::Public, |secret| AppKind::Confidential { secret_sha256: secret.sha256() });
        let origins = in_order(new.origins);
        let (policy, created_at) = (AppPolicy::default(), self.clock.now());
        let app = App { name: new.name, kind, origins, policy, created_at };
        // A node that had not noticed yet may have let a former app of that name in after its end.
        if self.stores.apps.find(&app.name).await?.is_none() {
            self.end_app_sessions(&app.name, None).await?;
        }
        let (apps, new) = (Arc::clone(&self.stores.apps), app.clone());
        let event = self.app_changed(&app.name, "added", occasion);
        let registering = async move { apps.register(&new).await };
        match self.change(registering, |became| *became == Registered::Yes, event).await? {
            Registered::Yes => Ok(AddedApp { app, secret }),
            Registered::NameTaken => Err(AuthError::Conflict(Conflict::AppExists)),
        }
    }

    /// Changes an app; its sessions go on. One that becomes confidential is given a secret.
    pub async fn update_app(
        &self,
        name: &AppName,
        update: AppUpdate,
        occasion: &Occasion,
    ) -> Result<AddedApp, AuthError> {
        if *name == AppName::default_app() && update.confidential == Some(true) {
            return Err(AuthError::Conflict(Conflict::DefaultAppIsPublic));
        }
        self.require_sense(name, update.confidential, &update.policy).await?;
        let secret = AppSecret::random();
        let change = match update.confidential {
            None => SecretChange::Keep,
            Some(true) => SecretChange::Give(secret.sha256()),
            Some(false) => SecretChange::Take,
        };
        let origins = update.origins.map(in_order);
        let change = AppChange { origins, secret: change, policy: update.policy };
        let event = self.app_changed(name, "changed", occasion).in_detail(in_words(&change));
        let app = self.change_app(name, change, event).await?.ok_or(NO_SUCH_APP)?;
        self.app_secrets.forget(name);
        self.app_policies.forget(name);
        let is_new = app.kind == AppKind::Confidential { secret_sha256: secret.sha256() };
        Ok(AddedApp { app, secret: is_new.then_some(secret) })
    }

    /// Whether an app of that kind (`None` = as it is) may have that decided for it, with what it has already.
    ///
    /// # Errors
    /// Where that is a mistake whoever makes it.
    pub async fn require_sense(
        &self,
        name: &AppName,
        confidential: Option<bool>,
        change: &PolicyChange,
    ) -> Result<(), AuthError> {
        self.require_bearer_of_role(name, confidential, change).await?;
        self.require_way_in(name, change).await
    }

    /// A role is for who can show a secret. Of one that becomes public meanwhile it opens nothing.
    async fn require_bearer_of_role(
        &self,
        name: &AppName,
        confidential: Option<bool>,
        change: &PolicyChange,
    ) -> Result<(), AuthError> {
        let PolicyEdit::Take(_) = change.role else { return Ok(()) };
        let is_confidential = match confidential {
            Some(wanted) => wanted,
            None => self.app(name).await?.is_none_or(|app| app.kind != AppKind::Public),
        };
        if is_confidential { Ok(()) } else { Err(AuthError::Invalid(Invalid::RoleOfPublicApp)) }
    }

    /// What nobody could sign in by is a mistake. Two changes at once may still come to it together: then nobody does.
    async fn require_way_in(&self, name: &AppName, change: &PolicyChange) -> Result<(), AuthError> {
        if let PolicyEdit::Take(identifiers) = change.identifiers
            && !identifiers.take_username()
            && self.policy().email == EmailPolicy::Off
        {
            return Err(AuthError::Invalid(Invalid::NobodyNamed));
        }
        if !change.is_of_rules() {
            return Ok(());
        }
        let app = self.app(name).await?;
        let can_be_met = app.is_none_or(|app| app.policy.rules_after(change).can_be_met());
        if can_be_met { Ok(()) } else { Err(AuthError::Invalid(Invalid::NoWayIn)) }
    }

    /// Up to `limit` apps after that one, by name; and whether there are more.
    pub async fn apps_after(
        &self,
        after: Option<&AppName>,
        limit: u32,
    ) -> Result<(Vec<App>, bool), AuthError> {
        let mut apps = self.apps().await?;
        apps.retain(|app| after.is_none_or(|after| app.name > *after));
        let more = apps.len() > limit as usize;
        apps.truncate(limit as usize);
        Ok((apps, more))
    }

    /// Gives a confidential app another secret; the old one is good for a second more, elsewhere.
    pub async fn renew_app_secret(&self, name: &AppName, occasion: &Occasion) -> Result<AddedApp, AuthError> {
        let secret = AppSecret::random();
        let change = AppChange { secret: SecretChange::Renew(secret.sha256()), ..AppChange::default() };
        let event = self.app_changed(name, "secret_renewed", occasion);
        let Some(app) = self.change_app(name, change, event).await? else {
            let is_there = self.app(name).await?.is_some();
            return Err(if is_there { AuthError::Conflict(Conflict::AppIsPublic) } else { NO_SUCH_APP });
        };
        self.app_secrets.forget(name);
        Ok(AddedApp { app, secret: Some(secret) })
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
    pub async fn remove_app(&self, name: &AppName, occasion: &Occasion) -> Result<usize, AuthError> {
        if *name == AppName::default_app() {
            return Err(AuthError::Conflict(Conflict::DefaultAppStays));
        }
        // First the app: a sign-in that can be found only later looks for it once more, and ends by itself.
        let (apps, gone) = (Arc::clone(&self.stores.apps), name.clone());
        let event = self.app_changed(name, "removed", occasion);
        let removed = self.change(async move { apps.remove(&gone).await }, |is_gone| *is_gone, event).await?;
        self.app_secrets.forget(name);
        self.app_policies.forget(name);
        // Also where it was gone: the next try completes what was cut short here.
        let kept = self.end_app_sessions(name, None).await?;
        let ended = self.end_sign_ins(name, occasion).await? + usize::try_from(kept).unwrap_or(usize::MAX);
        if removed || ended > 0 { Ok(ended) } else { Err(NO_SUCH_APP) }
    }

    /// Ends every sign-in to an app; returns how many. One that is refreshed meanwhile moves to where the
    /// walk has been, so there is another walk until one finds nothing.
    async fn end_sign_ins(&self, name: &AppName, occasion: &Occasion) -> Result<usize, AuthError> {
        let mut ended = 0;
        loop {
            let found = self.end_sign_ins_once(name, occasion).await?;
            if found == 0 {
                return Ok(ended);
            }
            ended += found;
        }
    }

    async fn end_sign_ins_once(&self, name: &AppName, occasion: &Occasion) -> Result<usize, AuthError> {
        let now = self.clock.now();
        let mut ended = 0;
        let mut after = None;
        loop {
            let page = self.stores.sessions.of_app(name, after.as_ref(), PAGE, now).await?;
            for session in page.sessions {
                ended += usize::from(self.revoke_session(session.id, occasion).await?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(ended);
            }
        }
    }

    async fn change_app(
        &self,
        name: &AppName,
        change: AppChange,
        event: Event,
    ) -> Result<Option<App>, StoreError> {
        let (apps, name) = (Arc::clone(&self.stores.apps), name.clone());
        self.change(async move { apps.change(&name, &change).await }, Option::is_some, event).await
    }

    fn app_changed(&self, name: &AppName, what: &str, occasion: &Occasion) -> Event {
        self.event(EventKind::AppChanged, occasion).at_app(name.clone()).because(what)
    }
}

/// What of an app is changed.
fn in_words(change: &AppChange) -> String {
    let AppChange { origins, secret, policy } = change;
    let secret = match secret {
        SecretChange::Keep => None,
        SecretChange::Take => Some("public"),
        SecretChange::Give(_) | SecretChange::Renew(_) => Some("confidential"),
    };
    let parts = [
        origins.is_some().then_some("origins"),
        secret,
        (policy.access_ttl != PolicyEdit::Keep).then_some("access_ttl"),
        (policy.audience != PolicyEdit::Keep).then_some("audience"),
        (policy.role != PolicyEdit::Keep).then_some("role"),
        (policy.confirm_url != PolicyEdit::Keep).then_some("confirm_url"),
        (policy.reset_url != PolicyEdit::Keep).then_some("reset_url"),
        (policy.mfa != PolicyEdit::Keep).then_some("mfa"),
        (policy.methods != PolicyEdit::Keep).then_some("methods"),
        (policy.identifiers != PolicyEdit::Keep).then_some("identifiers"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
