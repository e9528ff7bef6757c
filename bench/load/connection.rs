//! An HTTP/1.1 connection that stays open and asks one thing after another; as thin as it can be,
//! because it takes its time from the server it measures.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

pub struct Connection(BufReader<TcpStream>);

/// What came back.
pub struct Answer {
    /// The status line and the headers.
    pub head: String,
    pub body: Vec<u8>,
}

impl Connection {
    pub fn open(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).expect("a connection");
        stream.set_nodelay(true).expect("set");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        Self(BufReader::new(stream))
    }

    /// Asks; a body is JSON, or else a form.
    pub fn ask(&mut self, method: &str, path: &str, authorization: &str, body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        if !authorization.is_empty() {
            request.extend(["Authorization: ", authorization, "\r\n"]);
        }
        if !body.is_empty() {
            let length = body.len().to_string();
            let kind = if body.starts_with('{') { "json" } else { "x-www-form-urlencoded" };
            request.extend(["Content-Type: application/", kind, "\r\nContent-Length: ", &length, "\r\n"]);
        }
        request.extend(["\r\n", body]);
        self.0.get_mut().write_all(request.as_bytes()).expect("sent");
        self.answer()
    }

    fn answer(&mut self) -> Answer {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let line = head.len();
            self.0.read_line(&mut head).expect("an answer");
            assert!(head.len() > line, "the server hung up");
            match head[line..].trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().expect("a length");
                }
                None if head[line..].trim().is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        Answer { head, body }
    }
}
