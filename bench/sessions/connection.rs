//! An HTTP/1.1 connection that stays open and asks one thing after another; as thin as it can be,
//! because it takes its time from the server it measures.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

pub struct Connection {
    stream: BufReader<TcpStream>,
    app: String,
    authorization: String,
}

impl Connection {
    pub fn open(server: SocketAddr, app: &str, secret: &str) -> Self {
        let stream = TcpStream::connect(server).expect("a connection");
        stream.set_nodelay(true).expect("set");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        let authorization = STANDARD.encode(format!("{app}:{secret}"));
        Self { stream: BufReader::new(stream), app: app.to_owned(), authorization }
    }

    /// Asks the interface of rest-sessions; `path` is what comes after the app. Expects a 200.
    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> Value {
        let Self { app, authorization, .. } = self;
        let length = match body.len() {
            0 => String::new(),
            length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
        };
        let request = format!(
            "{method} /rest-sessions/{app}/{path} HTTP/1.1\r\n\
             Host: localhost\r\nAuthorization: Basic {authorization}\r\n{length}\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes()).expect("sent");
        let mut answer = vec![0; self.head(method)];
        self.stream.read_exact(&mut answer).expect("a body");
        serde_json::from_slice(&answer).expect("JSON")
    }

    /// Reads up to the body; returns its length.
    fn head(&mut self, method: &str) -> usize {
        let status = self.line();
        assert!(status.starts_with("HTTP/1.1 200"), "{method}: {status}");
        let mut length = 0;
        loop {
            let line = self.line();
            if line.is_empty() {
                return length;
            }
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.parse().expect("a length");
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("an answer");
        assert!(!line.is_empty(), "the server hung up");
        line.trim_end().to_owned()
    }
}
