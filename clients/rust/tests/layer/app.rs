//! An app of axum with the layer: what its routes ask for, and what reached them.

use std::{
    convert::Infallible,
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use axum::{
    Json, Router,
    extract::{
        WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    http::{HeaderMap, HeaderName, header::CACHE_CONTROL},
    response::{
        Response,
        sse::{Event, Sse},
    },
    routing::{any, get},
};
use futures_util::{Stream, StreamExt, stream};
use keyward_tower::{Identity, Keyward};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    http::{Answer, Client},
    server::{APP, PATIENCE, Server},
};

/// An app that listens.
pub struct App {
    pub address: SocketAddr,
    client: Client,
}

/// The two ways, each with what a person who reads a failure calls it; both follow the stream.
pub async fn both(server: &Server) -> [(&'static str, Keyward); 2] {
    let check = Keyward::check(&server.check).revocations(&server.url, APP, &server.secret);
    let local = Keyward::local(&server.url, APP, &server.secret);
    let ways = [("check", check.build().expect("a way")), ("local", local.build().expect("a way"))];
    for (_, keyward) in &ways {
        tokio::time::timeout(PATIENCE, keyward.ready()).await.expect("it gets ready");
    }
    ways
}

impl App {
    pub async fn start(keyward: &Keyward) -> Self {
        let layer = || keyward.layer();
        let routes = Router::new()
            .route("/me", any(me).layer(layer()))
            .route("/editors", get(me).layer(layer().role("editor")))
            .route("/admins", get(me).layer(layer().role("editor").role("admin")))
            .route("/payments", get(me).layer(layer().acr(2)))
            .route("/recent", get(me).layer(layer().max_age(Duration::from_hours(1))))
            .route("/now", get(me).layer(layer().max_age(Duration::ZERO)))
            .route("/events", get(events).layer(layer()))
            .route("/socket", any(socket).layer(layer()))
            .route("/kept", get(kept).layer(layer()))
            .route("/bare", get(me));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let service = routes.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address, client: Client::new() }
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let url = format!("http://{}{path}", self.address);
        self.client.send(method, &url, headers, bytes::Bytes::new()).await.expect("an app that answers")
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// The lines of an event stream, from the first one on, which has come.
    pub async fn follow(&self, headers: &[(&str, &str)]) -> hyper::body::Incoming {
        let url = format!("http://{}/events", self.address);
        let answer = self.client.open("GET", &url, headers, bytes::Bytes::new()).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut body = answer.into_body();
        let first = http_body_util::BodyExt::frame(&mut body).await.expect("a piece").expect("a piece");
        assert!(first.is_data());
        body
    }
}

async fn me(identity: Identity, headers: HeaderMap) -> Json<Value> {
    let names = headers.keys().map(axum::http::HeaderName::as_str);
    let seen: Vec<&str> = names.filter(|name| name.starts_with('x')).collect();
    Json(json!({
        "user": identity.user(),
        "username": identity.username(),
        "session": identity.session(),
        "app": identity.app(),
        "roles": identity.roles(),
        "is_editor": identity.has_role("editor"),
        "acr": identity.acr(),
        "amr": identity.amr(),
        "is_recent": identity.auth_time().map(|at| at.elapsed().is_ok_and(|age| age < PATIENCE)),
        "expires": identity.expires_at().map(|at| at > SystemTime::now()),
        "seen": seen,
    }))
}

async fn kept(_: Identity) -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(CACHE_CONTROL, "private, max-age=60")], "kept")
}

async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let greeting = stream::once(async { Ok(Event::default().data("hello")) });
    Sse::new(greeting.chain(stream::pending()))
}

async fn socket(identity: Identity, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|socket| echo(socket, identity))
}

async fn echo(mut socket: WebSocket, identity: Identity) {
    let mut ended = std::pin::pin!(identity.ended());
    loop {
        tokio::select! {
            ended = &mut ended => {
                let _ = socket.send(Message::text(format!("{ended:?}"))).await;
                return;
            }
            message = socket.recv() => match message {
                Some(Ok(message)) => socket.send(message).await.expect("it is sent"),
                _ => return,
            },
        }
    }
}
