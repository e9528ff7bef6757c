//! The files of docs/browser.md, each under its name, at free addresses: Keyward, an API, a gateway that
//! serves the pages.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::page::Page;
use crate::{
    api::browser::chromium::{Chromium, Guarded},
    pages::examples,
    support::{
        outside::install::{Install, Server, wait_for},
        servers::redis::free_port,
    },
};

pub const USER: &str = "anna";
pub const PASSWORD: &str = "correct horse battery";

/// What the page's app signs in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Session,
    Cookie,
}

/// What stands before it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gateway {
    Nginx,
    Caddy,
}

/// What nginx needs around a file of its `http` context to run as anybody, in one process that can be
/// killed.
const NGINX: &str = "daemon off; master_process off; pid nginx.pid; error_log stderr; events {} \
    http { access_log off; types { text/html html; text/javascript js; } client_body_temp_path body; \
    proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi; ";

/// The files in a folder, before anything runs.
pub struct Files {
    pub install: Install,
    pub api: SocketAddr,
    /// The origin that stands in the browser's address bar.
    pub origin: String,
    pub gateway: SocketAddr,
    pub vite: SocketAddr,
    folder: TempDir,
}

/// All of it running, and a browser.
pub struct Site {
    pub files: Files,
    pub server: Server,
    pub chromium: Chromium,
    running: Vec<Guarded>,
}

impl Files {
    pub fn of(transport: Transport) -> Self {
        let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/node");
        let local = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        // As on the page, all is at one host: its ports are one site.
        let mut install = Install::new();
        install.listen = local();
        let listen = install.listen;
        let install = install.with("KEYWARD_SERVER_LISTEN", listen);
        let [api, gateway, vite] = [local(), local(), local()];
        let origin = format!("http://localhost:{}", gateway.port());
        let folder = tempfile::tempdir_in(below).expect("tests/run installs the packages of tests/node");
        let files = Self { install, api, origin, gateway, vite, folder };
        files.write(transport);
        files
    }

    fn write(&self, transport: Transport) {
        let places = [
            ("127.0.0.1:8080", self.install.listen.to_string()),
            ("127.0.0.1:8082", self.install.check.to_string()),
            ("8000", self.gateway.port().to_string()),
            ("3000", self.api.port().to_string()),
            ("5173", self.vite.port().to_string()),
            ("/srv/app", self.folder.path().display().to_string()),
        ];
        // By way of a mark for each: a port such as 30001 has another's digits in it.
        let mark = |at: usize| format!("\0{at}\0");
        let place = |text: &str| {
            let places = || places.iter().enumerate();
            let marked =
                places().fold(text.to_owned(), |text, (at, (from, _))| text.replace(from, &mark(at)));
            places().fold(marked, |text, (at, (_, to))| text.replace(&mark(at), to))
        };
        let page = examples::page("browser.md");
        for language in ["html", "js", "toml", "nginx", "caddy"] {
            for block in examples::blocks(&page, language) {
                let path = self.path(examples::name_of(&block));
                // There is one `keyward.js` for each transport, in this order.
                if transport == Transport::Cookie || !path.exists() {
                    fs::write(path, place(&block)).expect("written");
                }
            }
        }
        fs::copy(self.path("keyward.toml"), self.install.path("keyward.toml")).expect("settings");
    }

    /// Keyward is reached by another address than the pages.
    pub fn with_public_url(self, url: &str) -> Self {
        let install = Install::beside(&self.install).with("KEYWARD_SERVER_PUBLIC_URL", url);
        Self { install, ..self }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes something else in the place of a text of a file.
    pub fn change(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).expect("the file");
        assert_eq!(text.matches(from).count(), 1, "{from} in {name}");
        fs::write(self.path(name), text.replace(from, to)).expect("written");
    }

    /// Runs a program that listens there, with this file or folder as its last argument.
    pub fn start(&self, name: &'static str, arguments: &[&str], last: &str, listens: SocketAddr) -> Guarded {
        let logs = tempfile::tempdir_in(self.folder.path()).expect("a folder").keep();
        let last = self.path(last).display().to_string();
        let running = Guarded::start(name, &[arguments, &[&last]].concat(), &logs);
        let log = || fs::read_to_string(logs.join(name)).unwrap_or_default();
        let connects = wait_for(|| TcpStream::connect(listens).ok());
        connects.unwrap_or_else(|| panic!("{name} does not listen: {}", log()));
        running
    }

    pub fn start_gateway(&self, gateway: Gateway) -> Guarded {
        match gateway {
            Gateway::Nginx => {
                let ours = fs::read_to_string(self.path("app.conf")).expect("the file");
                fs::write(self.path("main.conf"), format!("{NGINX}{ours}}}\n")).expect("written");
                let prefix = self.folder.path().display().to_string();
                self.start("nginx", &["-p", &prefix, "-c"], "main.conf", self.gateway)
            }
            Gateway::Caddy => {
                // Without what several of them would share.
                let ours = fs::read_to_string(self.path("Caddyfile")).expect("the file");
                fs::write(self.path("Caddyfile"), format!("{{\n\tadmin off\n}}\n{ours}")).expect("written");
                let run = ["run", "--adapter", "caddyfile", "--config"];
                self.start("caddy", &run, "Caddyfile", self.gateway)
            }
        }
    }

    /// Starts all, with a user and the app `web`.
    pub async fn up(self, gateway: Gateway, origins: &[&str]) -> Site {
        self.install.add_user(USER, PASSWORD, &[]);
        let origins = origins.iter().flat_map(|&origin| ["--origin", origin]);
        self.install.good(&["app", "add", "web"].into_iter().chain(origins).collect::<Vec<_>>());
        let server = self.install.start().await;
        let running = vec![self.start("node", &[], "api.mjs", self.api), self.start_gateway(gateway)];
        Site { chromium: Chromium::start().await, files: self, server, running }
    }
}

impl Site {
    /// A tab with the page of this address.
    pub async fn open(&self, url: &str) -> Page<'_> {
        Page(self.chromium.open(url).await)
    }

    /// The dev server in front of the same pages.
    pub fn start_vite(&mut self) {
        let vite = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/node/node_modules/vite/bin/vite.js");
        let arguments = [&vite.display().to_string(), "--host", "127.0.0.1"];
        self.running.push(self.files.start("node", &arguments, "", self.files.vite));
    }

    /// How many refreshes were granted.
    pub async fn refreshes(&self) -> u64 {
        let metrics = self.server.client().at(&self.server.management_url).get("/metrics").await.text;
        let wanted =
            |line: &&str| line.contains(r#"route="/v1/refresh""#) && line.contains(r#"status="200""#);
        let line = metrics.lines().find(wanted).and_then(|line| line.split(' ').nth(1)?.parse().ok());
        line.unwrap_or_default()
    }
}
