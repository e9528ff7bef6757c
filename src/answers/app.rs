//! Apps that use this server.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::apps::AddedApp,
    domain::{
        admin::AdminRole,
        app::{self, Origin},
        identifier::Identifiers,
        sign_in::{Methods, SecondFactor},
    },
};

/// An app. A secret that it has is not told again.
#[derive(Debug, Serialize, ToSchema)]
pub struct App {
    pub name: String,
    pub kind: AppKind,
    pub origins: Vec<String>,
    /// In seconds; none = as the settings say.
    #[schema(required)]
    pub access_ttl: Option<u64>,
    #[schema(required)]
    pub audience: Option<String>,
    /// What it may do at the admin API.
    #[schema(required)]
    pub role: Option<&'static str>,
    /// Its page that confirms e-mail addresses.
    #[schema(required)]
    pub confirm_url: Option<String>,
    /// Its page that sets a new password.
    #[schema(required)]
    pub reset_url: Option<String>,
    /// Whether it asks for a second factor; none = of those who have one.
    #[schema(required)]
    pub mfa: Option<&'static str>,
    /// What may be proved by at a sign-in to it; none = by all there is.
    #[schema(required)]
    pub methods: Option<Vec<&'static str>>,
    /// By what somebody may name themselves there; none = by name and by address.
    #[schema(required)]
    pub identifiers: Option<Vec<&'static str>>,
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// Whether an app can keep a secret.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AppKind {
    Public,
    Confidential,
}

/// A part of the apps; without `next_cursor` it is the last.
#[derive(Debug, Serialize, ToSchema)]
pub struct Apps {
    pub apps: Vec<App>,
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// An app that was registered or changed, with its secret where that is new.
#[derive(Serialize, ToSchema)]
pub struct AppWithSecret {
    #[serde(flatten)]
    pub app: App,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// An app that is no more, and how many sessions ended with it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RemovedApp {
    pub name: String,
    pub ended: usize,
}

impl From<&app::App> for App {
    fn from(app: &app::App) -> Self {
        Self {
            name: app.name.as_str().to_owned(),
            kind: (&app.kind).into(),
            origins: app.origins.iter().map(Origin::as_str).map(str::to_owned).collect(),
            access_ttl: app.policy.access_ttl.map(|ttl| ttl.as_secs()),
            audience: app.policy.audience.as_ref().map(|audience| audience.as_str().to_owned()),
            role: app.policy.role.map(AdminRole::as_str),
            confirm_url: app.policy.confirm_url.as_ref().map(|url| url.as_str().to_owned()),
            reset_url: app.policy.reset_url.as_ref().map(|url| url.as_str().to_owned()),
            mfa: app.policy.mfa.map(SecondFactor::as_str),
            methods: app.policy.methods.map(Methods::names),
            identifiers: app.policy.identifiers.map(Identifiers::names),
            created_at: app.created_at.rfc3339(),
        }
    }
}

impl From<&AddedApp> for AppWithSecret {
    fn from(AddedApp { app, secret }: &AddedApp) -> Self {
        Self { app: app.into(), secret: secret.as_ref().map(|secret| secret.expose().to_owned()) }
    }
}

impl From<&app::AppKind> for AppKind {
    fn from(kind: &app::AppKind) -> Self {
        match kind {
            app::AppKind::Public => Self::Public,
            app::AppKind::Confidential { .. } => Self::Confidential,
        }
    }
}

impl AppKind {
    /// The word that is said.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Confidential => "confidential",
        }
    }
}
