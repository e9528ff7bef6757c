//! SPA-07: a page may speak OAuth too, from the origins of the apps, and without cookies.

use reqwest::RequestBuilder;

use super::{Stage, with_form};
use crate::support::outside::actor::{Answer, send};

const ORIGIN: &str = "https://app.example.com";

#[track_caller]
fn may_be_read(answer: &Answer, allowed: bool) {
    let origin =
        answer.headers.get("access-control-allow-origin").map(|value| value.to_str().expect("ASCII"));
    assert_eq!(origin, allowed.then_some(ORIGIN), "{answer:?}");
    assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{answer:?}");
}

fn from(request: RequestBuilder, origin: &str) -> RequestBuilder {
    request.header("origin", origin)
}

#[tokio::test]
async fn spa_07_the_apps_origins_may_read_without_credentials() {
    let stage = Stage::new().await;
    stage.install.good(&["app", "add", "spa", "--origin", ORIGIN]);
    let client = stage.server.client();
    for origin in [ORIGIN, "https://evil.example.com", "null"] {
        let is_ours = origin == ORIGIN;
        for place in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
            let answer = send(from(client.request("GET", place), origin)).await;
            assert_eq!(answer.status, 200);
            may_be_read(&answer, is_ours);
            assert_eq!(answer.header("vary"), "Origin");
        }
        for (path, status) in [("/oauth/token", 400), ("/oauth/revoke", 401)] {
            let answer = send(with_form(from(client.request("POST", path), origin), &[])).await;
            assert_eq!(answer.status, status, "{answer:?}");
            may_be_read(&answer, is_ours);
            let preflight = from(client.request("OPTIONS", path), origin);
            let preflight = preflight.header("access-control-request-method", "POST");
            let preflight = send(preflight.header("access-control-request-headers", "authorization")).await;
            assert_eq!(preflight.status, 204, "{preflight:?}");
            may_be_read(&preflight, is_ours);
        }
        let answer = send(with_form(from(client.request("POST", "/oauth/introspect"), origin), &[])).await;
        may_be_read(&answer, false);
    }
    let user = stage.signed_in_to("spa").await;
    let params =
        [("grant_type", "refresh_token"), ("refresh_token", user.refresh.as_str()), ("client_id", "spa")];
    let answer = send(with_form(from(client.request("POST", "/oauth/token"), ORIGIN), &params)).await;
    may_be_read(&answer, true);
    user.with_tokens(&answer);
}
