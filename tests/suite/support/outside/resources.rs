//! What a server's process has of the system: memory and file descriptors, which can be taken away.

use std::fs;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

use super::install::Server;

/// In bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub resident: u64,
    /// The most there ever was.
    pub peak: u64,
}

pub fn memory(server: &Server) -> Memory {
    let status = server.proc("status");
    let size = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        let kib: u64 = line.split_whitespace().next().and_then(|text| text.parse().ok()).expect("a size");
        kib * 1024
    };
    Memory { resident: size("VmRSS:"), peak: size("VmHWM:") }
}

/// How many files it has open, connections among them.
pub fn open_files(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("a process that runs").count()
}

/// A server that can open no more files, until this is dropped.
pub struct NoDescriptors {
    pid: Pid,
    before: Rlimit,
}

impl NoDescriptors {
    /// What is open stays open.
    pub fn left_to(server: &Server) -> Self {
        let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw).expect("a process id");
        let none = Rlimit { current: Some(0), ..limit_of(pid) };
        let before = prlimit(Some(pid), Resource::Nofile, none).expect("a process of ours");
        Self { pid, before }
    }
}

impl Drop for NoDescriptors {
    fn drop(&mut self) {
        prlimit(Some(self.pid), Resource::Nofile, self.before).expect("a process of ours");
    }
}

/// The server has raised its own limit to the hard one.
fn limit_of(pid: Pid) -> Rlimit {
    let text = fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero())).expect("its limits");
    let line = text.lines().find(|line| line.starts_with("Max open files")).expect("a line");
    let hard = line.split_whitespace().nth(4).expect("a limit");
    Rlimit { current: None, maximum: hard.parse().ok() }
}

/// This process holds the other ends of very many connections.
pub fn may_open_many() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("the hard limit");
}
