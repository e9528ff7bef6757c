//! A real server on the loopback in a process of its own. It ends with this process, however that ends.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Says which process the server is, and kills it once nobody holds the pipe any more.
const GUARD: &str = r#""$@" >/dev/null & server=$!; echo $server; read -r _; kill -9 $server; wait $server"#;

pub struct Guard {
    shell: Child,
    /// The server's process.
    pub id: u32,
}

impl Guard {
    /// Returns once the server takes connections.
    pub fn start(home: &Path, words: &[&str], settings: &[(&str, String)], address: SocketAddr) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "sh"]).args(words).current_dir(home).envs(settings.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = command.spawn().expect("a shell");
        let mut id = String::new();
        let mut said = BufReader::new(shell.stdout.take().expect("piped"));
        said.read_line(&mut id).expect("said");
        let guard = Self { shell, id: id.trim().parse().expect("the id of a process") };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "{} (process {}) does not start", words[0], guard.id);
            thread::sleep(Duration::from_millis(5));
        }
        guard
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        drop(self.shell.wait());
    }
}

pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}
