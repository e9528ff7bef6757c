//! The gateways of docs/browser.md let nobody through to the API whom Keyward does not know, and keep the
//! credential from it.

use axum::{Json, Router, http::HeaderMap};
use rstest::rstest;
use serde_json::{Map, Value};

use super::site::{Files, Gateway, PASSWORD, Transport, USER};
use crate::support::outside::{actor::Actor, raw::Raw};

/// An API that answers with the headers that reached it.
async fn echo(files: &Files) {
    let headers = async |headers: HeaderMap| {
        let line = |(name, value): (_, &axum::http::HeaderValue)| {
            (format!("{name:?}").trim_matches('"').to_owned(), value.to_str().unwrap_or_default().into())
        };
        Json(Value::Object(headers.iter().map(line).collect::<Map<_, _>>()))
    };
    let listener = tokio::net::TcpListener::bind(files.api).await.expect("a port");
    tokio::spawn(
        async move { axum::serve(listener, Router::new().fallback(headers)).await.expect("served") },
    );
}

/// What the API was told of a request with a good credential, and the status.
async fn told(gateway: &Actor, more: &[(&str, &str)]) -> (u16, Value) {
    let request = gateway.authorized("GET", "/api/notes?x=1");
    let request = more.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[rstest]
#[tokio::test]
async fn the_api_is_asked_by_nobody_whom_keyward_does_not_know(
    #[values(Gateway::Nginx, Gateway::Caddy)] gateway: Gateway,
) {
    let files = Files::of(Transport::Session);
    files.install.add_user(USER, PASSWORD, &[]);
    let server = files.install.start().await;
    echo(&files).await;
    let _gateway = files.start_gateway(gateway);
    let url = format!("http://{}", files.gateway);
    let outside = server.client().at(&url);
    let user = outside.signed_in(USER, PASSWORD).await;

    // Spellings of what is the API's, or could be taken for it; none may answer with what it heard.
    let stranger = |path: &str, lines: &[&str]| {
        let lines = [&["Connection: close", "X-Auth-User: admin"], lines].concat();
        Raw::connect(&url).head(&format!("GET {path}"), &lines).answer()
    };
    for path in
        ["/api/notes", "//api/notes", "/v1/../api/notes", "/%61pi/notes", "/API/notes", "/api/../api/x"]
    {
        for lines in [&[][..], &["Authorization: Bearer x"], &["X-Forwarded-Method: OPTIONS"]] {
            let answer = stranger(path, lines);
            let text = answer.text.clone();
            assert!(!text.contains("x-auth") && !text.contains("\"host\""), "{path}: {text}");
        }
    }
    assert_eq!(stranger("/api/notes", &[]).status, 401);

    let spoofed = [("x-auth-user", "admin"), ("x-auth-roles", "admin"), ("x_auth_user", "admin")];
    let more = [("cookie", "a=b"), ("x-forwarded-for", "9.9.9.9")];
    let (status, heard) = told(&user, &[&spoofed[..], &more].concat()).await;
    assert_eq!(status, 200, "{heard}");
    assert_eq!(heard["x-auth-username"], USER, "{heard}");
    assert_eq!(heard["x-auth-session"], user.session, "{heard}");
    assert!(!heard.to_string().contains("admin") && !heard.to_string().contains("9.9.9.9"), "{heard}");
    assert_eq!((heard.get("cookie"), heard.get("authorization")), (None, None), "{heard}");

    let token = format!("Authorization: Bearer {}", user.access);
    for path in
        ["/api/admin", "/api//admin/x", "/api/%61dmin", "/api/ADMIN", "/api/x/../admin", "/api/admin;a"]
    {
        assert_eq!(stranger(path, &[&token]).status, 403, "{path}");
    }
    assert_eq!(user.logout().await.status, 204);
    assert_eq!(told(&user, &[]).await.0, 401);

    let user = outside.signed_in(USER, PASSWORD).await;
    assert_eq!(told(&user, &[]).await.0, 200);
    server.kill();
    let status = told(&user, &[]).await.0;
    assert_eq!(status, if gateway == Gateway::Nginx { 503 } else { 502 });
}
