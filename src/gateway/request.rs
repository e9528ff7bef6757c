//! A request, byte for byte as it goes out: nothing is checked, corrected or put in order.

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: &'static str,
    /// The path and query, below the path of the gateway's address.
    pub target: String,
    /// The body as the app should get it.
    pub body: Vec<u8>,
    version: &'static str,
    lines: Vec<String>,
    is_chunked: bool,
    keeps_alive: bool,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            body: Vec::new(),
            version: "HTTP/1.1",
            lines: Vec::new(),
            is_chunked: false,
            keeps_alive: false,
        }
    }

    /// With a header line more, as it stands.
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.line(format!("Authorization: Bearer {token}"))
    }

    /// With a body of a length that is said.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len();
        self.line(format!("Content-Length: {length}"))
    }

    /// With a body of a length that is not said.
    pub fn chunked(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.is_chunked = true;
        self.line("Transfer-Encoding: chunked")
    }

    /// As an old client asks.
    pub fn http_1_0(mut self) -> Self {
        self.version = "HTTP/1.0";
        self
    }

    /// The connection is used again after it.
    pub fn keep_alive(mut self) -> Self {
        self.keeps_alive = true;
        self
    }

    /// Recognisable when the app tells of it.
    pub fn marked(mut self, probe: &str) -> Self {
        let before = if self.target.contains('?') { '&' } else { '?' };
        self.target = format!("{}{before}probe={probe}", self.target);
        self
    }

    pub fn bytes(&self, authority: &str, base: &str) -> Vec<u8> {
        // A target that is not a path stands as it is: `*`, or a whole address.
        let base = if self.target.starts_with('/') { base } else { "" };
        let mut head =
            format!("{} {base}{} {}\r\nHost: {authority}\r\n", self.method, self.target, self.version);
        let says = |name: &str| self.lines.iter().any(|line| line.to_ascii_lowercase().starts_with(name));
        if !self.keeps_alive && !says("connection:") {
            head.push_str("Connection: close\r\n");
        }
        for line in &self.lines {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if self.is_chunked {
            for chunk in self.body.chunks(60_000) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend(&self.body);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_out_as_it_was_put() {
        let request = Request::new("POST", "/a?b").line("X_Odd : 1").chunked(b"abc".to_vec()).marked("7");
        let bytes = String::from_utf8(request.bytes("host:1", "/base")).expect("ASCII");
        let head = "POST /base/a?b&probe=7 HTTP/1.1\r\nHost: host:1\r\nConnection: close\r\nX_Odd : 1\r\n";
        assert_eq!(bytes, format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
    }
}
