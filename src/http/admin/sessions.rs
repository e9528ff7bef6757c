//! Sessions of anybody: see them, end them.

use axum::extract::{Path, State, rejection::PathRejection};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    caller::{MayRead, MaySupport},
    page,
};
use crate::{
    answers::{Ended, SessionRecord, Sessions},
    auth::sessions::of_others::Whose,
    domain::{
        app::AppName,
        cursor::Cursor,
        ids::{SessionId, UserId},
        session::Session,
    },
    http::{
        Shared,
        wire::{
            body::{Json, member},
            problem::Problem,
            query::StrictQuery,
        },
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SessionsQuery {
    /// An id.
    user: Option<String>,
    app: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct WhoseQuery {
    /// An id.
    user: Option<String>,
    app: Option<String>,
}

fn whose(user: Option<&str>, app: Option<&str>) -> Result<Whose, Problem> {
    let (user, app) = (user.map(str::parse::<UserId>).transpose(), app.map(AppName::parse).transpose());
    Ok(Whose { user: member("user", user)?, app: member("app", app)? })
}

pub async fn list(
    State(http): State<Shared>,
    _: MayRead,
    StrictQuery(asked): StrictQuery<SessionsQuery>,
) -> Result<Json<Sessions>, Problem> {
    let whose = whose(asked.user.as_deref(), asked.app.as_deref())?;
    let limit = page::limit(asked.limit)?;
    let after = page::cursor::<Cursor>(asked.cursor.as_deref())?;
    let page = http.auth.sessions_of(&whose, after.as_ref(), limit).await?;
    let next_cursor = page.next.map(|next| next.to_string());
    Ok(Json(Sessions { sessions: records(&http, page.sessions).await?, next_cursor }))
}

pub async fn show(
    State(http): State<Shared>,
    _: MayRead,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<SessionRecord>, Problem> {
    let id = page::named(id, |text| text.parse::<SessionId>().ok())?;
    let session = http.auth.session(id).await?.ok_or_else(Problem::not_found)?;
    records(&http, vec![session]).await?.pop().map(Json).ok_or_else(Problem::not_found)
}

/// Ends one. Of one that is over, nothing is found, and its tokens are refused all the same.
pub async fn end(
    State(http): State<Shared>,
    MaySupport(occasion): MaySupport,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Ended>, Problem> {
    let id = page::named(id, |text| text.parse::<SessionId>().ok())?;
    if http.auth.revoke_session(id, &occasion).await? {
        Ok(Json(Ended::of(1)))
    } else {
        Err(Problem::not_found())
    }
}

pub async fn end_all(
    State(http): State<Shared>,
    MaySupport(occasion): MaySupport,
    StrictQuery(asked): StrictQuery<WhoseQuery>,
) -> Result<Json<Ended>, Problem> {
    let whose = whose(asked.user.as_deref(), asked.app.as_deref())?;
    Ok(Json(Ended::of(http.auth.revoke_all(&whose, |_| (), &occasion).await?)))
}

async fn records(http: &Shared, sessions: Vec<Session>) -> Result<Vec<SessionRecord>, Problem> {
    let names = http.auth.usernames(sessions.iter().map(|session| session.facts.user)).await?;
    let record = |session: &Session| SessionRecord::new(session, names.get(&session.facts.user).cloned());
    Ok(sessions.iter().map(record).collect())
}
