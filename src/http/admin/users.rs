//! Users: see them, make them, change them.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use serde::Deserialize;

use super::{
    caller::{MayManage, MayRead, MaySupport},
    page,
};
use crate::{
    answers::{DeletedUser, UserRecord, Users},
    auth::error::{AuthError, Missing},
    domain::{
        app_policy::PolicyEdit,
        ids::UserId,
        user::{Email, InvalidName, Role, RoleChange, User, UserStatus, Username},
        user_list::{SearchPrefix, UserPlace, UserQuery},
    },
    http::{
        Shared,
        wire::{
            body::{Json, member, patched},
            problem::Problem,
            query::StrictQuery,
        },
    },
};

type Id = Result<Path<String>, PathRejection>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsersQuery {
    search: Option<String>,
    role: Option<String>,
    status: Option<StatusWord>,
    order: Option<Order>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum StatusWord {
    Active,
    Disabled,
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    Oldest,
    Newest,
}

impl UsersQuery {
    fn parse(&self) -> Result<UserQuery, Problem> {
        if self.search.is_some() && self.order.is_some() {
            return Err(Problem::invalid_request("order: a search has the order of what is found"));
        }
        Ok(UserQuery {
            search: member("search", self.search.as_deref().map(SearchPrefix::parse).transpose())?,
            role: member("role", self.role.as_deref().map(Role::parse).transpose())?,
            status: self.status.as_ref().map(|status| match status {
                StatusWord::Active => UserStatus::Active,
                StatusWord::Disabled => UserStatus::Disabled,
            }),
            newest_first: self.order == Some(Order::Newest),
        })
    }
}

pub async fn list(
    State(http): State<Shared>,
    _: MayRead,
    StrictQuery(asked): StrictQuery<UsersQuery>,
) -> Result<Json<Users>, Problem> {
    let (query, limit) = (asked.parse()?, page::limit(asked.limit)?);
    let after = page::cursor::<UserPlace>(asked.cursor.as_deref())?;
    if after.as_ref().is_some_and(|place| !query.fits(place)) {
        return Err(page::foreign_cursor());
    }
    Ok(Json(http.auth.find_users(&query, after.as_ref(), limit).await?.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUserBody {
    username: String,
    email: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
}

pub async fn create(
    State(http): State<Shared>,
    MayManage(occasion): MayManage,
    Json(body): Json<NewUserBody>,
) -> Result<(StatusCode, Json<UserRecord>), Problem> {
    let username = member("username", Username::parse(&body.username))?;
    let email = member("email", body.email.as_deref().map(Email::parse).transpose())?;
    let roles = roles(&body.roles)?;
    let user = http.auth.add_account_without_password(username, email, roles, &occasion).await?;
    Ok((StatusCode::CREATED, Json(UserRecord::from(&user))))
}

pub async fn show(State(http): State<Shared>, _: MayRead, id: Id) -> Result<Json<UserRecord>, Problem> {
    Ok(Json(UserRecord::from(&find(&http, id).await?)))
}

/// What is to become of a user (RFC 7396): what is not named stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    #[serde(default, deserialize_with = "patched")]
    email: PolicyEdit<String>,
    email_verified: Option<bool>,
    roles: Option<Vec<String>>,
}

pub async fn change(
    State(http): State<Shared>,
    MayManage(occasion): MayManage,
    id: Id,
    Json(patch): Json<UserPatch>,
) -> Result<Json<UserRecord>, Problem> {
    let email = member("email", patch.email.parse(|text| Email::parse(&text)))?;
    let wanted = patch.roles.map(|names| roles(&names)).transpose()?;
    let user = find(&http, id).await?;
    // First what may be refused: of a patch that is, nothing is done.
    if let Some(wanted) = wanted {
        http.auth.change_roles(user.id, &RoleChange::to(wanted), &occasion).await?;
    }
    if email != PolicyEdit::Keep || patch.email_verified.is_some() {
        // Another address is not known to be theirs because the last one was.
        let verified = patch.email_verified.unwrap_or(false);
        let email = match email {
            PolicyEdit::Keep => user.email,
            PolicyEdit::Drop => None,
            PolicyEdit::Take(email) => Some(email),
        };
        http.auth.set_email(user.id, email.as_ref(), verified, &occasion).await?;
    }
    as_it_is(&http, user.id).await
}

pub async fn remove(
    State(http): State<Shared>,
    MayManage(occasion): MayManage,
    id: Id,
) -> Result<Json<DeletedUser>, Problem> {
    let user = find(&http, id).await?;
    http.auth.delete(user.id, &occasion).await?;
    Ok(Json(DeletedUser::from(&user)))
}

pub async fn disable(
    State(http): State<Shared>,
    MayManage(occasion): MayManage,
    id: Id,
) -> Result<Json<UserRecord>, Problem> {
    let user = find(&http, id).await?;
    http.auth.disable(user.id, &occasion).await?;
    as_it_is(&http, user.id).await
}

pub async fn enable(
    State(http): State<Shared>,
    MayManage(occasion): MayManage,
    id: Id,
) -> Result<Json<UserRecord>, Problem> {
    let user = find(&http, id).await?;
    http.auth.enable(user.id, &occasion).await?;
    as_it_is(&http, user.id).await
}

pub async fn unlock(
    State(http): State<Shared>,
    MaySupport(occasion): MaySupport,
    id: Id,
) -> Result<Json<UserRecord>, Problem> {
    let user = find(&http, id).await?;
    http.auth.unlock(&user.username, &occasion).await?;
    as_it_is(&http, user.id).await
}

/// The user whom a path names.
pub(super) async fn find(http: &Shared, id: Id) -> Result<User, Problem> {
    let id = page::named(id, |text| text.parse::<UserId>().ok())?;
    user(http, id).await
}

async fn as_it_is(http: &Shared, id: UserId) -> Result<Json<UserRecord>, Problem> {
    Ok(Json(UserRecord::from(&user(http, id).await?)))
}

async fn user(http: &Shared, id: UserId) -> Result<User, Problem> {
    let user = http.auth.user_by_id(id).await?;
    user.ok_or_else(|| AuthError::NotFound(Missing::User).into())
}

fn roles(names: &[String]) -> Result<Vec<Role>, Problem> {
    let parsed: Result<Vec<Role>, InvalidName> = names.iter().map(|name| Role::parse(name)).collect();
    member("roles", parsed)
}
