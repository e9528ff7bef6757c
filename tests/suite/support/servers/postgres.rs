//! A real PostgreSQL: one for all tests of the process, or one of a test's own that it may kill.
//!
//! The server runs under a shell that waits on a pipe from this process: when the process ends, in
//! whatever way, the shell kills the server and removes its folder.

use std::{
    fs::{self, Permissions},
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{hung::Hung, redis::free_port};

const GUARD: &str = r#"
    folder=$1; shift
    "$@" & server=$!
    read -r farewell
    # Stopped first, so that it starts no more of them. Those that outlive it would still answer,
    # and keep the data from the next server.
    kill -STOP $server
    backends=$(cat /proc/$server/task/$server/children)
    kill -9 $server $backends; wait $server
    for backend in $backends; do
        for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 $backend && sleep 0.05; done 2>/dev/null
    done
    [ "$farewell" = keep ] || rm -rf "$folder"
"#;

/// The URL of a new, empty database on a server that all tests of this process share.
pub fn database() -> String {
    static SHARED: LazyLock<Server> = LazyLock::new(Server::start);
    SHARED.database()
}

/// A PostgreSQL server that dies with this value.
pub struct Server {
    folder: PathBuf,
    /// Also the name of its socket, where there is no TCP.
    port: u16,
    options: Vec<&'static str>,
    guard: Child,
}

impl Server {
    /// A server that is reached by a socket in its folder.
    pub fn start() -> Self {
        Self::run(make_folder(), 5432, vec!["-h", ""])
    }

    /// A server that is also reached by TCP on the loopback addresses, but only encrypted.
    pub fn start_encrypted(certificate_pem: &str, key_pem: &str) -> Self {
        let folder = make_folder();
        let access = "local all all trust\nhostssl all all all scram-sha-256\n";
        for (name, text) in
            [("server.crt", certificate_pem), ("server.key", key_pem), ("pg_hba.conf", access)]
        {
            let path = folder.join(name);
            fs::write(&path, text).expect("written");
            let owner = fs::metadata(&folder).expect("a folder");
            chown(&path, Some(owner.uid()), Some(owner.gid())).expect("handed over");
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("closed");
        }
        Self::run(folder, free_port(), vec!["-h", "localhost", "-c", "ssl=on"])
    }

    fn run(folder: PathBuf, port: u16, options: Vec<&'static str>) -> Self {
        let guard = guarded(&folder, port, &options);
        Self { folder, port, options, guard }.ready()
    }

    /// Where it listens, if it does.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a new, empty database.
    pub fn database(&self) -> String {
        self.database_behind(&self.folder)
    }

    /// The same, reached by a socket in another folder, which is to lead here.
    pub fn database_behind(&self, folder: &Path) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("keyward_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        let host = folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{host}:{}/{name}", self.port)
    }

    /// Runs statements as the superuser.
    pub fn sql(&self, database: &str, statements: &str) {
        let mut psql = as_server_user("psql");
        psql.arg("-h").arg(&self.folder).args(["-p", &self.port.to_string(), "-U", "postgres", "-qX"]);
        good(psql.args(["-d", database, "-v", "ON_ERROR_STOP=1", "-c", statements]).output());
    }

    /// Kills it as a crash would; its data stays.
    pub fn kill(&mut self) {
        writeln!(self.guard.stdin.as_mut().expect("piped"), "keep").expect("told");
        self.guard.wait().expect("ended");
    }

    /// The same, and its data are gone.
    pub fn lose(mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().expect("ended");
    }

    /// Takes no writes from now on, or takes them again: as a standby does, or one whose disk its operator saves.
    pub fn be_read_only(&self, is: bool) {
        self.sql("postgres", &format!("ALTER SYSTEM SET default_transaction_read_only = {is}"));
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    /// Has it hang, with its connections open, until the returned value is dropped.
    pub fn hang(&self) -> Hung {
        let file = fs::read_to_string(self.folder.join("postmaster.pid")).expect("a server that runs");
        let pid = file.lines().next().expect("a process id").to_owned();
        // Stopped first, so that it starts no more of them.
        let hung = Hung::stop(vec![pid.clone()]);
        let backends = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("its processes");
        hung.and(backends.split_whitespace().map(str::to_owned).collect())
    }

    /// Starts it again on the same data.
    pub fn restart(mut self) -> Self {
        self.guard = guarded(&self.folder, self.port, &self.options);
        self.ready()
    }

    /// A server that follows this one, with all its data, and is reached by a socket alone.
    pub fn standby(&self) -> Self {
        let folder = empty_folder();
        let mut copy = as_server_user("pg_basebackup");
        copy.arg("-h").arg(&self.folder).args(["-p", &self.port.to_string(), "-U", "postgres"]);
        good(copy.arg("-D").arg(&folder).args(["-R", "-X", "stream", "-c", "fast", "--no-sync"]).output());
        // Of the socket that lies in the folder, too, which is not copied itself.
        fs::remove_file(folder.join(".s.PGSQL.5432.lock")).expect("removed");
        Self::run(folder, 5432, vec!["-h", ""])
    }

    /// Has a standby take over, whatever has become of its master.
    pub fn promote(&self) {
        self.sql("postgres", "SELECT pg_promote()");
    }

    /// The folder of its socket.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn ready(self) -> Self {
        let deadline = Instant::now() + Duration::from_mins(1);
        let mut ask = as_server_user("pg_isready");
        ask.arg("-q").arg("-h").arg(&self.folder).args(["-p", &self.port.to_string()]);
        while !ask.status().expect("pg_isready").success() {
            assert!(Instant::now() < deadline, "PostgreSQL did not start: {}", self.folder.display());
            thread::sleep(Duration::from_millis(20));
        }
        self
    }
}

fn empty_folder() -> PathBuf {
    let made = as_server_user("mktemp").args(["-d", "-t", "keyward-postgres-XXXXXX"]).output();
    PathBuf::from(String::from_utf8(good(made).stdout).expect("a path").trim())
}

fn make_folder() -> PathBuf {
    let folder = empty_folder();
    let encoding = ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"];
    let access = ["--auth=trust", "--username=postgres"];
    good(as_server_user("initdb").arg("-D").arg(&folder).args(encoding).args(access).output());
    folder
}

/// Starts the server of `folder` under the guard, which owns the folder from now on.
fn guarded(folder: &Path, port: u16, options: &[&str]) -> Child {
    let mut command = as_server_user("sh");
    command.args(["-c", GUARD, "sh"]).arg(folder).arg(binary("postgres"));
    command.arg("-D").arg(folder).arg("-k").arg(folder).args(["-p", &port.to_string()]);
    // No fsync: what a power cut leaves is not what these tests are about.
    command.args(["-F", "-c", "max_connections=300"]).args(options);
    // What it shares among its processes is in its folder too, and gone with that.
    command.args(["-c", "dynamic_shared_memory_type=mmap"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("sh")
}

/// PostgreSQL refuses to run as root, so root runs it as its own user.
fn as_server_user(program: &str) -> Command {
    let is_root = fs::metadata("/proc/self").expect("/proc").uid() == 0;
    let mut command = if is_root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(binary(program));
        command
    } else {
        Command::new(binary(program))
    };
    // Not every folder tests are run from is one that user may enter.
    command.current_dir(std::env::temp_dir());
    command
}

/// The newest of the versions that Debian keeps side by side, else what is on the path.
fn binary(program: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(program));
    found.filter(|path| path.exists()).max().unwrap_or_else(|| PathBuf::from(program))
}

fn good(outcome: std::io::Result<Output>) -> Output {
    let output = outcome.expect("PostgreSQL's programs are needed for the tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}
