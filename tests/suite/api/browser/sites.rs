//! What a browser visits beside the server: the page, served from any origin, and a gate where
//! requests gather.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Router,
    extract::Request,
    http::header::HOST,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, sync::Barrier};

/// Serves the page at a free port of that address, as long as the test's runtime lives.
pub async fn page(host: IpAddr) -> u16 {
    serve(host, Router::new().route("/", get(|| async { Html(include_str!("page.html")) }))).await
}

/// Passes requests on to the server, but none before so many of them wait here: each has left the
/// browser before any has its answer.
pub async fn gate(host: IpAddr, server: &str, parties: usize) -> u16 {
    let (barrier, server) = (Arc::new(Barrier::new(parties)), server.to_owned());
    let pass = async move |request: Request| {
        barrier.wait().await;
        pass_on(request, &server).await
    };
    serve(host, Router::new().fallback(pass)).await
}

/// Without a body: none of the requests that gather has one.
async fn pass_on(request: Request, server: &str) -> Response {
    let (mut parts, _) = request.into_parts();
    parts.headers.remove(HOST);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let passed = client.request(parts.method, format!("{server}{}", parts.uri)).headers(parts.headers);
    let answer = passed.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.expect("a body")).into_response()
}

async fn serve(host: IpAddr, routes: Router) -> u16 {
    let listener = TcpListener::bind((host, 0)).await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async { axum::serve(listener, routes).await.expect("served") });
    port
}
