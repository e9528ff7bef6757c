//! The app of the README. `KEYWARD_CHECK` is the check's address; without it, tokens are verified here.

use std::{convert::Infallible, env, net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::WebSocketUpgrade,
    http::StatusCode,
    response::{
        Response,
        sse::{Event, Sse},
    },
    routing::{any, get},
};
use futures_util::{Stream, stream};
use keyward_tower::{Identity, Keyward};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

async fn hello(identity: Identity) -> String {
    format!("Hello, {}", identity.username())
}

/// Ends by itself within 100 ms of the user's sign-out.
async fn news() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok(Event::default().data("tick")), ()))
    }))
}

/// A WebSocket is closed by who has opened it.
async fn chat(identity: Identity, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        let echo = async {
            while let Some(Ok(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
        };
        // Beside all that it does: a client that reads nothing would hold up a loop.
        tokio::select! {
            () = echo => {}
            _why = identity.ended() => {}
        }
    })
}

fn ready(keyward: &Keyward) -> StatusCode {
    if keyward.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [url, app, secret] = ["URL", "APP", "SECRET"].map(|name| env::var(format!("KEYWARD_{name}")));
    let (url, app, secret) = (url?, app?, secret?);
    let keyward = match env::var("KEYWARD_CHECK") {
        Ok(check) => Keyward::check(check).revocations(url, app, secret).build()?,
        Err(_) => Keyward::local(url, app, secret).build()?,
    };
    let asked = keyward.clone();
    let routes = Router::new()
        .route("/", get(hello).layer(keyward.layer()))
        .route("/news", get(news).layer(keyward.layer()))
        .route("/chat", any(chat).layer(keyward.layer()))
        .route("/admin", get(hello).layer(keyward.layer().role("admin")))
        .route("/pay", get(hello).layer(keyward.layer().acr(2).max_age(Duration::from_mins(5))))
        .route("/readyz", get(async move || ready(&asked)));
    let listener = TcpListener::bind(env::var("LISTEN").unwrap_or("127.0.0.1:3000".to_owned())).await?;
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    let mut stop = signal(SignalKind::terminate())?;
    let stopped = async move {
        stop.recv().await;
        // Else what is open would have to end by itself first.
        keyward.close();
    };
    axum::serve(listener, service).with_graceful_shutdown(stopped).await?;
    Ok(())
}
