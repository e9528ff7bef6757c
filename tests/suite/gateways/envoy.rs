//! What Envoy does in its own way: it answers refused clients in Keyward's words, tells those that are
//! let in where they stand with their rate, and joins the lines of a header.

use reqwest::{Client, RequestBuilder};
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    gateway::Kind,
    site::{PASSWORD, Site},
};
use crate::support::outside::{
    actor::{Actor, Answer},
    install::Install,
};

async fn ask(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.expect("a body") }
}

/// What the app was told under that name, line by line.
fn told<'a>(answer: &'a Value, name: &str) -> Vec<&'a str> {
    let lines = answer["headers"].as_array().expect("an array").iter();
    lines.filter(|line| line[0] == name).map(|line| line[1].as_str().expect("a text")).collect()
}

#[rstest]
#[case::http(Kind::EnvoyHttp)]
#[case::grpc(Kind::EnvoyGrpc)]
#[tokio::test]
async fn clients_of_envoy_hear_all_that_keyward_says(#[case] kind: Kind) {
    let install = Install::new().with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 2);
    install.add_user("root", PASSWORD, &["--role", "admin", "--role", "ops"]);
    let site = Site::start_in(install).await;
    let gateway = site.gateway(kind);
    let root = site.server.client().signed_in("root", PASSWORD).await.at(&gateway.url);

    let none = ask(root.request("GET", "/?access_token=x&role=ops")).await;
    none.refused(401, "token_missing");
    none.problem(401, "token_missing");
    assert_eq!(none.header("www-authenticate"), r#"Bearer realm="keyward""#);
    assert_eq!(none.header("cache-control"), "no-store");

    let served = ask(root.authorized("GET", "/admin/a?role=nobody&deny=403")).await;
    assert_eq!(served.status, 200, "{served:?}");
    assert!(served.header("ratelimit").starts_with(r#""session";r=1;t="#), "{served:?}");
    assert_eq!(served.header("ratelimit-policy"), r#""session";q=2;w=60"#);
    assert_eq!(told(&served.json(), "x-auth-roles"), ["admin,ops"]);
    assert_eq!(told(&served.json(), "authorization"), [format!("Bearer {}", root.access)]);

    assert_eq!(ask(root.authorized("GET", "/")).await.status, 200);
    let over = ask(root.authorized("GET", "/")).await;
    over.refused(429, "rate_limited");
    over.problem(429, "rate_limited");
    assert!(over.header("ratelimit").starts_with(r#""session";r=0;t="#), "{over:?}");
    assert!(over.header("retry-after").parse::<u64>().is_ok_and(|wait| (1..=60).contains(&wait)), "{over:?}");
}

/// HTTP/2 lets a browser send each cookie in a line of its own.
#[rstest]
#[case::http(Kind::EnvoyHttp)]
#[case::grpc(Kind::EnvoyGrpc)]
#[tokio::test]
async fn cookies_in_lines_of_their_own_are_read(#[case] kind: Kind) {
    let install = Install::new();
    install.add_user("anna", PASSWORD, &[]);
    let site = Site::start_in(install).await;
    let (gateway, server) = (site.gateway(kind), &site.server);
    let body = json!({ "username": "anna", "password": PASSWORD, "transport": "session" });
    let login = server.client().request("POST", "/v1/login").header("origin", &server.url).json(&body);
    let login = login.send().await.expect("an answer");
    let cookie = login.headers()["set-cookie"].to_str().expect("ASCII").split(';').next().expect("a cookie");

    let http2 = Client::builder().no_proxy().http2_prior_knowledge().build().expect("a client");
    let lines = http2.get(&gateway.url).header("cookie", "theme=dark").header("cookie", cookie);
    let served = ask(lines).await;
    assert_eq!(told(&served.json(), "x-auth-username"), ["anna"]);

    let client = Actor::new(&gateway.url);
    let post = || client.request("POST", "/").header("cookie", format!("theme=dark; {cookie}"));
    ask(post()).await.refused(403, "cross_site");
    ask(post().header("x-forwarded-method", "GET")).await.refused(403, "cross_site");
    assert_eq!(ask(post().header("origin", &server.url)).await.status, 200);
}
