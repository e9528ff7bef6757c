//! Another server that keeps its sessions here: a confidential app with its secret.

use reqwest::RequestBuilder;
use serde_json::Value;

use super::{
    actor::{Actor, Answer, send},
    install::{Install, Server},
    secrets,
};

/// A confidential app of a running server.
#[derive(Clone)]
pub struct AppServer {
    client: Actor,
    pub name: String,
    pub secret: String,
}

impl AppServer {
    pub fn register(install: &Install, server: &Server, name: &str) -> Self {
        let secret = install.good(&["app", "add", name, "--confidential"]).trim_end().to_owned();
        secrets::register(&secret);
        Self { client: server.client(), name: name.to_owned(), secret }
    }

    /// The same app at another node.
    pub fn at(&self, server: &Server) -> Self {
        Self { client: self.client.at(&server.url), ..self.clone() }
    }

    /// A request with the secret.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.anonymous(method, path).basic_auth(&self.name, Some(&self.secret))
    }

    /// A request without it.
    pub fn anonymous(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(method, path)
    }

    /// A request below `/v1/apps/{app}/sessions`.
    pub fn v1(&self, method: &str, path: &str) -> RequestBuilder {
        self.request(method, &format!("/v1/apps/{}/sessions{path}", self.name))
    }

    pub async fn create(&self, body: &Value) -> Answer {
        send(self.v1("POST", "").json(body)).await
    }

    pub async fn created(&self, body: &Value) -> Held<'_> {
        let answer = self.create(body).await;
        assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"), "{answer:?}");
        let body = answer.json();
        let text = |name: &str| body[name].as_str().expect(name).to_owned();
        Held { app: self, token: text("token"), id: text("id") }
    }

    pub async fn ask(&self, method: &str, path: &str) -> Value {
        good(&send(self.v1(method, path)).await)
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

/// A session, as its app holds it.
pub struct Held<'a> {
    pub app: &'a AppServer,
    pub token: String,
    pub id: String,
}

impl Held<'_> {
    /// The same session at another node.
    pub fn at<'b>(&self, app: &'b AppServer) -> Held<'b> {
        Held { app, token: self.token.clone(), id: self.id.clone() }
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.app.v1(method, &format!("/current{path}")).header("keyward-session", &self.token)
    }

    pub async fn get(&self) -> Answer {
        send(self.request("GET", "")).await
    }

    /// Merges data, into this version if one is given.
    pub async fn merge(&self, data: &Value, version: Option<&str>) -> Answer {
        let request = self.request("PATCH", "/data").json(data);
        send(version.into_iter().fold(request, |request, tag| request.header("if-match", tag))).await
    }
}

/// The answer of a call that went well.
#[track_caller]
pub fn good(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    answer.json()
}
