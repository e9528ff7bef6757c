//! OAuth as its standards speak it.

use utoipa::ToSchema;

use super::{
    codes::{
        OAUTH_INVALID_CLIENT, OAUTH_INVALID_DPOP_PROOF, OAUTH_INVALID_GRANT, OAUTH_INVALID_SCOPE,
        OAUTH_SERVER_ERROR, OAUTH_TOO_MANY, OAUTH_UNAVAILABLE, OAUTH_UNSUPPORTED_GRANT_TYPE,
    },
    described::{Described, JSON, named},
};
use crate::{
    answers::{ActiveToken, InactiveToken, Tokens},
    http::endpoints::HttpMethod::Post,
};
use utoipa::openapi::schema::AnyOfBuilder;

/// RFC 6749 section 6.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a form is read parameter by parameter; this is its description")]
struct TokenForm {
    /// `refresh_token`.
    grant_type: String,
    refresh_token: String,
    /// Where no `Authorization` header names the client.
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// RFC 7009 section 2.1, RFC 7662 section 2.1.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a form is read parameter by parameter; this is its description")]
struct OneTokenForm {
    token: String,
    /// Not needed: a token tells its kind itself.
    token_type_hint: Option<String>,
    /// Where no `Authorization` header names the client.
    client_id: Option<String>,
    client_secret: Option<String>,
}

pub fn oauth() -> Vec<Described> {
    let token = Described::of("oauthToken", Post, "/oauth/token", "Get fresh tokens (RFC 6749 section 6)")
        .takes_form::<TokenForm>()
        .may_prove_key()
        .answers::<Tokens>(200, "Fresh tokens.")
        .may(&[OAUTH_INVALID_GRANT, OAUTH_INVALID_DPOP_PROOF])
        .may(&[OAUTH_UNSUPPORTED_GRANT_TYPE, OAUTH_INVALID_SCOPE]);
    let revoke = Described::of("oauthRevoke", Post, "/oauth/revoke", "Revoke a token (RFC 7009)")
        .told("A refresh token takes its session with it.")
        .takes_form::<OneTokenForm>()
        .answers_nothing(200, "It is good no more, if it ever was.")
        .may(&[OAUTH_TOO_MANY]);
    let mut introspect =
        Described::of("oauthIntrospect", Post, "/oauth/introspect", "What an access token says (RFC 7662)")
            .told("For confidential apps.")
            .takes_form::<OneTokenForm>();
    let active = named::<ActiveToken>(&mut introspect.schemas);
    let inactive = named::<InactiveToken>(&mut introspect.schemas);
    let either = AnyOfBuilder::new().item(active).item(inactive);
    let introspect =
        introspect.answers_with(200, "What it says, or that it is not active.", JSON, either.into());
    let common = [OAUTH_INVALID_CLIENT, OAUTH_SERVER_ERROR, OAUTH_UNAVAILABLE];
    [token, revoke, introspect].into_iter().map(|described| described.may(&common)).collect()
}
