//! The account of one's own: make it, see it, change its password.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use crate::{
    auth::accounts::NewAccount,
    domain::{
        secret::Password,
        user::{Email, Role, User, Username},
    },
    http::{
        Shared,
        wire::{
            body::{Json, member},
            caller::{ClientAddress, SignedIn},
            problem::Problem,
        },
    },
};

#[derive(Deserialize)]
pub struct SignupBody {
    username: String,
    password: String,
    email: Option<String>,
}

pub async fn signup(
    State(http): State<Shared>,
    ClientAddress(address): ClientAddress,
    Json(body): Json<SignupBody>,
) -> Result<Response, Problem> {
    let new = NewAccount {
        username: member("username", Username::parse(&body.username))?,
        password: member("password", Password::parse(&body.password))?,
        email: member("email", body.email.as_deref().map(Email::parse).transpose())?,
        roles: Vec::new(),
    };
    let user = http.auth.signup(new, address).await?;
    Ok((StatusCode::CREATED, axum::Json(UserShape::from(&user))).into_response())
}

pub async fn me(State(http): State<Shared>, SignedIn(caller): SignedIn) -> Result<Response, Problem> {
    let user = http.auth.me(&caller).await?;
    Ok(axum::Json(UserShape::from(&user)).into_response())
}

#[derive(Deserialize)]
pub struct PasswordBody {
    current: String,
    new: String,
}

pub async fn change_password(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    ClientAddress(address): ClientAddress,
    Json(body): Json<PasswordBody>,
) -> Result<StatusCode, Problem> {
    let current = member("current", Password::parse(&body.current))?;
    let new = member("new", Password::parse(&body.new))?;
    http.auth.change_password(&caller, &current, &new, address).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
struct UserShape<'a> {
    id: String,
    username: &'a str,
    email: Option<&'a str>,
    roles: Vec<&'a str>,
    created_at: String,
}

impl<'a> From<&'a User> for UserShape<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username.shown(),
            email: user.email.as_ref().map(Email::as_str),
            roles: user.roles.iter().map(Role::as_str).collect(),
            created_at: user.created_at.rfc3339(),
        }
    }
}
