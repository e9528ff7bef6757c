//! The introspection endpoint (RFC 7662): what an access token says, told to confidential apps alone.
//! Of a token that is not valid now nothing is told, not even why.

use std::fmt::Display;

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, Serializer};

use super::{OAuthError, client, form::Form};
use crate::{
    domain::{
        claims::AccessClaims,
        ids::{SessionId, TokenId, UserId},
        user::Role,
    },
    http::Shared,
    keys::ring::KeyRing,
};

pub async fn introspect(State(http): State<Shared>, form: Form) -> Result<Response, OAuthError> {
    let params = form.params()?;
    client::confidential(&http, &form.headers, &params).await?;
    let caller = http.auth.introspect(params.require("token")?).await?;
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ];
    Ok(match caller {
        Some(caller) => (headers, Json(Shape::of(caller.claims(), http.auth.keys()))).into_response(),
        None => (headers, r#"{"active":false}"#).into_response(),
    })
}

/// The members of RFC 7662 section 2.2, and our own after them.
#[derive(Serialize)]
struct Shape<'a> {
    active: bool,
    iss: &'a str,
    #[serde(serialize_with = "text")]
    sub: UserId,
    aud: &'a str,
    client_id: &'a str,
    username: &'a str,
    token_type: &'static str,
    exp: i64,
    iat: i64,
    #[serde(serialize_with = "text")]
    jti: TokenId,
    #[serde(serialize_with = "text")]
    sid: SessionId,
    roles: Vec<&'a str>,
}

impl<'a> Shape<'a> {
    fn of(claims: &'a AccessClaims, keys: &'a KeyRing) -> Self {
        Self {
            active: true,
            iss: keys.issuer(),
            sub: claims.user,
            aud: keys.audience(),
            client_id: claims.app.as_str(),
            username: &claims.username,
            token_type: "Bearer",
            exp: claims.expires_at.secs(),
            iat: claims.issued_at.secs(),
            jti: claims.id,
            sid: claims.session,
            roles: claims.roles.iter().map(Role::as_str).collect(),
        }
    }
}

fn text<S: Serializer>(id: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}
