//! Another server that keeps its sessions here: a confidential app with its secret.

use reqwest::RequestBuilder;
use serde_json::Value;

use super::{
    actor::{Actor, Answer, send},
    install::{Install, Server},
};

/// A confidential app of a running server.
pub struct AppServer {
    client: Actor,
    pub name: String,
    pub secret: String,
}

impl AppServer {
    /// Registers the app.
    pub fn register(install: &Install, server: &Server, name: &str) -> Self {
        let secret = install.good(&["app", "add", name, "--confidential"]).trim_end().to_owned();
        Self { client: server.client(), name: name.to_owned(), secret }
    }

    /// A request with the secret.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.anonymous(method, path).basic_auth(&self.name, Some(&self.secret))
    }

    /// A request without it.
    pub fn anonymous(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(method, path)
    }

    /// Asks the interface of rest-sessions; `path` is what comes after the app.
    pub async fn rest(&self, method: &str, path: &str) -> Answer {
        send(self.rest_request(method, path)).await
    }

    /// The same with a body.
    pub async fn rest_with(&self, method: &str, path: &str, body: &Value) -> Answer {
        send(self.rest_request(method, path).json(body)).await
    }

    pub fn rest_request(&self, method: &str, path: &str) -> RequestBuilder {
        self.request(method, &format!("/rest-sessions/{}/{path}", self.name))
    }
}
