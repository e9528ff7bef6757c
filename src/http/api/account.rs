//! The account of one's own: make it, see it, change its password, leave it.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    answers::User,
    auth::accounts::{NewAccount, signup::SignedUp},
    domain::{
        app::AppName,
        secret::Password,
        user::{Email, Username},
    },
    http::{
        Shared,
        wire::{
            body::{Json, member},
            caller::SignedIn,
            occasion::CameBy,
            problem::Problem,
        },
    },
};

#[derive(Deserialize, ToSchema)]
pub struct SignupBody {
    #[schema(min_length = 1, max_length = 128)]
    username: String,
    /// Of at least `accounts.password_min_length` characters, and not a guessable one.
    #[schema(max_length = 256, format = Password)]
    password: String,
    #[schema(max_length = 254)]
    email: Option<String>,
    /// Whose page the link leads to that confirms the address; `default` where it is not said.
    app: Option<String>,
}

pub async fn signup(
    State(http): State<Shared>,
    CameBy(occasion): CameBy,
    Json(body): Json<SignupBody>,
) -> Result<Response, Problem> {
    let app = member("app", body.app.as_deref().map_or(Ok(AppName::default_app()), AppName::parse))?;
    let new = NewAccount {
        username: member("username", Username::parse(&body.username))?,
        password: member("password", Password::parse(&body.password))?,
        email: member("email", body.email.as_deref().map(Email::parse).transpose())?,
        roles: Vec::new(),
    };
    Ok(match http.auth.signup(new, app, &occasion).await? {
        SignedUp::Made(user) => (StatusCode::CREATED, Json(User::from(&user))).into_response(),
        SignedUp::Waits => StatusCode::ACCEPTED.into_response(),
    })
}

pub async fn me(State(http): State<Shared>, SignedIn(caller): SignedIn) -> Result<Json<User>, Problem> {
    let user = http.auth.me(&caller).await?;
    Ok(Json(User::from(&user)))
}

pub async fn leave(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    CameBy(occasion): CameBy,
) -> Result<StatusCode, Problem> {
    http.auth.delete_own_account(&caller, &occasion).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
pub struct PasswordBody {
    #[schema(max_length = 256, format = Password)]
    current: String,
    /// Of at least `accounts.password_min_length` characters, and not a guessable one.
    #[schema(max_length = 256, format = Password)]
    new: String,
}

pub async fn change_password(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    CameBy(occasion): CameBy,
    Json(body): Json<PasswordBody>,
) -> Result<StatusCode, Problem> {
    let current = member("current", Password::parse(&body.current))?;
    let new = member("new", Password::parse(&body.new))?;
    http.auth.change_password(&caller, &current, &new, &occasion).await?;
    Ok(StatusCode::NO_CONTENT)
}
