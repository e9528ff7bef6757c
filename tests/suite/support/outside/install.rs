//! A place to run the real binary: a folder of its own, free addresses, settings by environment.

use std::{
    collections::HashSet,
    fmt::Display,
    fs::{self, File},
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::{Arc, LazyLock, Mutex, OnceLock},
    thread,
    time::{Duration, Instant},
};

use keyward::http::openapi::ApiPart;
use tempfile::TempDir;

use super::{actor::Actor, documented, secrets};

/// How long anything may take that ends by itself.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The addresses that [`free_addresses`] gave.
static GIVEN: LazyLock<Mutex<HashSet<SocketAddr>>> = LazyLock::new(Mutex::default);

/// Waits on a pipe from the test process, and kills the server when that ends, in whatever way. Its
/// arguments are a file for the process id, and the command.
pub const GUARD: &str = r#"pid=$1; shift; "$@" & echo $! >"$pid"; read -r _; kill -9 $!; wait $!"#;

/// The same for a server on a terminal of its own.
const ON_TERMINAL: &str = r#"export PID=$1; shift
    script -qfec "echo \$\$ >\$PID; exec $*" /dev/null &
    read -r _; kill -9 "$(cat "$PID")"; wait $!"#;

/// Servers log at `debug` unless a test says otherwise, so that more of it is looked at for secrets.
const LOG_LEVEL: &str = "KEYWARD_LOG_LEVEL";

/// A folder with settings, where servers and commands run.
pub struct Install {
    folder: Arc<TempDir>,
    settings: Vec<(String, String)>,
    has_database: OnceLock<()>,
    pub listen: SocketAddr,
    pub management: SocketAddr,
    pub check: SocketAddr,
    pub ext_authz: SocketAddr,
    pub admin: SocketAddr,
}

/// What a command that ended by itself said.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A server that dies with this value.
pub struct Server {
    folder: Arc<TempDir>,
    pub url: String,
    pub management_url: String,
    pub check_url: String,
    pub ext_authz_url: String,
    pub admin_url: String,
    stdout: PathBuf,
    stderr: PathBuf,
    pid: u32,
    guard: Child,
}

impl Install {
    pub fn new() -> Self {
        let [listen, management, check, ext_authz, admin] = free_addresses();
        documented::listens(listen, ApiPart::Public);
        documented::listens(admin, ApiPart::Admin);
        let install = Self {
            folder: Arc::new(tempfile::tempdir().expect("a folder")),
            settings: Vec::new(),
            has_database: OnceLock::new(),
            listen,
            management,
            check,
            ext_authz,
            admin,
        };
        install
            .with("KEYWARD_SERVER_LISTEN", listen)
            .with("KEYWARD_SERVER_MANAGEMENT_LISTEN", management)
            .with("KEYWARD_SERVER_CHECK_LISTEN", check)
            .with("KEYWARD_SERVER_EXT_AUTHZ_LISTEN", ext_authz)
    }

    /// The same folder, addresses and settings, to be given other settings.
    pub fn beside(other: &Self) -> Self {
        Self {
            folder: Arc::clone(&other.folder),
            settings: other.settings.clone(),
            has_database: OnceLock::new(),
            ..*other
        }
    }

    /// The same with the admin listener, which few tests need.
    pub fn with_admin(self) -> Self {
        let admin = self.admin;
        self.with("KEYWARD_SERVER_ADMIN_LISTEN", admin)
    }

    /// The same with a setting more.
    pub fn with(mut self, variable: &str, value: impl Display) -> Self {
        self.settings.push((variable.to_owned(), value.to_string()));
        self
    }

    /// A path in the folder, which is also where the binary runs.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with_input(arguments, "")
    }

    /// Runs a command that reads `input`.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        let outputs = tempfile::tempdir().expect("a folder");
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| outputs.path().join(name));
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_keyward")));
        command.args(arguments).stdin(Stdio::piped());
        let mut child = command.stdout(file(&stdout)).stderr(file(&stderr)).spawn().expect("keyward");
        // A command that reads nothing may have closed its end.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let status = wait_for(|| child.try_wait().expect("a child"));
        if status.is_none() {
            child.kill().expect("killed");
            panic!("keyward {arguments:?} does not end");
        }
        let (stdout, stderr) = (read(&stdout), read(&stderr));
        // What a command prints may be a secret that was asked for; what it complains of may not.
        if arguments.contains(&"--password-stdin") {
            secrets::register(input.trim_end());
        }
        secrets::assert_none_in(&stderr, &format!("keyward {arguments:?}"));
        Outcome { code: status.and_then(|status| status.code()), stdout, stderr }
    }

    /// Makes the database, which most commands want to find.
    pub fn migrate(&self) {
        self.has_database.get_or_init(|| assert_eq!(self.run(&["migrate"]).code, Some(0)));
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub fn good(&self, arguments: &[&str]) -> String {
        if let ["user" | "app" | "session", ..] = arguments {
            self.migrate();
        }
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, Some(0), "keyward {arguments:?}: {outcome:?}");
        outcome.stdout
    }

    pub fn add_user(&self, name: &str, password: &str, more: &[&str]) {
        self.migrate();
        let arguments = [&["user", "add", name, "--password-stdin"], more].concat();
        let outcome = self.run_with_input(&arguments, &format!("{password}\n"));
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }

    /// Starts the server and waits until it is ready.
    pub async fn start(&self) -> Server {
        self.start_with(&["serve"]).await
    }

    /// Starts the server with these arguments.
    pub async fn start_with(&self, arguments: &[&str]) -> Server {
        self.start_by(GUARD, arguments).await
    }

    /// Starts the server on a terminal.
    pub async fn start_on_terminal(&self) -> Server {
        self.start_by(ON_TERMINAL, &[]).await
    }

    /// Starts the server from a shell's command line, a variation of [`GUARD`].
    pub async fn start_by(&self, guard: &str, arguments: &[&str]) -> Server {
        let logs = tempfile::tempdir_in(self.folder.path()).expect("a folder").keep();
        let [pid_file, stdout, stderr] = ["pid", "stdout", "stderr"].map(|name| logs.join(name));
        let mut command = self.command(Path::new("sh"));
        if !self.says_how_much_is_logged() {
            command.env(LOG_LEVEL, "debug");
        }
        command.args(["-c", guard, "sh"]).arg(&pid_file).arg(env!("CARGO_BIN_EXE_keyward")).args(arguments);
        let guard = command.stdin(Stdio::piped()).stdout(file(&stdout)).stderr(file(&stderr)).spawn();
        let guard = guard.expect("sh");
        let pid = wait_for(|| read(&pid_file).trim().parse().ok()).expect("a process id");
        let server = Server {
            folder: Arc::clone(&self.folder),
            url: format!("http://{}", self.listen),
            management_url: format!("http://{}", self.management),
            check_url: format!("http://{}", self.check),
            ext_authz_url: format!("http://{}", self.ext_authz),
            admin_url: format!("http://{}", self.admin),
            stdout,
            stderr,
            pid,
            guard,
        };
        server.ready().await;
        server
    }

    fn says_how_much_is_logged(&self) -> bool {
        self.settings.iter().any(|(name, _)| name == LOG_LEVEL) || self.path("keyward.toml").exists()
    }

    /// A program that runs in the folder, with the settings.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder.path());
        command
    }
}

impl Server {
    async fn ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let probe = format!("{}/readyz", self.url);
        while !client.get(&probe).send().await.is_ok_and(|answer| answer.status() == 200) {
            let alive = Path::new(&format!("/proc/{}", self.pid)).exists();
            assert!(alive && Instant::now() < deadline, "not ready: {}{}", self.stdout(), self.stderr());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What it printed on standard output until now.
    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }

    /// What it printed on standard error until now.
    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// Both.
    pub fn printed(&self) -> String {
        self.stdout() + &self.stderr()
    }

    /// What the first start says on a terminal.
    pub fn welcome(&self) -> String {
        let printed = || self.stdout().replace('\r', "");
        let end = "checks the set-up.\n";
        let said = wait_for(|| Some(printed()).filter(|text| text.contains(end))).expect("a welcome");
        let start = said.find("Welcome").unwrap_or_default();
        let length = said[start..].find(end).map_or(0, |at| at + end.len());
        said[start..start + length].to_owned()
    }

    /// The curl line in it.
    pub fn curl_line(&self) -> String {
        let welcome = self.welcome();
        let line = welcome.split("\n\n").find(|part| part.trim_start().starts_with("curl "));
        line.expect("a curl line").trim().to_owned()
    }

    /// The password that the first start leaves in a file.
    pub fn admin_password(&self) -> String {
        let path = self.folder.path().join("data/first-password");
        // It is written once the listeners are bound, and the server answers a moment later.
        let password = wait_for(|| fs::read_to_string(&path).ok()).expect("a file with the password");
        secrets::register(password.trim_end());
        password.trim_end().to_owned()
    }

    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// What the system says of its process, in a file of `/proc`.
    pub fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.pid)).expect("a process that runs")
    }

    /// A path in its folder, as the process sees it where it has disks of its own.
    pub fn inside(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        Path::new("/proc")
            .join(self.pid.to_string())
            .join("root")
            .join(path.strip_prefix("/").expect("absolute"))
    }

    /// A client of the public listener.
    pub fn client(&self) -> Actor {
        Actor::new(&self.url)
    }

    /// The first user, signed in.
    pub async fn admin(&self) -> Actor {
        let admin = self.client();
        admin.signed_in("admin", &self.admin_password()).await
    }

    /// Asks it to stop.
    pub fn ask_to_stop(&self) {
        self.signal("-TERM");
    }

    /// Asks it to read its keys again.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// Has it hang, with its connections open, until [`Server::thaw`].
    pub fn freeze(&self) {
        self.signal("-STOP");
        let threads = || fs::read_dir(format!("/proc/{}/task", self.pid)).expect("its threads");
        let hangs = |path: PathBuf| fs::read_to_string(path).is_ok_and(|stat| stat.contains(") T "));
        let all_hang = || threads().all(|thread| hangs(thread.expect("a thread").path().join("stat")));
        wait_for(|| all_hang().then_some(())).expect("it hangs when told to");
    }

    /// Has it go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        // It may have stopped since; whoever asked then waits for nothing.
        Command::new("kill").args([signal, &self.pid.to_string()]).output().expect("kill");
    }

    /// Asks it to stop, and returns once it has.
    pub fn terminate(self) {
        self.ask_to_stop();
        self.stops();
    }

    /// Returns once it has stopped, which it was asked to: asked again, it waits no longer for who must hear of it.
    pub fn stops(self) {
        let process = format!("/proc/{}/stat", self.pid);
        // A process that ended stays as a zombie until the guard looks.
        let over = || !fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z "));
        wait_for(|| over().then_some(())).expect("it stops when asked to");
    }

    /// Kills it as a crash would.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
        if !thread::panicking() {
            secrets::assert_none_in(&self.stderr(), "a server");
        }
    }
}

/// Asks again and again until there is something, or the patience is over.
pub fn wait_for<T>(mut poll: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match poll() {
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            outcome => return outcome,
        }
    }
}

/// Addresses nobody listens on. They are on a loopback address that belongs to this process alone, and none is given
/// twice, so that nobody else can take one of the ports before the server does.
pub fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    let id = process::id();
    let [.., high, low] = id.to_be_bytes();
    let host = Ipv4Addr::new(127, 64 + u8::try_from(id >> 16 & 0x3f).expect("6 bits"), high, low.max(1));
    [(); N].map(|()| {
        loop {
            let bound = TcpListener::bind((host, 0)).expect("a port");
            let address = bound.local_addr().expect("its address");
            if GIVEN.lock().expect("no panic").insert(address) {
                return address;
            }
        }
    })
}

fn file(path: &Path) -> File {
    File::create(path).expect("a file")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
