//! The server's metadata (RFC 8414), prepared once.

use axum::{Extension, http::HeaderMap, response::Response};

use crate::{answers::Metadata, http::wire::prepared::Prepared, keys::key_proof};

/// Where clients look for it, by RFC 8414 and by `OpenID` Connect.
pub const OAUTH: &str = "/.well-known/oauth-authorization-server";
pub const OPENID: &str = "/.well-known/openid-configuration";

const ANY_CLIENT: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];
const CONFIDENTIAL: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// That of an issuer, which is `iss` to the letter.
pub fn prepared(issuer: &str) -> Prepared {
    let at = |path: &str| format!("{issuer}{path}");
    let metadata = Metadata {
        issuer: issuer.to_owned(),
        jwks_uri: at("/.well-known/jwks.json"),
        token_endpoint: at("/oauth/token"),
        token_endpoint_auth_methods_supported: ANY_CLIENT,
        grant_types_supported: ["refresh_token"],
        response_types_supported: [],
        revocation_endpoint: at("/oauth/revoke"),
        revocation_endpoint_auth_methods_supported: ANY_CLIENT,
        introspection_endpoint: at("/oauth/introspect"),
        introspection_endpoint_auth_methods_supported: CONFIDENTIAL,
        dpop_signing_alg_values_supported: key_proof::ALGORITHMS,
    };
    // Strings always serialise.
    Prepared::json(serde_json::to_vec(&metadata).unwrap_or_default())
}

/// Where clients look for it too, when the issuer has a path. RFC 8414 puts that at the end, `OpenID`
/// Connect before; a proxy may or may not cut it off.
pub fn places_with_path(issuer: &str) -> Vec<String> {
    let rest = issuer.split_once("://").map_or("", |(_, rest)| rest);
    let Some(path) = rest.find('/').map(|at| &rest[at..]) else { return Vec::new() };
    vec![format!("{OAUTH}{path}"), format!("{path}{OPENID}")]
}

pub async fn metadata(Extension(prepared): Extension<Prepared>, headers: HeaderMap) -> Response {
    prepared.answer(&headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_with_a_path_is_found_where_either_standard_looks() {
        assert_eq!(places_with_path("https://example.com"), [""; 0]);
        assert_eq!(
            places_with_path("https://example.com/a/b"),
            ["/.well-known/oauth-authorization-server/a/b", "/a/b/.well-known/openid-configuration"]
        );
    }
}
