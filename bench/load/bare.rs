//! What every row over HTTP is compared with: an axum handler that does no work, in a process of its own.
//! It answers anything with the very bytes that Keyward was seen to answer.

use std::{env, net::SocketAddr};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode},
    serve::ListenerExt,
};

use super::{
    common::guard::{Guard, free_address},
    connection::Answer,
    target::Target,
};

/// The argument that makes this program such a server.
pub const COMMAND: &str = "bare";
/// What the HTTP library writes by itself.
const ITS_OWN: [&str; 3] = ["date", "content-length", "connection"];

pub struct Bare {
    guard: Guard,
    address: SocketAddr,
    _home: tempfile::TempDir,
}

impl Bare {
    pub fn start(answer: &Answer) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let program = env::current_exe().expect("a path");
        let body = String::from_utf8_lossy(&answer.body);
        let words = [program.to_str().expect("UTF-8"), COMMAND, &address.to_string(), &answer.head, &body];
        let guard = Guard::start(home.path(), &words, &[], address);
        Self { guard, address, _home: home }
    }

    pub fn target(&self) -> Target {
        Target { address: self.address, server: self.guard.id, redis: None }
    }
}

/// Serves until it is killed.
pub fn serve(words: Vec<String>) {
    let [address, head, body] = words.try_into().expect("address, head and body");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await.expect("bound");
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("set"));
        // For ever, so that no answer counts who uses them.
        let (head, body): (&'static str, &'static str) = (head.leak(), body.leak());
        let (status, headers) = parse(head);
        let answer = async move || {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            response.headers_mut().clone_from(&headers);
            response
        };
        axum::serve(listener, Router::new().fallback(answer)).await.expect("served");
    });
}

fn parse(head: &'static str) -> (StatusCode, HeaderMap) {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
    let headers = lines.filter_map(|line| line.split_once(": ")).filter(|(name, _)| !ITS_OWN.contains(name));
    let headers = headers.map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        (name, HeaderValue::from_static(value))
    });
    (status.parse().expect("a status"), headers.collect())
}
