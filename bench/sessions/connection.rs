//! An HTTP/1.1 connection that stays open and asks one thing after another; as thin as it can be,
//! because it takes its time from the server it measures.

use std::{fmt::Write, net::SocketAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub struct Connection {
    stream: TcpStream,
    app: String,
    authorization: String,
    request: String,
    answer: Vec<u8>,
}

impl Connection {
    pub async fn open(server: SocketAddr, app: &str, secret: &str) -> Self {
        let stream = TcpStream::connect(server).await.expect("a connection");
        stream.set_nodelay(true).expect("set");
        let authorization = STANDARD.encode(format!("{app}:{secret}"));
        Self { stream, app: app.to_owned(), authorization, request: String::new(), answer: Vec::new() }
    }

    /// Asks the interface of rest-sessions; `path` is what comes after the app. Expects a 200.
    pub async fn ask<T: DeserializeOwned>(&mut self, method: &str, path: &str, body: &str) -> T {
        self.put_together(method, path, body);
        self.stream.write_all(self.request.as_bytes()).await.expect("sent");
        self.answer.clear();
        loop {
            let count = self.stream.read_buf(&mut self.answer).await.expect("an answer");
            assert!(count > 0, "the server hung up");
            if let Some(body) = whole_body(&self.answer) {
                return serde_json::from_slice(body).expect("JSON");
            }
        }
    }

    fn put_together(&mut self, method: &str, path: &str, body: &str) {
        let Self { app, authorization, request, .. } = self;
        request.clear();
        let head = format_args!(
            "{method} /rest-sessions/{app}/{path} HTTP/1.1\r\n\
             Host: localhost\r\nAuthorization: Basic {authorization}\r\n"
        );
        request.write_fmt(head).expect("written");
        if !body.is_empty() {
            let length = body.len();
            write!(request, "Content-Type: application/json\r\nContent-Length: {length}\r\n")
                .expect("written");
        }
        request.push_str("\r\n");
        request.push_str(body);
    }
}

/// The body of an answer that is a 200 and has come to its end.
fn whole_body(answer: &[u8]) -> Option<&[u8]> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end]).expect("text");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    answer.get(end..end + length.parse::<usize>().expect("a number"))
}
