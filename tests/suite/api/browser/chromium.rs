//! A real Chromium without a screen, driven through chromedriver by the `WebDriver` protocol. It starts
//! with an empty profile, and nobody else's settings reach it.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::outside::install::{GUARD, PATIENCE, wait_for};

const OPTIONS: [&str; 11] = [
    "--headless=new",
    "--remote-debugging-port=0",
    // Root has no sandbox, and a container little shared memory.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--no-proxy-server",
    // The tests' own authority is known to no browser.
    "--ignore-certificate-errors",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser that dies with this value, or with the test process.
pub struct Chromium {
    http: Client,
    session: String,
    // Dropped in this order, so that nobody writes to a folder that is being removed.
    _driver: Guarded,
    _browser: Guarded,
    _folder: TempDir,
}

/// One of its tabs.
pub struct Tab<'a> {
    chromium: &'a Chromium,
    handle: String,
}

impl Chromium {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Each under a guard of its own: a browser that the driver starts outlives a killed driver.
        let profile = folder.path().join("profile");
        let own_profile = format!("--user-data-dir={}", profile.display());
        let browser = Guarded::start("chromium", &[&OPTIONS[..], &[&own_profile]].concat(), folder.path());
        let devtools = browser.port(&profile.join("DevToolsActivePort"), "", "\n");
        let driver = Guarded::start("chromedriver", &["--port=0"], folder.path());
        let port = driver.port(&folder.path().join("chromedriver"), "started successfully on port ", ".");

        let http = Client::builder().no_proxy().build().expect("a client");
        let mut chromium = Self {
            http,
            session: format!("http://127.0.0.1:{port}/session"),
            _driver: driver,
            _browser: browser,
            _folder: folder,
        };
        let options = json!({ "debuggerAddress": format!("127.0.0.1:{devtools}") });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let begun = chromium.command(Method::POST, "", wanted).await;
        chromium.session = format!("{}/{}", chromium.session, begun["sessionId"].as_str().expect("an id"));
        chromium
    }

    /// A new tab, at this page.
    pub async fn open(&self, url: &str) -> Tab<'_> {
        let window = self.command(Method::POST, "/window/new", json!({ "type": "tab" })).await;
        let handle = window["handle"].as_str().expect("a handle").to_owned();
        let tab = Tab { chromium: self, handle };
        tab.visit(url).await;
        tab
    }

    async fn command(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self.http.request(method.clone(), format!("{}{path}", self.session));
        let request = if method == Method::POST { request.json(&body) } else { request };
        let answer = request.timeout(2 * PATIENCE).send().await.expect("chromedriver answers");
        let succeeded = answer.status() == 200;
        let mut answer: Value = answer.json().await.expect("JSON");
        assert!(succeeded, "{path} {body}: {answer}");
        answer["value"].take()
    }
}

impl Tab<'_> {
    /// Goes there as if the address had been typed in.
    pub async fn visit(&self, url: &str) {
        self.command("/url", json!({ "url": url })).await;
    }

    pub async fn reload(&self) {
        self.command("/refresh", json!({})).await;
    }

    /// What an expression of the page comes to; a promise, once it is kept.
    pub async fn eval(&self, expression: &str) -> Value {
        self.run(&format!("return {expression}")).await
    }

    /// Runs statements in the page.
    pub async fn run(&self, script: &str) -> Value {
        self.command("/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Waits until an expression of the page comes to this.
    pub async fn becomes(&self, expression: &str, expected: impl Into<Value>) {
        let (deadline, expected) = (Instant::now() + PATIENCE, expected.into());
        loop {
            let found = self.eval(expression).await;
            if found == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{expression} stays {found}, and never is {expected}");
        }
    }

    /// Waits until the tab has come to this address by itself.
    pub async fn arrives_at(&self, url: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.read("/url").await != url {
            assert!(Instant::now() < deadline, "never at {url}");
        }
    }

    /// All cookies of the page's host, also those that no script can read.
    pub async fn cookies(&self) -> Vec<Value> {
        self.read("/cookie").await.as_array().expect("an array").clone()
    }

    /// What the `WebDriver` commands for virtual authenticators come to, below that path (`WebAuthn` Level 3,
    /// section 11).
    pub async fn authenticator(&self, method: Method, path: &str, body: Value) -> Value {
        self.select().await;
        self.chromium.command(method, &format!("/webauthn/authenticator{path}"), body).await
    }

    async fn command(&self, path: &str, body: Value) -> Value {
        self.select().await;
        self.chromium.command(Method::POST, path, body).await
    }

    async fn read(&self, path: &str) -> Value {
        self.select().await;
        self.chromium.command(Method::GET, path, Value::Null).await
    }

    async fn select(&self) {
        self.chromium.command(Method::POST, "/window", json!({ "handle": self.handle })).await;
    }
}

/// A process under the guard, which writes what it says to a file of its own name.
pub struct Guarded {
    name: &'static str,
    guard: Child,
}

impl Guarded {
    pub fn start(name: &'static str, arguments: &[&str], folder: &Path) -> Self {
        let found = Command::new(name).arg("--version").output();
        assert!(
            found.is_ok(),
            "{name} is missing: tests/run installs it (Debian: chromium, chromium-driver, nodejs, nginx, caddy)"
        );
        let log = File::create(folder.join(name)).expect("a file");
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "sh"]).arg(folder.join(format!("{name}.pid"))).arg(name).args(arguments);
        command.env_clear().envs(std::env::vars_os().filter(|(name, _)| name == "PATH")).env("HOME", folder);
        command.stdin(Stdio::piped()).stdout(log.try_clone().expect("a file")).stderr(log);
        Self { name, guard: command.spawn().expect("sh") }
    }

    /// The port that it writes to a file, between these texts.
    pub fn port(&self, file: &Path, before: &str, after: &str) -> u16 {
        let port = wait_for(|| {
            let text = fs::read_to_string(file).ok()?;
            text.split_once(before)?.1.split_once(after)?.0.parse().ok()
        });
        port.unwrap_or_else(|| panic!("{} does not say its port in {}", self.name, file.display()))
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
