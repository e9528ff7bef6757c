//! The HTTP requests, the same for Keyward and the peer.

use std::net::SocketAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{
    connection::{Answer, Connection},
    credentials::{APP, PASSWORD, USER},
};

#[derive(Clone, Default)]
pub struct Request {
    pub method: &'static str,
    pub path: &'static str,
    pub authorization: String,
    pub body: String,
}

impl Request {
    pub fn login() -> Self {
        let body = json!({ "username": USER, "password": PASSWORD }).to_string();
        Self { method: "POST", path: "/v1/login", body, ..Self::default() }
    }

    pub fn check(token: &str) -> Self {
        let authorization = format!("Bearer {token}");
        Self { method: "GET", path: "/v1/check", authorization, ..Self::default() }
    }

    pub fn refresh(token: &str) -> Self {
        let body = json!({ "refresh_token": token }).to_string();
        Self { method: "POST", path: "/v1/refresh", body, ..Self::default() }
    }

    pub fn logout(token: &str) -> Self {
        let authorization = format!("Bearer {token}");
        Self { method: "POST", path: "/v1/logout", authorization, ..Self::default() }
    }

    /// As the app whose secret it is.
    pub fn introspection(token: &str, secret: &str) -> Self {
        let authorization = format!("Basic {}", STANDARD.encode(format!("{APP}:{secret}")));
        let body = format!("token={token}");
        Self { method: "POST", path: "/oauth/introspect", authorization, body }
    }

    pub fn jwks() -> Self {
        Self { method: "GET", path: "/.well-known/jwks.json", ..Self::default() }
    }

    pub fn ask(&self, server: SocketAddr) -> Answer {
        self.ask_on(&mut Connection::open(server))
    }

    pub fn ask_on(&self, connection: &mut Connection) -> Answer {
        connection.ask(self.method, self.path, &self.authorization, &self.body)
    }
}
