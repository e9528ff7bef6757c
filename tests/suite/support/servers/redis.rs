//! Real Redis: single servers with any options, shared or of a test's own, which it may kill, stop or
//! fill up.
//!
//! A server runs under a shell that waits on a pipe from this process: when the process ends, in
//! whatever way, the shell kills the server and removes its folder.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    ops::Range,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use redis::FromRedisValue;

use super::hung::Hung;

const GUARD: &str = r#"
    folder=$1; shift
    "$@" & server=$!
    read -r farewell
    kill -9 $server; wait $server
    [ "$farewell" = keep ] || rm -rf "$folder"
"#;

/// A `redis-server` that dies with this value.
pub struct Server {
    folder: PathBuf,
    port: u16,
    options: Vec<String>,
    guard: Option<Child>,
}

/// The option that asks for a password.
const PASSWORD: &str = "--requirepass";
/// The option that has users read from a file, and the user that the tests put there for themselves.
const USERS: &str = "--aclfile";
const OPERATOR: &str = "user operator on nopass ~* &* +@all\n";

/// The server that all tests of this process share, each under a prefix of its own.
pub fn shared() -> &'static Server {
    static SHARED: LazyLock<Server> = LazyLock::new(|| Server::start(&[]));
    &SHARED
}

/// Ports of servers: below those that the system gives to connections, one of which would be there first now and then,
/// and above the last that browsers refuse, 10080.
const PORTS: Range<u32> = 11_000..32_000;

/// A port nobody listens on just now, and that this process was not given before.
pub fn free_port() -> u16 {
    static GIVEN: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(process::id().wrapping_mul(997)));
    loop {
        let port = PORTS.start + GIVEN.fetch_add(1, Ordering::Relaxed) % (PORTS.end - PORTS.start);
        let port = u16::try_from(port).expect("a port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn folder() -> PathBuf {
    tempfile::Builder::new().prefix("keyward-redis-").tempdir().expect("a folder").keep()
}

impl Server {
    /// A server with more options, such as `["--maxmemory", "3mb"]`.
    pub fn start(options: &[&str]) -> Self {
        Self::start_with(options.iter().map(|&option| option.to_owned()).collect())
    }

    /// A sentinel, with the lines of its configuration.
    pub fn start_sentinel(lines: &str) -> Self {
        let port = free_port();
        let folder = folder();
        let file = folder.join("sentinel.conf");
        fs::write(&file, format!("port {port}\nbind 127.0.0.1\n{lines}\n")).expect("written");
        let options = vec![file.display().to_string(), "--sentinel".to_owned()];
        let mut server = Self { folder, port, options, guard: None };
        server.run();
        assert!(server.is_ready(), "a sentinel does not start");
        server
    }

    /// A server with the users of an ACL file.
    pub fn start_with_users(users: &str, options: &[&str]) -> Self {
        let file = folder().join("users.acl");
        fs::write(&file, format!("{}\n{OPERATOR}", users.trim_end())).expect("written");
        let file = file.display().to_string();
        let server = Self::start(&[&[USERS, &file], options].concat());
        fs::remove_dir_all(Path::new(&file).parent().expect("a folder")).expect("removed");
        server
    }

    pub fn start_with(options: Vec<String>) -> Self {
        let mut server = Self { folder: folder(), port: 0, options, guard: None };
        // Somebody else may take a free port before the server does.
        for _ in 0..5 {
            server.port = free_port();
            server.run();
            if server.is_ready() {
                return server;
            }
            server.kill();
        }
        panic!("redis-server, which the tests need, does not start")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        let password = self.options.iter().skip_while(|option| *option != PASSWORD).nth(1);
        let operator = self.options.iter().any(|option| option == USERS).then(|| "operator:any@".to_owned());
        let user = password.map(|password| format!(":{password}@")).or(operator).unwrap_or_default();
        format!("redis://{user}127.0.0.1:{}", self.port)
    }

    /// A connection of the test's own.
    pub fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).expect("a URL").get_connection().expect("a connection")
    }

    /// Runs one command, its words parted by blanks.
    pub fn ask<T: FromRedisValue>(&self, command: &str) -> T {
        let mut words = command.split(' ');
        let mut cmd = redis::cmd(words.next().expect("a command"));
        cmd.arg(words.collect::<Vec<_>>());
        cmd.query(&mut self.connection()).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// How often a command has been carried out here.
    pub fn calls_of(&self, command: &str) -> u64 {
        let stats: String = self.ask("INFO commandstats");
        let line = stats.split(&format!("cmdstat_{command}:calls=")).nth(1);
        line.map_or(0, |rest| rest.split(',').next().and_then(|calls| calls.parse().ok()).expect("a number"))
    }

    /// Kills it as a crash would.
    pub fn kill(&mut self) {
        self.say("keep");
    }

    /// Starts it again, on the same port and with the same options.
    pub fn restart(&mut self) {
        self.run();
        assert!(self.is_ready(), "redis-server does not start again");
    }

    /// Turns its log on, on a disk that has no room.
    pub fn fill_disk(&self) {
        let folder: Vec<String> = self.ask("CONFIG GET dir");
        let log = Path::new(&folder[1]).join("appendonlydir");
        fs::create_dir_all(&log).expect("a folder");
        symlink("/dev/full", log.join("temp-appendonly.aof.incr")).expect("a link");
        self.ask::<()>("CONFIG SET appendonly yes");
        self.ask::<()>("SETEX drop 60 overflow");
        while !self.ask::<String>("INFO persistence").contains("aof_last_write_status:err") {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Has it hang, with its connections open, until the returned value is dropped.
    pub fn hang(&self) -> Hung {
        let info: String = self.ask("INFO server");
        let pid =
            info.lines().find_map(|line| line.strip_prefix("process_id:")).expect("a process").to_owned();
        Hung::stop(vec![pid])
    }

    fn say(&mut self, farewell: &str) {
        if let Some(mut guard) = self.guard.take() {
            writeln!(guard.stdin.take().expect("piped"), "{farewell}").expect("told");
            guard.wait().expect("ended");
        }
    }

    fn is_ready(&self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if self.answers().is_ok_and(|is_ours| is_ours) {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Whether it is this very server that answers, and not another that took the port.
    fn answers(&self) -> redis::RedisResult<bool> {
        let mut connection = redis::Client::open(self.url())?.get_connection()?;
        if self.is_sentinel() {
            return redis::cmd("PING").query(&mut connection).map(|()| true);
        }
        let folder: Vec<String> = redis::cmd("CONFIG").arg("GET").arg("dir").query(&mut connection)?;
        Ok(folder.get(1).is_some_and(|folder| Path::new(folder) == self.folder))
    }

    fn is_sentinel(&self) -> bool {
        self.options.iter().any(|option| option == "--sentinel")
    }

    fn arguments(&self) -> Vec<String> {
        if self.is_sentinel() {
            return self.options.clone();
        }
        let (folder, port) = (self.folder.display().to_string(), self.port.to_string());
        let fixed =
            ["--port", &port, "--bind", "127.0.0.1", "--dir", &folder, "--save", "", "--appendonly", "no"];
        fixed.into_iter().map(str::to_owned).chain(self.options.iter().cloned()).collect()
    }

    fn run(&mut self) {
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "sh"]).arg(&self.folder).arg("redis-server").args(self.arguments());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.guard = Some(command.spawn().expect("sh"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.say("");
        // Where it was killed before, there was no shell left to do it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
