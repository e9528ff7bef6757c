//! Sign out: of the session that any of the credentials names, or of all.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    answers::Ended,
    auth::{error::AuthError, sessions::logout::Shown},
    http::{
        Shared,
        wire::{
            body::{Json, OptionalJson},
            caller::{Credential, SignedIn},
            occasion::CameBy,
            own_cookies::Browser,
            problem::Problem,
        },
    },
};

#[derive(Deserialize, ToSchema)]
pub struct LogoutBody {
    refresh_token: Option<String>,
}

/// What cannot be used hides nothing that can, and is the answer only where there is nothing else. The
/// browser forgets what is over, and what was never good.
pub async fn logout(
    State(http): State<Shared>,
    CameBy(occasion): CameBy,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<LogoutBody>,
) -> Result<Response, Problem> {
    let browser = Browser::of(&http, &headers).await?;
    let refresh = body.and_then(|body| body.refresh_token);
    let credential = Credential::of(&headers);
    let mut shown: Vec<Shown<'_>> = browser.shown().collect();
    shown.extend(refresh.as_deref().map(Shown::Refresh));
    if let Credential::Bearer(token) = credential {
        shown.push(Shown::Access(token));
    }
    let spent = [(&browser.refresh, &http.cookies.refresh), (&browser.session, &http.cookies.session)];
    let cleared = spent.map(|(own, cookie)| own.is_spent().then(|| cookie.clear()));
    let mut response = match http.auth.logout(&shown, &occasion).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error @ (AuthError::Store(_) | AuthError::Key(_))) => return Err(error.into()),
        Err(error) => refusal(error, credential, browser).into_response(),
    };
    for cookie in cleared.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Of several things that are wrong, the one that says most.
fn refusal(error: AuthError, credential: Credential<'_>, browser: Browser) -> Problem {
    match (credential, error) {
        (Credential::Malformed, _) => Problem::malformed_credential(),
        (_, AuthError::TokenMissing) => browser.refusal().unwrap_or_else(|| AuthError::TokenMissing.into()),
        (_, error) => error.into(),
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogoutAllQuery {
    /// Which session goes on; without it none does.
    #[param(inline)]
    keep: Option<Keep>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    Current,
}

pub async fn logout_all(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    CameBy(occasion): CameBy,
    query: Result<Query<LogoutAllQuery>, QueryRejection>,
) -> Result<Json<Ended>, Problem> {
    let Query(query) = query.map_err(|_| Problem::invalid_request("keep takes only the value current"))?;
    let ended = http.auth.logout_all(&caller, query.keep.is_some(), &occasion).await?;
    Ok(Json(Ended::of(ended)))
}
