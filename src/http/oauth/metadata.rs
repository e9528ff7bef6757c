//! The server's metadata (RFC 8414): what a client that knows only the issuer needs to find the rest.
//! It lists what works and nothing else.

use aws_lc_rs::digest;
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;

const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");
const ANY_CLIENT: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];
const CONFIDENTIAL: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// The document, ready to be sent.
#[derive(Clone)]
pub struct Metadata {
    body: Bytes,
    etag: HeaderValue,
}

#[derive(Serialize)]
struct Shape<'a> {
    issuer: &'a str,
    jwks_uri: String,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: [&'static str; 3],
    grant_types_supported: [&'static str; 1],
    /// Required, and empty: there is no authorization endpoint.
    response_types_supported: [&'static str; 0],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
}

impl Metadata {
    /// That of an issuer, which is `iss` to the letter.
    pub fn of(issuer: &str) -> Self {
        let at = |path: &str| format!("{issuer}{path}");
        let shape = Shape {
            issuer,
            jwks_uri: at("/.well-known/jwks.json"),
            token_endpoint: at("/oauth/token"),
            token_endpoint_auth_methods_supported: ANY_CLIENT,
            grant_types_supported: ["refresh_token"],
            response_types_supported: [],
            revocation_endpoint: at("/oauth/revoke"),
            revocation_endpoint_auth_methods_supported: ANY_CLIENT,
            introspection_endpoint: at("/oauth/introspect"),
            introspection_endpoint_auth_methods_supported: CONFIDENTIAL,
        };
        // Strings always serialise.
        let body = serde_json::to_vec(&shape).unwrap_or_default();
        let hash = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &body));
        let etag = HeaderValue::from_str(&format!("\"{hash}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self { body: body.into(), etag }
    }

    /// Where clients look for it. RFC 8414 puts an issuer's path at the end, `OpenID` Connect before; a
    /// proxy may or may not cut it off.
    pub fn places(issuer: &str) -> Vec<String> {
        let rest = issuer.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.find('/').map_or("", |at| &rest[at..]);
        let mut places: Vec<String> = ["", path]
            .iter()
            .flat_map(|path| {
                [
                    format!("/.well-known/oauth-authorization-server{path}"),
                    format!("{path}/.well-known/openid-configuration"),
                ]
            })
            .collect();
        places.sort();
        places.dedup();
        places
    }

    /// The answer to a request for it.
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == self.etag);
        let caching = [(header::CACHE_CONTROL, CACHE), (header::ETAG, self.etag.clone())];
        if known {
            return (StatusCode::NOT_MODIFIED, caching).into_response();
        }
        let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (caching, json, self.body.clone()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_with_a_path_is_found_where_either_standard_looks() {
        assert_eq!(
            Metadata::places("https://example.com"),
            ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]
        );
        assert_eq!(
            Metadata::places("https://example.com/a/b"),
            [
                "/.well-known/oauth-authorization-server",
                "/.well-known/oauth-authorization-server/a/b",
                "/.well-known/openid-configuration",
                "/a/b/.well-known/openid-configuration"
            ]
        );
    }
}
