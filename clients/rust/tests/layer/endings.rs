//! An identity ends when its session does, and closes what is open for it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use keyward_tower::Keyward;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{
    app::{App, both},
    server::{PATIENCE, Server, SignedIn},
};

/// A socket of the app that is open and answers.
async fn open_socket(app: &App, signed_in: &SignedIn) -> WebSocketStream<TcpStream> {
    let mut request = format!("ws://{}/socket", app.address).into_client_request().expect("a request");
    let bearer = format!("Bearer {}", signed_in.token).parse().expect("a header");
    request.headers_mut().insert("authorization", bearer);
    let tcp = TcpStream::connect(app.address).await.expect("a connection");
    let (mut socket, _) = client_async(request, tcp).await.expect("a socket");
    socket.send(Message::text("hello")).await.expect("it is sent");
    assert_eq!(said(&mut socket).await.as_deref(), Some("hello"));
    socket
}

/// What comes next; `None` = it is over.
async fn said(socket: &mut WebSocketStream<TcpStream>) -> Option<String> {
    match timeout(PATIENCE, socket.next()).await.expect("it is not silent") {
        Some(Ok(Message::Text(text))) => Some(text.to_string()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_closes_the_sockets_and_event_streams_of_that_session_alone() {
    let server = Server::start(&[]).await;
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        let (leaving, staying) = (server.sign_in().await, server.sign_in().await);
        let bearer = format!("Bearer {}", leaving.token);
        let mut events = app.follow(&[("authorization", &bearer)]).await;
        let mut socket = open_socket(&app, &leaving).await;
        let mut other = open_socket(&app, &staying).await;

        server.sign_out(&leaving).await;
        let ended = said(&mut socket).await;
        assert_eq!(ended.as_deref(), Some(r#"Session { reason: Some("logout") }"#), "{way}");
        assert_eq!(said(&mut socket).await, None, "{way}");
        let rest = timeout(PATIENCE, events.frame()).await.expect("it ends");
        assert!(rest.is_none(), "{way}: {rest:?}");

        other.send(Message::text("still here")).await.expect("it is sent");
        assert_eq!(said(&mut other).await.as_deref(), Some("still here"), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_closes_what_a_session_cookie_has_opened() {
    let server = Server::start(&[]).await;
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        let cookie = server.sign_in_by_cookie().await;
        let mut events = app.follow(&[("cookie", &cookie)]).await;
        let headers = [("cookie", &*cookie), ("origin", &*server.url)];
        let out =
            server.client.post(&format!("{}/v1/logout", server.url), &headers, &serde_json::json!({})).await;
        assert_eq!(out.expect("an answer").status, 204);
        assert!(timeout(PATIENCE, events.frame()).await.expect("it ends").is_none(), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_disabled_and_other_roles_close_them_too() {
    let server = Server::start(&[]).await;
    let [_, (_, local)] = both(&server).await;
    let app = App::start(&local).await;
    let mut socket = open_socket(&app, &server.sign_in().await).await;
    // What is outdated is told by the second in which a token was issued.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    server.run(&["user", "role", "anna", "--add", "boss"], "");
    assert_eq!(said(&mut socket).await.as_deref(), Some("Outdated"));
    let mut socket = open_socket(&app, &server.sign_in().await).await;
    server.run(&["user", "disable", "anna"], "");
    let ended = said(&mut socket).await.expect("a word");
    assert!(ended.starts_with("Session"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_closes_them_at_the_latest() {
    let server = Server::start(&[("TOKENS_ACCESS_TTL", "3s")]).await;
    let unwatched = Keyward::check(&server.check).build().expect("a way");
    for keyward in both(&server).await.into_iter().map(|(_, keyward)| keyward).chain([unwatched]) {
        let app = App::start(&keyward).await;
        let mut socket = open_socket(&app, &server.sign_in().await).await;
        assert_eq!(said(&mut socket).await.as_deref(), Some("Expired"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_about_to_end_closes_what_is_open() {
    let server = Server::start(&[]).await;
    let unwatched = Keyward::check(&server.check).build().expect("a way");
    for keyward in both(&server).await.into_iter().map(|(_, keyward)| keyward).chain([unwatched]) {
        let app = App::start(&keyward).await;
        let anna = server.sign_in().await;
        let bearer = format!("Bearer {}", anna.token);
        let mut events = app.follow(&[("authorization", &bearer)]).await;
        let mut socket = open_socket(&app, &anna).await;
        keyward.close();
        assert_eq!(said(&mut socket).await.as_deref(), Some("Closed"));
        assert!(timeout(PATIENCE, events.frame()).await.expect("it ends").is_none());
        // Requests that are under way are answered.
        assert_eq!(app.get("/me", &anna.token).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_tell_any_more_is_over() {
    // Trust of 3 s, the shortest.
    let server = Server::start(&[("OUTAGE_CHECK", "0s")]).await;
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        let mut socket = open_socket(&app, &server.sign_in().await).await;
        server.freeze();
        assert_eq!(said(&mut socket).await.as_deref(), Some("Unknown"), "{way}");
        server.thaw();
    }
}
