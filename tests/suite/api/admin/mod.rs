//! Contract 6: the admin API, on a listener of its own.

mod apps;
mod doors;
mod million;
mod roles;
mod sessions;
mod users;

use reqwest::RequestBuilder;
use serde_json::Value;

use super::{
    actor::{Actor, Answer, send},
    install::{Install, Server},
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";

/// A server with somebody of each role, and the app `tools`, which has none yet.
struct Stage {
    install: Install,
    server: Server,
    secret: String,
}

impl Stage {
    async fn new() -> Self {
        Self::with(Install::new()).await
    }

    async fn with(install: Install) -> Self {
        let install = install.with_admin();
        for (name, role) in [("root", "admin"), ("sue", "admin.support"), ("rita", "admin.read")] {
            install.add_user(name, PASSWORD, &["--role", role]);
        }
        install.add_user("alice", PASSWORD, &["--role", "editor", "--email", "Alice@Example.com"]);
        let secret = install.good(&["app", "add", "tools", "--confidential"]).trim().to_owned();
        let server = install.start().await;
        Self { install, server, secret }
    }

    /// Signed in, and at the admin listener.
    async fn admin(&self, name: &str) -> Actor {
        self.server.client().signed_in(name, PASSWORD).await.at(&self.server.admin_url)
    }

    /// At the admin listener, by its secret.
    fn tools(&self, method: &str, path: &str) -> RequestBuilder {
        let client = self.server.client().at(&self.server.admin_url);
        client.request(method, path).basic_auth("tools", Some(&self.secret))
    }
}

/// Asks with the access token, and with a body where there is one.
async fn ask(admin: &Actor, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let request = admin.authorized(method, path);
    let answer = match body {
        Some(body) => send(request.json(body)).await,
        None => send(request).await,
    };
    assert!(!answer.text.contains("$argon2") && !answer.text.contains(PASSWORD), "{answer:?}");
    answer
}

/// The same, where it must come to 200 or 201.
async fn good(admin: &Actor, method: &str, path: &str, body: Option<&Value>) -> Value {
    let answer = ask(admin, method, path, body).await;
    assert!([200, 201].contains(&answer.status), "{method} {path}: {answer:?}");
    answer.json()
}

/// The id of a user.
async fn id_of(admin: &Actor, name: &str) -> String {
    let found = good(admin, "GET", &format!("/admin/v1/users?search={name}"), None).await;
    let users = found["users"].as_array().expect("users");
    let user = users.iter().find(|user| user["username"] == name).expect(name);
    user["id"].as_str().expect("an id").to_owned()
}
