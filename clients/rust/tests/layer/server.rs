//! A real Keyward, embedded, in a folder of its own. It ends with the test process, in whatever way that ends.

use std::{
    env, fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Answer, Client};

pub const PASSWORD: &str = "correct horse battery";
/// The app that follows revocations.
pub const APP: &str = "reports";
/// How long anything may take that ends by itself.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Waits on a pipe from the test process, and kills the server when that ends.
const GUARD: &str = r#"pid=$1; shift; "$@" & echo $! >"$pid"; read -r _; kill -9 $!; wait $!"#;
static GIVEN: Mutex<Vec<SocketAddr>> = Mutex::new(Vec::new());

pub struct Server {
    folder: TempDir,
    settings: Vec<(String, String)>,
    guard: Option<Child>,
    pub url: String,
    pub check: String,
    pub secret: String,
    pub client: Client,
}

/// Somebody signed in with an access token.
pub struct SignedIn {
    pub token: String,
    pub session: String,
}

impl Server {
    /// With the user `anna`, who has the role `editor`, and the confidential app; `settings` are names without
    /// `KEYWARD_`.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let [listen, management, check] = free_addresses();
        let own = [
            ("SERVER_LISTEN", listen.to_string()),
            ("SERVER_MANAGEMENT_LISTEN", management.to_string()),
            ("SERVER_CHECK_LISTEN", check.to_string()),
            ("LOG_LEVEL", "warn".to_owned()),
        ];
        let given = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let mut server = Self {
            folder: tempfile::tempdir().expect("a folder"),
            settings: own
                .into_iter()
                .chain(given)
                .map(|(name, value)| (format!("KEYWARD_{name}"), value))
                .collect(),
            guard: None,
            url: format!("http://{listen}"),
            check: format!("http://{check}/v1/check"),
            secret: String::new(),
            client: Client::new(),
        };
        server.run(&["migrate"], "");
        server.run(&["user", "add", "anna", "--role", "editor", "--password-stdin"], PASSWORD);
        let secret = server.run(&["app", "add", APP, "--confidential"], "");
        secret.trim().clone_into(&mut server.secret);
        server.begin().await;
        server
    }

    /// One of Keyward's commands, and what it prints.
    pub fn run(&self, arguments: &[&str], input: &str) -> String {
        let mut command = self.command(&binary());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("keyward runs");
        let typed = child.stdin.take().expect("a pipe").write_all(format!("{input}\n").as_bytes());
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        // A command that reads nothing may be over by then.
        drop(typed);
        String::from_utf8(output.stdout).expect("text")
    }

    /// Starts it, again where it has been killed; returns once it is ready.
    pub async fn begin(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("log")).expect("a log");
        let mut guard = self.command(Path::new("sh"));
        let _ = fs::remove_file(self.path("pid"));
        guard.args(["-c", GUARD, "guard"]).arg(self.path("pid")).arg(binary());
        guard.stdin(Stdio::piped()).stdout(log.try_clone().expect("a log")).stderr(log);
        self.guard = Some(guard.spawn().expect("sh"));
        let began = Instant::now();
        let probe = format!("{}/readyz", self.url);
        while self.client.get(&probe).await.is_none_or(|answer| answer.status != 200) {
            assert!(
                began.elapsed() < PATIENCE,
                "not ready: {}",
                fs::read_to_string(self.path("log")).expect("a log")
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills it; what it keeps stays.
    pub fn kill(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            guard.wait().expect("the guard ends");
        }
    }

    /// Has it hang, with its connections open.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = fs::read_to_string(self.path("pid")).expect("a process id");
        assert!(Command::new("kill").args([signal, pid.trim()]).status().expect("kill").success());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(env::vars_os().filter(|(name, _)| name == "PATH"));
        command.envs(self.settings.iter().map(|(name, value)| (name, value))).current_dir(self.folder.path());
        command
    }

    /// Anna, by an access token.
    pub async fn sign_in(&self) -> SignedIn {
        let tokens = self.log_in("body").await.json();
        let text = |name: &str| tokens[name].as_str().expect("a text").to_owned();
        SignedIn { token: text("access_token"), session: text("session_id") }
    }

    /// Anna, by a session cookie: what a browser sends.
    pub async fn sign_in_by_cookie(&self) -> String {
        let answer = self.log_in("session").await;
        let cookies = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().expect("text"));
        let mut pairs = cookies.filter_map(|line| line.split(';').next());
        pairs.find(|pair| pair.contains("keyward-session=")).expect("a session cookie").to_owned()
    }

    async fn log_in(&self, transport: &str) -> Answer {
        let body = json!({ "username": "anna", "password": PASSWORD, "transport": transport });
        let answer =
            self.client.post(&format!("{}/v1/login", self.url), &[], &body).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    }

    /// Something that takes the access token.
    pub async fn post(&self, path: &str, signed_in: &SignedIn, body: &Value) -> Answer {
        let bearer = format!("Bearer {}", signed_in.token);
        let answer =
            self.client.post(&format!("{}{path}", self.url), &[("authorization", &bearer)], body).await;
        answer.expect("an answer")
    }

    pub async fn sign_out(&self, signed_in: &SignedIn) {
        assert_eq!(self.post("/v1/logout", signed_in, &json!({})).await.status, 204);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// By the variable `KEYWARD`, else what cargo has built beside the tests.
fn binary() -> PathBuf {
    let built = || {
        let tests = env::current_exe().expect("this program").parent().expect("a folder").to_owned();
        tests.parent().expect("the target folder").join("keyward")
    };
    let path = env::var_os("KEYWARD").map_or_else(built, PathBuf::from);
    assert!(path.exists(), "no server at {}: build it, or say in KEYWARD where it is", path.display());
    path
}

/// On a loopback address that belongs to this process alone, so that nobody else takes a port before the server does.
pub fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    let [.., high, low] = process::id().to_be_bytes();
    [(); N].map(|()| {
        loop {
            let bound = TcpListener::bind((Ipv4Addr::new(127, 193, high, low.max(1)), 0)).expect("a port");
            let address = bound.local_addr().expect("its address");
            let mut given = GIVEN.lock().expect("no panic");
            if !given.contains(&address) {
                given.push(address);
                return address;
            }
        }
    })
}
