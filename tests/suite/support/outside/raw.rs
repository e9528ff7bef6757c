//! Requests that no well-behaved client sends, byte by byte.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::actor::Answer;

/// One connection. An answer that does not come within its patience is a failure.
pub struct Raw(BufReader<TcpStream>);

impl Raw {
    pub fn connect(url: &str) -> Self {
        let stream = TcpStream::connect(url.trim_start_matches("http://")).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        Self(BufReader::new(stream))
    }

    /// Sends some bytes of a request.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.0.get_mut().write_all(bytes.as_ref()).expect("sent");
        self
    }

    /// Sends a request's head; `lines` are what comes after the request line and `Host`.
    pub fn head(&mut self, request: &str, lines: &[&str]) -> &mut Self {
        let first = format!("{request} HTTP/1.1");
        let all = [&[first.as_str(), "Host: localhost"], lines, &["", ""]].concat();
        self.send(all.join("\r\n"))
    }

    /// Reads one answer, an interim one (1xx) too.
    pub fn answer(&mut self) -> Answer {
        self.answer_or_end().expect("an answer")
    }

    /// Reads one answer; `None` where the server hung up instead.
    pub fn answer_or_end(&mut self) -> Option<Answer> {
        let line = self.line();
        if line.is_empty() {
            return None;
        }
        let status = line.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status");
        let mut headers = HeaderMap::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else { break };
            let name = HeaderName::try_from(name).expect("a header name");
            headers.append(name, HeaderValue::try_from(value.trim()).expect("a header value"));
        }
        let length = headers.get("content-length").map_or("0", |value| value.to_str().expect("ASCII"));
        let mut body = vec![0; length.parse().expect("a length")];
        self.0.read_exact(&mut body).expect("a body");
        Some(Answer { status, headers, text: String::from_utf8(body).expect("UTF-8") })
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer in time");
        line.trim_end().to_owned()
    }
}
