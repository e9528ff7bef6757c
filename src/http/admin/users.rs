//! Users: see them, make them, change them.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    caller::{MayManage, MayRead, MaySupport},
    page,
};
use crate::{
    answers::{DeletedUser, UserRecord, Users},
    auth::error::{AuthError, Invalid, Missing},
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

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct UsersQuery {
    /// What the name or the e-mail address begins with.
    #[param(min_length = 1, max_length = 254)]
    search: Option<String>,
    role: Option<String>,
    #[param(inline)]
    status: Option<StatusWord>,
    /// By age; not with `search`.
    #[param(inline)]
    order: Option<Order>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StatusWord {
    Active,
    Disabled,
}

#[derive(PartialEq, Eq, Deserialize, ToSchema)]
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

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserBody {
    #[schema(min_length = 1, max_length = 128)]
    username: String,
    #[schema(max_length = 254)]
    email: Option<String>,
    #[serde(default)]
    #[schema(max_items = 16)]
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
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    /// `null`: none. Another address is not verified, unless that is said too.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<String>, max_length = 254)]
    email: PolicyEdit<String>,
    email_verified: Option<bool>,
    /// In place of those they have.
    #[schema(max_items = 16)]
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
    let has_address_news = email != PolicyEdit::Keep || patch.email_verified.is_some();
    let email = match email {
        PolicyEdit::Keep => user.email,
        PolicyEdit::Drop => None,
        PolicyEdit::Take(email) => Some(email),
    };
    // Another address is not known to be theirs because the last one was.
    let verified = patch.email_verified.unwrap_or(false);
    // First what may be refused: of a patch that is, nothing is done.
    if verified && email.is_none() {
        return Err(AuthError::Invalid(Invalid::NothingVerified).into());
    }
    if let Some(wanted) = wanted {
        http.auth.change_roles(user.id, &RoleChange::to(wanted), &occasion).await?;
    }
    if has_address_news {
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

/// Sends the user a link that sets a new password, where they have a verified address.
pub async fn send_reset(
    State(http): State<Shared>,
    MaySupport(occasion): MaySupport,
    id: Id,
) -> Result<StatusCode, Problem> {
    let user = find(&http, id).await?;
    http.auth.send_reset(user.id, &occasion).await?;
    Ok(StatusCode::ACCEPTED)
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
