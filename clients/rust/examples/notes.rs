//! The app of the README. `KEYWARD_CHECK` is the check's address; without it, tokens are verified here.

use std::{convert::Infallible, env, net::SocketAddr, time::Duration};

use axum::{
    Router,
    response::sse::{Event, Sse},
    routing::get,
};
use futures_util::{Stream, StreamExt, stream};
use keyward_tower::{Identity, Keyward};
use tokio::net::TcpListener;

async fn hello(identity: Identity) -> String {
    format!("Hello, {}", identity.username())
}

async fn news(identity: Identity) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ticks = stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok(Event::default().data("tick")), ()))
    });
    // Closes within 100 ms of the user's sign-out.
    Sse::new(ticks.take_until(identity.ended()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [url, app, secret] = ["URL", "APP", "SECRET"].map(|name| env::var(format!("KEYWARD_{name}")));
    let (url, app, secret) = (url?, app?, secret?);
    let keyward = match env::var("KEYWARD_CHECK") {
        Ok(check) => Keyward::check(check).revocations(url, app, secret).build()?,
        Err(_) => Keyward::local(url, app, secret).build()?,
    };
    let routes = Router::new()
        .route("/", get(hello).layer(keyward.layer()))
        .route("/news", get(news).layer(keyward.layer()))
        .route("/admin", get(hello).layer(keyward.layer().role("admin")))
        .route("/pay", get(hello).layer(keyward.layer().acr(2).max_age(Duration::from_mins(5))));
    let address = env::var("LISTEN").unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await?;
    Ok(())
}
