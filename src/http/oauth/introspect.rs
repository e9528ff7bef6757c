//! The introspection endpoint (RFC 7662): what an access token says, told to confidential apps alone.
//! Of a token that is not valid now nothing is told, not even why.

use axum::extract::State;

use super::{OAuthError, client, form::Form};
use crate::{
    answers::Introspection,
    http::{Shared, wire::body::Json},
};

pub async fn introspect(State(http): State<Shared>, form: Form) -> Result<Json<Introspection>, OAuthError> {
    let params = form.params()?;
    client::confidential(&http, &form.headers, &params).await?;
    let caller = http.auth.introspect(params.require("token")?).await?;
    let keys = http.auth.keys();
    Ok(Json(caller.map_or(Introspection::inactive(), |caller| {
        Introspection::active(caller.claims(), keys.issuer(), keys.audience())
    })))
}
