//! Contract 2.5: OAuth as its standards speak it. Each test is named after the requirement it proves.

mod browsers;
mod clients;
mod introspect;
mod metadata;
mod outage;
mod revoke;
mod token;

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{
    actor::{Actor, Answer, send},
    app_server::AppServer,
    install::{Install, PATIENCE, Server},
};

const PASSWORD: &str = "correct horse battery";
const FORM: &str = "application/x-www-form-urlencoded";

/// A server with a user, the public apps `default` and `phone`, and the confidential app `shop`.
struct Stage {
    install: Install,
    server: Server,
    shop: AppServer,
}

impl Stage {
    async fn new() -> Self {
        Self::on(Install::new()).await
    }

    async fn on(install: Install) -> Self {
        install.add_user("alice", PASSWORD, &["--role", "editor"]);
        install.good(&["app", "add", "phone"]);
        let server = install.start().await;
        let shop = AppServer::register(&install, &server, "shop");
        Self { install, server, shop }
    }

    /// The user, signed in to an app, which shows its secret if it has one.
    async fn signed_in_to(&self, app: &str) -> Actor {
        let client = self.server.client();
        let body = json!({ "username": "alice", "password": PASSWORD, "app": app });
        let login = |request: reqwest::RequestBuilder| send(request.json(&body));
        let answer = if app == self.shop.name {
            login(self.shop.request("POST", "/v1/login")).await
        } else {
            login(client.request("POST", "/v1/login")).await
        };
        client.with_tokens(&answer)
    }

    /// Sends a form with nothing else to say who asks.
    async fn form(&self, path: &str, params: &[(&str, &str)]) -> Answer {
        send(with_form(self.server.client().request("POST", path), params)).await
    }

    /// Sends a form as the confidential app, with its secret in the header.
    async fn form_of_shop(&self, path: &str, params: &[(&str, &str)]) -> Answer {
        send(with_form(self.shop.request("POST", path), params)).await
    }

    /// Trades a refresh token as a public app.
    async fn refresh_as(&self, app: &str, token: &str) -> Answer {
        let params = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", app)];
        self.form("/oauth/token", &params).await
    }

    /// Asks until a token is active, or is not: another process' news takes a moment.
    async fn comes_to_know(&self, token: &str, active: bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.introspected(token).await;
            if told["active"] == active {
                return told;
            }
            assert!(Instant::now() < deadline, "{told}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What the confidential app is told of a token.
    async fn introspected(&self, token: &str) -> Value {
        let answer = self.form_of_shop("/oauth/introspect", &[("token", token)]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.json()
    }
}

fn with_form(request: RequestBuilder, params: &[(&str, &str)]) -> RequestBuilder {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
    request.header(CONTENT_TYPE, FORM).body(body)
}

/// The answer is this error, in the form of RFC 6749 section 5.2.
#[track_caller]
fn is_error(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    let body = answer.json();
    assert_eq!(body["error"], error, "{body}");
    let description = body["error_description"].as_str().expect("a description");
    let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    assert!(!description.is_empty() && description.chars().all(allowed), "{body}");
    assert_eq!(body.as_object().expect("an object").len(), 2, "{body}");
}
