//! Schemathesis reads the document of each listener, asks whatever it says may be asked and much that it says may not,
//! and finds no failure of the server and no answer that is not in the document.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::support::outside::{
    actor::send,
    install::{Install, Server},
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";

/// What is asked is the same each time, and bounded.
const COMMON: &str = r#"
continue-on-failure = true
max-failures = 20
max-stream-events = 3
request-timeout = 60
suppress-health-check = ["all"]
warnings = false

[generation]
database = "none"
deterministic = true
max-examples = 10
no-shrink = true
# A credential that was made up says nothing of what is behind it.
with-security-parameters = false

[checks]
enabled = false
not_a_server_error.enabled = true
status_code_conformance.enabled = true
content_type_conformance.enabled = true
response_headers_conformance.enabled = true
response_schema_conformance.enabled = true
unsupported_method.enabled = true

[phases]
examples.enabled = false

[phases.coverage]
unexpected-methods = ["DELETE", "GET", "PATCH", "POST", "PUT"]

[parameters]
"path.app" = "shop"

[auth.openapi.appSecret]
username = "shop"
password = "${APP_SECRET}"
"#;

/// Whoever signs out signs in again. A check answers alike whatever the method.
const PUBLIC: &str = r#"
[auth.dynamic.openapi.accessToken]
path = "/v1/login"
payload = { username = "anna", password = "seven words make a fine passphrase indeed" }
extract_selector = "/access_token"
retry_on = [401]

[[operations]]
include-path-regex = "^/v1/check"
checks = { unsupported_method = { enabled = false } }
"#;

/// The app that asks keeps its own secret and role.
const ADMIN: &str = r#"
[[operations]]
include-path-regex = "^/admin/v1/apps/.name"
parameters = { "path.name" = "other" }
"#;

/// An installation with a user, and an app that may do everything.
struct Stage {
    install: Install,
    server: Server,
    secret: String,
}

impl Stage {
    async fn new() -> Self {
        let many = 1_000_000;
        let install = Install::new()
            .with_admin()
            .with("KEYWARD_ACCOUNTS_SIGNUP", "open")
            .with("KEYWARD_RATE_LIMIT_LOGIN_FAILURES", many)
            .with("KEYWARD_RATE_LIMIT_SIGNUPS", many)
            .with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", many);
        install.add_user("root", PASSWORD, &["--role", "admin"]);
        install.add_user("anna", PASSWORD, &[]);
        install.good(&["app", "add", "other", "--confidential"]);
        let app: Value =
            serde_json::from_str(&install.good(&["app", "add", "shop", "--confidential", "--json"]))
                .expect("an app");
        install.good(&["app", "update", "shop", "--role", "admin"]);
        let server = install.start().await;
        Self { install, server, secret: app["secret"].as_str().expect("a secret").to_owned() }
    }

    /// Has the listener at `url` asked all that its document says.
    async fn explore(&self, url: &str, more: &str) {
        let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python");
        assert!(packages.join("installed").exists(), "tests/run installs the packages");
        let config = self.install.path("schemathesis.toml");
        fs::write(&config, [COMMON, more].concat()).expect("written");
        let document = format!("{url}/openapi.json");
        let mut command = Command::new("python3");
        command
            .args(["-m", "schemathesis.cli", "--config-file"])
            .arg(&config)
            .args(["run", &document, "--url", url]);
        command.current_dir(self.install.path("")).env("PYTHONPATH", packages).env("NO_PROXY", "*");
        command.env("APP_SECRET", &self.secret).env("NO_COLOR", "1").stdin(Stdio::null());
        let run = tokio::task::spawn_blocking(move || command.output());
        let output = run.await.expect("no panic").expect("schemathesis");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        let all =
            operations(&send(self.server.client().at(url).request("GET", "/openapi.json")).await.json());
        // It does not ask for the document once more.
        assert!(said.contains(&format!("Tested: {}\n", all - 1)), "all {all} operations: {said}");
    }
}

fn operations(document: &Value) -> usize {
    let paths = document["paths"].as_object().expect("paths").values();
    paths.map(|item| item.as_object().expect("an item").len()).sum()
}

#[tokio::test]
async fn whatever_the_public_listener_is_asked_it_answers_as_its_document_says() {
    let stage = Stage::new().await;
    stage.explore(&stage.server.url, PUBLIC).await;
}

#[tokio::test]
async fn whatever_the_admin_listener_is_asked_it_answers_as_its_document_says() {
    let stage = Stage::new().await;
    stage.explore(&stage.server.admin_url, ADMIN).await;
}
