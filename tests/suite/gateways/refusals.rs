//! What a client of each gateway is told of a refusal: the table of `gateways/README.md`.

use reqwest::{Client, RequestBuilder};
use rstest_reuse::apply;
use serde_json::Value;

use super::{
    gateway::{Gateway, Kind, every_gateway},
    site::{PASSWORD, Site, USER},
};
use crate::support::{
    outside::{actor::Answer, install::Install},
    servers::redis,
};

fn get(gateway: &Gateway, path: &str, token: &str) -> RequestBuilder {
    let client = Client::builder().no_proxy().build().expect("a client");
    let request = client.get(format!("{}{path}", gateway.url));
    if token.is_empty() { request } else { request.bearer_auth(token) }
}

async fn ask(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.expect("a body") }
}

/// The body is a problem with that code, which programs go by.
#[track_caller]
fn is_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    let body = answer.json();
    assert_eq!((&body["code"], &body["status"]), (&Value::from(code), &Value::from(status)), "{body}");
    assert_eq!(body["type"], format!("urn:keyward:problem:{code}"), "{body}");
}

#[apply(every_gateway)]
#[tokio::test]
async fn a_refusal_is_a_problem_with_keywards_code(kind: Kind) {
    let mut store = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", store.url()).with("KEYWARD_OUTAGE_CHECK", "0");
    let install = install.with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 2);
    install.add_user(USER, PASSWORD, &[]);
    let site = Site::start_in(install).await;
    let gateway = site.gateway(kind);
    let token = site.user().await.access;

    let none = ask(get(&gateway, "/", "")).await;
    is_problem(&none, 401, "token_missing");
    assert_eq!(none.header("www-authenticate"), r#"Bearer realm="keyward""#);
    is_problem(&ask(get(&gateway, "/", "nonsense")).await, 401, "token_invalid");
    is_problem(&ask(get(&gateway, "/admin/", &token)).await, 403, "insufficient_role");
    assert_eq!(ask(get(&gateway, "/", &token)).await.status, 200);
    let over = ask(get(&gateway, "/", &token)).await;
    is_problem(&over, 429, "rate_limited");
    assert!(!over.header("retry-after").is_empty());

    let token = site.user().await.access;
    store.kill();
    let away = ask(get(&gateway, "/", &token)).await;
    match kind {
        Kind::EnvoyHttp | Kind::Haproxy => {
            assert_eq!((away.status, away.text.as_str()), (503, ""), "{away:?}");
        }
        _ => is_problem(&away, 503, "store_unavailable"),
    }
    assert!(!away.header("retry-after").is_empty(), "{away:?}");
    store.restart();
}

/// Where Keyward says nothing, nginx has nothing to repeat.
#[tokio::test]
async fn without_keyward_nginx_says_no_more_than_the_status() {
    let site = Site::start().await;
    let gateway = site.gateway(Kind::Nginx);
    site.server.kill();
    let away = ask(get(&gateway, "/", "nonsense")).await;
    assert_eq!((away.status, away.header("retry-after")), (503, "1"), "{away:?}");
    assert_eq!(away.text, r#"{"title":"Service Unavailable","status":503}"#);
}
