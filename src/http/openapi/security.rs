//! What a caller shows, by the table of endpoints: the schemes, which of them each endpoint takes, and the codes that
//! come of it.

use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};

use super::{
    ApiPart,
    codes::{
        CROSS_SITE, Code, INSUFFICIENT_ROLE, INSUFFICIENT_USER_AUTHENTICATION, INTERNAL, INVALID_CREDENTIALS,
        INVALID_REQUEST, NOT_FOUND, RATE_LIMITED, SESSION_ENDED, STORE_UNAVAILABLE, TOKEN_EXPIRED,
        TOKEN_INVALID, TOKEN_MISSING, TOKEN_OUTDATED, TOKEN_REVOKED,
    },
    described::Described,
};
use crate::http::{
    endpoints::{Endpoint, MayCall, Surface},
    wire::cookies::Cookies,
};

const ACCESS_TOKEN: &str = "accessToken";
const SESSION_COOKIE: &str = "sessionCookie";
const REFRESH_COOKIE: &str = "refreshCookie";
const APP_SECRET: &str = "appSecret";

/// Those of a token or cookie that does not pass.
const OF_OWNERS: [Code; 10] = [
    INVALID_REQUEST,
    TOKEN_MISSING,
    TOKEN_INVALID,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
    TOKEN_OUTDATED,
    SESSION_ENDED,
    CROSS_SITE,
    STORE_UNAVAILABLE,
    INTERNAL,
];

/// All schemes, by their names.
pub fn schemes(cookies: &Cookies) -> [(&'static str, SecurityScheme); 4] {
    let cookie =
        |name, text| SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(name, text)));
    let http = |scheme, text: &str| HttpBuilder::new().scheme(scheme).description(Some(text));
    let token = http(HttpAuthScheme::Bearer, "An access token.").bearer_format("JWT").build();
    let secret = http(HttpAuthScheme::Basic, "The name and the secret of a confidential app.").build();
    [
        (ACCESS_TOKEN, SecurityScheme::Http(token)),
        (SESSION_COOKIE, cookie(cookies.session.name(), "Of a sign-in with the transport `session`.")),
        (REFRESH_COOKIE, cookie(cookies.refresh.name(), "Of a sign-in with the transport `cookie`.")),
        (APP_SECRET, SecurityScheme::Http(secret)),
    ]
}

/// What it takes, each by itself; an empty one is nothing, or what the body holds.
pub fn takes(endpoint: &Endpoint, described: &Described) -> Vec<SecurityRequirement> {
    let one = |name: &str| SecurityRequirement::new(name, [""; 0]);
    let mut all = match endpoint.caller {
        MayCall::Anyone if described.app_may_prove_itself => vec![SecurityRequirement::default()],
        MayCall::Anyone => Vec::new(),
        MayCall::Owner | MayCall::Gateway => vec![one(ACCESS_TOKEN), one(SESSION_COOKIE)],
        MayCall::Holder if described.app_may_prove_itself => {
            vec![SecurityRequirement::default(), one(REFRESH_COOKIE)]
        }
        MayCall::Holder => {
            let none = SecurityRequirement::default();
            vec![none, one(ACCESS_TOKEN), one(SESSION_COOKIE), one(REFRESH_COOKIE)]
        }
        MayCall::Client => vec![one(APP_SECRET), SecurityRequirement::default()],
        MayCall::App if endpoint.surface == Surface::OAuthOfServers => {
            vec![one(APP_SECRET), SecurityRequirement::default()]
        }
        MayCall::App => vec![one(APP_SECRET)],
        MayCall::Admin(role) => {
            let of_role = |name: &str| SecurityRequirement::new(name, [role.as_str()]);
            vec![of_role(ACCESS_TOKEN), of_role(SESSION_COOKIE), of_role(APP_SECRET)]
        }
    };
    if described.app_may_prove_itself {
        all.push(one(APP_SECRET));
    }
    all
}

/// The codes that come of who calls, whatever is asked.
pub fn codes(part: ApiPart, endpoint: &Endpoint) -> Vec<Code> {
    let mut codes = match endpoint.caller {
        MayCall::Owner => OF_OWNERS.to_vec(),
        MayCall::App if endpoint.surface == Surface::Api => {
            vec![INVALID_CREDENTIALS, STORE_UNAVAILABLE, INTERNAL]
        }
        MayCall::Admin(role) => {
            let mut codes =
                [&OF_OWNERS[..], &[INVALID_CREDENTIALS, INSUFFICIENT_ROLE, RATE_LIMITED]].concat();
            codes.extend(role.changes_something().then_some(INSUFFICIENT_USER_AUTHENTICATION));
            codes
        }
        MayCall::Anyone | MayCall::Holder | MayCall::Client | MayCall::App | MayCall::Gateway => Vec::new(),
    };
    let names_something = endpoint.path.contains('{') && endpoint.surface != Surface::Check;
    codes.extend(names_something.then_some(NOT_FOUND));
    // That listener answers to names of its own alone.
    codes.extend((part == ApiPart::Admin).then_some(CROSS_SITE));
    codes
}
