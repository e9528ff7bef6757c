//! A request that can be made again and again, over any connection: a new one, or one that was made while
//! connections could still be made.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{actor::Answer, documented, raw::Raw};

/// A request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Method and path.
    request: String,
    lines: Vec<String>,
    body: String,
}

impl Ask {
    /// As in `GET /healthz`.
    pub fn new(request: &str) -> Self {
        Self { request: request.to_owned(), lines: Vec::new(), body: String::new() }
    }

    pub fn line(mut self, name: &str, value: &str) -> Self {
        self.lines.push(format!("{name}: {value}"));
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.line("Authorization", &format!("Bearer {token}"))
    }

    /// As an app with its secret.
    pub fn app(self, name: &str, secret: &str) -> Self {
        self.line("Authorization", &format!("Basic {}", STANDARD.encode(format!("{name}:{secret}"))))
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub fn form(self, body: &str) -> Self {
        self.body("application/x-www-form-urlencoded", body.to_owned())
    }

    fn body(self, kind: &str, body: String) -> Self {
        let asked = self.line("Content-Type", kind).line("Content-Length", &body.len().to_string());
        Self { body, ..asked }
    }

    /// Asks over a connection of its own.
    pub fn at(&self, url: &str) -> Answer {
        let answer = self.over(&mut Raw::connect(url));
        let (method, target) = self.request.split_once(' ').expect("a method and a path");
        let path = target.split('?').next().unwrap_or_default();
        documented::check_at(url.trim_start_matches("http://"), method, path, &answer);
        answer
    }

    /// Asks over that connection.
    pub fn over(&self, connection: &mut Raw) -> Answer {
        let lines: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        connection.head(&self.request, &lines).send(&self.body).answer()
    }
}
