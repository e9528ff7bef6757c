//! A gateway that runs: nginx, Caddy, Envoy, HAProxy or Traefik, in a folder of its own, on a free address.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rstest_reuse::template;

use crate::support::outside::{
    install::{GUARD, Install, free_addresses, wait_for},
    raw::Raw,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Caddy,
    EnvoyGrpc,
    EnvoyHttp,
    Haproxy,
    Nginx,
    Traefik,
}

/// For what holds of every gateway: `#[apply(every_gateway)]`, with `kind: Kind`.
#[template]
#[rstest::rstest]
fn every_gateway(
    #[values(Kind::Caddy, Kind::EnvoyGrpc, Kind::EnvoyHttp, Kind::Haproxy, Kind::Nginx, Kind::Traefik)]
    kind: Kind,
) {
}

/// What nginx needs around a file of its `http` context to run as anybody, in one process that can be
/// killed.
pub const NGINX: &str = "daemon off; master_process off; pid nginx.pid; error_log stderr; events {} \
    http { access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; \
    uwsgi_temp_path uwsgi; scgi_temp_path scgi; ";

const ENVOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python/envoy/_bin/envoy");
/// Without what several of them would share.
const ENVOY_OPTIONS: &str = "--disable-hot-restart --concurrency 1 --log-level warn";

impl Kind {
    pub const ALL: [Self; 6] =
        [Self::Caddy, Self::EnvoyGrpc, Self::EnvoyHttp, Self::Haproxy, Self::Nginx, Self::Traefik];

    /// The name that `keyward gateway init` knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caddy => "caddy",
            Self::EnvoyGrpc => "envoy-grpc",
            Self::EnvoyHttp => "envoy-http",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
            Self::Traefik => "traefik",
        }
    }

    /// The command that runs it in the folder of its configuration.
    fn command(self, folder: &Path) -> Vec<String> {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        match self {
            Self::Caddy => words("caddy run --adapter caddyfile --config main.Caddyfile"),
            Self::EnvoyGrpc | Self::EnvoyHttp => [
                vec![ENVOY.to_owned(), "-c".to_owned(), format!("{}.yaml", self.name())],
                words(ENVOY_OPTIONS),
            ]
            .concat(),
            Self::Haproxy => words("haproxy -db -f haproxy.cfg"),
            Self::Nginx => [words("nginx -c main.conf -p"), vec![folder.display().to_string()]].concat(),
            Self::Traefik => {
                let traefik = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/traefik");
                [vec![traefik.display().to_string()], words("--configFile=traefik.yaml")].concat()
            }
        }
    }

    /// What is no part of our configuration, and needed to run it here.
    fn surround(self, folder: &Path) {
        let ours = |name: &str| fs::read_to_string(folder.join(name)).expect(name);
        match self {
            Self::Caddy => {
                let text = format!("{{\n\tadmin off\n}}\n{}", ours("caddy.Caddyfile"));
                fs::write(folder.join("main.Caddyfile"), text).expect("written");
            }
            Self::Nginx => {
                let text = format!("{NGINX}{}\n}}\n", ours("nginx.conf"));
                fs::write(folder.join("main.conf"), text).expect("written");
            }
            Self::Haproxy => {
                // Such names are one for the whole machine.
                let own = folder.file_name().expect("a name").display();
                let text = ours("haproxy.cfg").replace("abns@keyward-check", &format!("abns@{own}"));
                fs::write(folder.join("haproxy.cfg"), text).expect("written");
            }
            Self::EnvoyGrpc | Self::EnvoyHttp | Self::Traefik => {}
        }
    }
}

/// A gateway that dies with this value.
pub struct Gateway {
    pub url: String,
    folder: PathBuf,
    guard: Child,
}

impl Gateway {
    /// In front of the app, with our configuration and perhaps a change to it: what stands there in a
    /// file, and what in its place.
    pub fn start(install: &Install, kind: Kind, app: SocketAddr, changes: &[(&str, &str)]) -> Self {
        Self::start_edited(install, kind, app, |folder| {
            for (from, to) in changes {
                change(folder, from, to);
            }
        })
    }

    /// The same with what somebody else makes of the files.
    pub fn start_edited(install: &Install, kind: Kind, app: SocketAddr, edit: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir_in(install.path("")).expect("a folder").keep();
        let [listen] = free_addresses();
        let (into, app, at) = (folder.display().to_string(), app.to_string(), listen.to_string());
        install.good(&["gateway", "init", kind.name(), "--app", &app, "--listen", &at, "--into", &into]);
        edit(&folder);
        kind.surround(&folder);
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "sh", "pid"]).args(kind.command(&folder)).current_dir(&folder);
        guard.env("HOME", &folder).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
        let log = fs::File::create(folder.join("log")).expect("a file");
        guard.stdin(Stdio::piped()).stdout(log.try_clone().expect("a file")).stderr(log);
        let gateway = Self { url: format!("http://{listen}"), guard: guard.spawn().expect("sh"), folder };
        wait_for(|| gateway.is_ready(kind)).unwrap_or_else(|| panic!("{kind:?}: {}", gateway.log()));
        gateway
    }

    /// Traefik listens before it has read its routes.
    fn is_ready(&self, kind: Kind) -> Option<()> {
        TcpStream::connect(self.url.trim_start_matches("http://")).ok()?;
        if kind != Kind::Traefik {
            return Some(());
        }
        let answer = Raw::connect(&self.url).head("GET /", &["Connection: close"]).answer_or_end();
        answer.filter(|answer| answer.status != 404).map(drop)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Changes the one file that has the text.
fn change(folder: &Path, from: &str, to: &str) {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let texts = files.map(|path| (fs::read_to_string(&path).expect("UTF-8"), path));
    let with: Vec<_> = texts.filter(|(text, _)| text.contains(from)).collect();
    assert_eq!(with.len(), 1, "{from:?} must be in one file");
    for (text, path) in with {
        fs::write(path, text.replace(from, to)).expect("written");
    }
}
