//! Apps: see them, register and change them. A secret is told once, when it is new.

use std::time::Duration;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    caller::{MayManage, MayRead},
    page,
};
use crate::domain::{
    admin::AdminRole,
    app::{AppName, Origin},
    app_policy::{self, Audience, PolicyChange, PolicyEdit},
    identifier::Identifiers,
    page_url::PageUrl,
    sign_in::{Methods, SecondFactor},
    user::InvalidName,
};
use crate::{
    answers::{App, AppWithSecret, Apps, RemovedApp},
    auth::apps::{AppUpdate, NewApp},
    http::{
        Shared,
        wire::{
            body::{Json, member, patched},
            problem::Problem,
            query::StrictQuery,
        },
    },
};

type NameInPath = Result<Path<String>, PathRejection>;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AppsQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

pub async fn list(
    State(http): State<Shared>,
    _: MayRead,
    StrictQuery(asked): StrictQuery<AppsQuery>,
) -> Result<Json<Apps>, Problem> {
    let limit = page::limit(asked.limit)?;
    let after = asked.cursor.as_deref().map(AppName::parse).transpose();
    let after = after.map_err(|_| page::foreign_cursor())?;
    let (apps, more) = http.auth.apps_after(after.as_ref(), limit).await?;
    let next_cursor = apps.last().filter(|_| more).map(|app| app.name.as_str().to_owned());
    Ok(Json(Apps { apps: apps.iter().map(App::from).collect(), next_cursor }))
}

pub async fn show(State(http): State<Shared>, _: MayRead, name: NameInPath) -> Result<Json<App>, Problem> {
    let app = http.auth.app(&parsed(name)?).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(App::from(&app)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAppBody {
    #[schema(pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    name: String,
    /// Whether it can keep a secret.
    #[serde(default)]
    confidential: bool,
    /// Browser origins, such as `https://app.example.com`.
    #[serde(default)]
    origins: Vec<String>,
}

pub async fn create(
    State(http): State<Shared>,
    MayManage(occasion): MayManage,
    Json(body): Json<NewAppBody>,
) -> Result<(StatusCode, Json<AppWithSecret>), Problem> {
    let name = member("name", AppName::parse(&body.name))?;
    let new = NewApp { name, confidential: body.confidential, origins: origins(&body.origins)? };
    let added = http.auth.add_app(new, &occasion).await?;
    Ok((StatusCode::CREATED, Json(AppWithSecret::from(&added))))
}

/// What is to become of an app (RFC 7396): what is not named stays, and `null` is as the settings say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppPatch {
    origins: Option<Vec<String>>,
    confidential: Option<bool>,
    /// In seconds.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 86400)]
    access_ttl: PolicyEdit<u64>,
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<String>)]
    audience: PolicyEdit<String>,
    /// What it may do at the admin API.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<String>)]
    role: PolicyEdit<String>,
    /// Its page that confirms addresses; `{token}` in it stands for the link's token.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<String>, max_length = 1024)]
    confirm_url: PolicyEdit<String>,
    /// Its page that sets a new password.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<String>, max_length = 1024)]
    reset_url: PolicyEdit<String>,
    /// `off`, `optional` or `required`.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<String>)]
    mfa: PolicyEdit<String>,
    /// `password`, `passkey`, `totp` and `recovery_code`: what may be proved by at a sign-in.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<Vec<String>>, min_items = 1)]
    methods: PolicyEdit<Vec<String>>,
    /// `username` and `email`: by what somebody may name themselves.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<Vec<String>>, min_items = 1)]
    identifiers: PolicyEdit<Vec<String>>,
}

impl AppPatch {
    fn parse(self) -> Result<AppUpdate, Problem> {
        let ttl = |seconds| {
            let life = app_policy::access_ttl(Duration::from_secs(seconds));
            life.ok_or(InvalidName("takes 1 to 86400 seconds"))
        };
        let role = |text: String| AdminRole::parse(&text).ok_or(InvalidName("takes a role of Keyward's own"));
        let mfa =
            |text: String| SecondFactor::parse(&text).ok_or(InvalidName("takes off, optional or required"));
        let methods = |words: Vec<String>| Methods::named(words.iter().map(String::as_str));
        let identifiers = |words: Vec<String>| Identifiers::named(words.iter().map(String::as_str));
        Ok(AppUpdate {
            origins: self.origins.map(|list| origins(&list)).transpose()?,
            confidential: self.confidential,
            policy: PolicyChange {
                access_ttl: member("access_ttl", self.access_ttl.parse(ttl))?,
                audience: member("audience", self.audience.parse(|text| Audience::parse(&text)))?,
                role: member("role", self.role.parse(role))?,
                confirm_url: member("confirm_url", self.confirm_url.parse(|text| PageUrl::parse(&text)))?,
                reset_url: member("reset_url", self.reset_url.parse(|text| PageUrl::parse(&text)))?,
                mfa: member("mfa", self.mfa.parse(mfa))?,
                methods: member("methods", self.methods.parse(methods))?,
                identifiers: member("identifiers", self.identifiers.parse(identifiers))?,
            },
        })
    }
}

pub async fn change(
    State(http): State<Shared>,
    MayManage(occasion): MayManage,
    name: NameInPath,
    Json(patch): Json<AppPatch>,
) -> Result<Json<AppWithSecret>, Problem> {
    let changed = http.auth.update_app(&parsed(name)?, patch.parse()?, &occasion).await?;
    Ok(Json(AppWithSecret::from(&changed)))
}

pub async fn renew_secret(
    State(http): State<Shared>,
    MayManage(occasion): MayManage,
    name: NameInPath,
) -> Result<Json<AppWithSecret>, Problem> {
    Ok(Json(AppWithSecret::from(&http.auth.renew_app_secret(&parsed(name)?, &occasion).await?)))
}

pub async fn remove(
    State(http): State<Shared>,
    MayManage(occasion): MayManage,
    name: NameInPath,
) -> Result<Json<RemovedApp>, Problem> {
    let name = parsed(name)?;
    let ended = http.auth.remove_app(&name, &occasion).await?;
    Ok(Json(RemovedApp { name: name.as_str().to_owned(), ended }))
}

fn parsed(name: NameInPath) -> Result<AppName, Problem> {
    page::named(name, |text| AppName::parse(text).ok())
}

fn origins(list: &[String]) -> Result<Vec<Origin>, Problem> {
    let parsed: Result<Vec<Origin>, InvalidName> = list.iter().map(|text| Origin::parse(text)).collect();
    member("origins", parsed)
}
