//! Who may call is in the signature: an extractor for each role that an endpoint takes.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};

use crate::{
    auth::error::AuthError,
    domain::{
        admin::AdminRole,
        occasion::{Actor, Occasion},
    },
    http::{
        Shared,
        wire::{
            app_caller::basic,
            caller::{Pages, identify},
            occasion::CameBy,
            problem::Problem,
        },
    },
};

/// Somebody who may see everything.
pub struct MayRead;

/// Somebody who may end sessions and unlock accounts, and on which occasion they do.
pub struct MaySupport(pub Occasion);

/// Somebody who may do everything, and on which occasion they do.
pub struct MayManage(pub Occasion);

impl FromRequestParts<Shared> for MayRead {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, http: &Shared) -> Result<Self, Problem> {
        operator(http, parts, AdminRole::Read).await.map(|_| Self)
    }
}

impl FromRequestParts<Shared> for MaySupport {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, http: &Shared) -> Result<Self, Problem> {
        operator(http, parts, AdminRole::Support).await.map(Self)
    }
}

impl FromRequestParts<Shared> for MayManage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, http: &Shared) -> Result<Self, Problem> {
        operator(http, parts, AdminRole::Full).await.map(Self)
    }
}

/// Lets in who may; whoever is about to change something is named in the log.
async fn operator(http: &Shared, parts: &mut Parts, needed: AdminRole) -> Result<Occasion, Problem> {
    let by = prove(http, &parts.headers, needed).await?;
    if needed.changes_something() {
        let (method, path) = (&parts.method, parts.uri.path());
        tracing::info!(request.by = %by, request.method = %method, request.path = path, "an admin's request");
    }
    // Nobody is refused for it.
    let Ok(CameBy(occasion)) = CameBy::from_request_parts(parts, http).await;
    Ok(occasion.by(by))
}

/// A cookie counts for own pages alone, whatever the method: what is read here is not for others.
async fn prove(http: &Shared, headers: &HeaderMap, needed: AdminRole) -> Result<Actor, Problem> {
    if let Some((name, secret)) = basic(headers) {
        return match http.auth.operator_app(&name, &secret, needed).await {
            Err(AuthError::InvalidCredentials) => Err(Problem::app_credentials()),
            answer => Ok(answer?),
        };
    }
    let caller = identify(http, headers, Pages::Own).await?;
    Ok(http.auth.operator(&caller, needed).await?)
}
