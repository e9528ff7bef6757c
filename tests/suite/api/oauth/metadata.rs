//! Metadata: META-01 to META-04, and RFC 8414.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Stage, is_error};
use crate::support::outside::{actor::send, install::Install};

const PLACES: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

#[tokio::test]
async fn meta_01_and_03_both_places_list_what_works() {
    let stage = Stage::new().await;
    let issuer = &stage.server.url;
    for place in PLACES {
        let answer = send(stage.server.client().request("GET", place)).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{answer:?}");
        let expected = json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
            "token_endpoint": format!("{issuer}/oauth/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "grant_types_supported": ["refresh_token"],
            "response_types_supported": [],
            "revocation_endpoint": format!("{issuer}/oauth/revoke"),
            "revocation_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "none"],
            "introspection_endpoint": format!("{issuer}/oauth/introspect"),
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "dpop_signing_alg_values_supported": ["ES256", "EdDSA", "Ed25519"],
        });
        assert_eq!(answer.json(), expected);
        send(stage.server.client().request("POST", place)).await.problem(405, "method_not_allowed");
    }
    let metadata = stage.server.client().get(PLACES[0]).await.json();
    let path = |member: &str| metadata[member].as_str().and_then(|url| url.strip_prefix(issuer.as_str()));
    for (member, status, error) in [
        ("token_endpoint", 400, "invalid_request"),
        ("revocation_endpoint", 401, "invalid_client"),
        ("introspection_endpoint", 401, "invalid_client"),
    ] {
        is_error(&stage.form(path(member).expect(member), &[]).await, status, error);
    }
    assert_eq!(stage.server.client().get(path("jwks_uri").expect("a path")).await.status, 200);
}

#[tokio::test]
async fn meta_01_and_02_an_issuer_with_a_path_is_served_where_either_standard_looks() {
    for issuer in ["https://auth.example.com", "https://example.com/a/tenant", "http://localhost:8080/x"] {
        let install = Install::new().with("KEYWARD_SERVER_PUBLIC_URL", issuer);
        let server = install.start().await;
        let path = issuer.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
        let appended = format!("{path}{}", PLACES[1]);
        for place in [PLACES[0], PLACES[1], &format!("{}{path}", PLACES[0]), &appended] {
            let answer = send(server.client().request("GET", place)).await;
            assert_eq!(answer.status, 200, "{place} of {issuer}");
            let metadata = answer.json();
            assert_eq!(metadata["issuer"], issuer);
            assert_eq!(metadata["token_endpoint"], format!("{issuer}/oauth/token"));
        }
        assert_eq!(claims(&server.admin().await.access)["iss"], issuer, "to the letter");
        let elsewhere = format!("{}/elsewhere", PLACES[0]);
        server.client().get(&elsewhere).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn meta_04_it_may_be_cached_and_asked_for_again() {
    let stage = Stage::new().await;
    for place in PLACES {
        let answer = send(stage.server.client().request("GET", place)).await;
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        let etag = answer.header("etag").to_owned();
        let again = send(stage.server.client().request("GET", place).header("if-none-match", &etag)).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""));
        assert_eq!(again.header("etag"), etag);
        let other = send(stage.server.client().request("GET", place).header("if-none-match", "\"x\"")).await;
        assert_eq!((other.status, other.text), (200, answer.text));
    }
}
