//! One connection: what is sent goes out byte for byte, what comes back is read as HTTP/1 has it.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::echo_report::{EchoReport, MARK};

/// The longest head or body that is read.
const LONGEST: usize = 16 * 1024 * 1024;
/// The most header lines of an answer.
const LINES: usize = 128;

trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for T {}

/// A connection, and what came on it that nobody has read.
pub struct Connection {
    link: Box<dyn ByteStream>,
    unread: Vec<u8>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct HttpAnswer {
    pub status: u16,
    pub body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl HttpAnswer {
    /// The values of a header.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of = move |(header, value): &'a (String, String)| {
            header.eq_ignore_ascii_case(name).then_some(value.as_str())
        };
        self.headers.iter().filter_map(of)
    }

    /// The value of a header, if it is there once.
    pub fn one<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether the echo app gave it.
    pub fn is_echo(&self) -> bool {
        self.all(MARK).next().is_some()
    }

    /// What the echo app tells.
    pub fn echo_report(&self) -> Option<EchoReport> {
        if self.is_echo() { serde_json::from_slice(&self.body).ok() } else { None }
    }
}

impl Connection {
    pub(super) fn new(link: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self { link: Box::new(link), unread: Vec::new() }
    }

    /// Sends a request and reads its answer, interim ones apart.
    pub(super) async fn exchange(&mut self, request: &[u8], is_head: bool) -> io::Result<HttpAnswer> {
        // Who refuses may hang up before the body is out; what it said is there all the same.
        let sent = self.send(request).await;
        match self.answer(is_head).await {
            Err(_) if sent.is_err() => Err(sent.err().unwrap_or_else(closed)),
            answer => answer,
        }
    }

    /// Sends the head, and the body once it is asked for.
    pub(super) async fn exchange_in_parts(&mut self, head: &[u8], body: &[u8]) -> io::Result<HttpAnswer> {
        self.send(head).await?;
        let interim = self.head().await?;
        if interim.status != 100 {
            return Err(io::Error::other(format!("{} before the body", interim.status)));
        }
        self.exchange(body, false).await
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.link.write_all(bytes).await?;
        self.link.flush().await
    }

    pub(super) async fn answer(&mut self, is_head: bool) -> io::Result<HttpAnswer> {
        let mut answer = loop {
            let answer = self.head().await?;
            if answer.status == 101 || answer.status >= 200 {
                break answer;
            }
        };
        let has_none = is_head || matches!(answer.status, 101 | 204 | 304);
        answer.body = if has_none {
            Vec::new()
        } else if answer.all("transfer-encoding").any(|coding| coding.eq_ignore_ascii_case("chunked")) {
            self.chunks().await?
        } else if let Some(length) = answer.all("content-length").next() {
            self.exactly(length.parse().map_err(io::Error::other)?).await?
        } else {
            self.all_that_comes().await?
        };
        Ok(answer)
    }

    async fn head(&mut self) -> io::Result<HttpAnswer> {
        loop {
            let mut lines = [httparse::EMPTY_HEADER; LINES];
            let mut head = httparse::Response::new(&mut lines);
            if let httparse::Status::Complete(end) = head.parse(&self.unread).map_err(io::Error::other)? {
                let text = |line: &httparse::Header<'_>| {
                    (line.name.to_owned(), String::from_utf8_lossy(line.value).into_owned())
                };
                let headers = head.headers.iter().map(text).collect();
                let answer = HttpAnswer { status: head.code.unwrap_or(0), body: Vec::new(), headers };
                self.unread.drain(..end);
                return Ok(answer);
            }
            self.more().await?;
        }
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = httparse::parse_chunk_size(&self.unread);
            let size = size.map_err(|_| io::Error::other("a chunk without a size"))?;
            let httparse::Status::Complete((start, size)) = size else {
                self.more().await?;
                continue;
            };
            self.unread.drain(..start);
            let size = usize::try_from(size).map_err(io::Error::other)?;
            body.extend(self.exactly(size).await?);
            self.exactly(2).await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    /// Reads that many bytes.
    pub(super) async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < length {
            self.more().await?;
        }
        Ok(self.unread.drain(..length).collect())
    }

    async fn all_that_comes(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.more().await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(std::mem::take(&mut self.unread));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.unread.len() > LONGEST {
            return Err(io::Error::other("an answer without an end"));
        }
        if self.link.read_buf(&mut self.unread).await? == 0 { Err(closed()) } else { Ok(()) }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> io::Result<HttpAnswer> {
        let (near, mut far) = tokio::io::duplex(64);
        let mut connection = Connection::new(near);
        let send = async {
            let sent = far.write_all(bytes).await;
            drop(far);
            sent
        };
        let (answer, _) = tokio::join!(connection.answer(false), send);
        answer
    }

    #[tokio::test]
    async fn a_body_ends_as_its_head_says() {
        for (text, body) in [
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", "abc"),
            ("HTTP/1.0 200 OK\r\n\r\nabcd", "abcd"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x\r\nd\r\n0\r\n\r\n",
                "abcd",
            ),
            ("HTTP/1.1 204 No Content\r\n\r\nabc", ""),
        ] {
            assert_eq!(read(text.as_bytes()).await.expect(text).body, body.as_bytes(), "{text}");
        }
        for text in
            ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "SSH-2.0\r\n\r\n"]
        {
            assert!(read(text.as_bytes()).await.is_err(), "{text}");
        }
    }
}
