//! What holds for SQLite alone: its file, its groups, its upgrades, other processes beside it.

mod cleaning;
mod durability;
mod file;
mod groups;
mod migrations;
mod processes;

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
};

use super::whole;
use crate::support::accounts::account;
use crate::support::backends::{LIFETIMES, START, facts_of, with_tokens};
use keyward::{
    domain::{
        clock::ManualClock,
        ids::UserId,
        refresh_token::{RefreshSecret, RefreshToken},
        session::{Device, SessionFacts},
    },
    store::{error::StoreError, revoked::set::RevocationSet, sessions::SessionStore, sqlite::SqliteStore},
};

/// A file of its own, with what a server would hold of it.
struct Opened {
    store: SqliteStore,
    set: Arc<RevocationSet>,
    clock: Arc<ManualClock>,
}

fn open(path: &Path) -> Result<Opened, StoreError> {
    let (set, clock) = (Arc::<RevocationSet>::default(), Arc::new(ManualClock::at(START)));
    let store = SqliteStore::open(path, LIFETIMES, set.clone(), clock.clone())?;
    Ok(Opened { store, set, clock })
}

fn file_in(folder: &Path) -> PathBuf {
    folder.join("keyward.db")
}

fn secret() -> RefreshSecret {
    RefreshSecret::new(&[7; 32])
}

/// A new session of a new user.
async fn sign_in(store: &SqliteStore) -> RefreshToken {
    try_sign_in(store).await.expect("opened")
}

async fn try_sign_in(store: &SqliteStore) -> Result<RefreshToken, StoreError> {
    let device = Device::new(Some("a phone"), None, None);
    let facts = SessionFacts { device, ..facts_of(UserId::new(START), START) };
    let (session, token) = with_tokens(facts, &secret());
    store.open(&session, None).await.map(|_| token)
}

/// A file that says to a part of this binary that it is to play another process in that folder.
const INVITATION: &str = "you-are-another-process";

/// Whether this process was started by [`Other::start`].
fn is_invited() -> bool {
    Path::new(INVITATION).exists()
}

/// This binary once more, in another process, to play one of its ignored tests.
struct Other {
    process: Child,
    /// Closed when the test ends, however it ends; the other process ends with it.
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Other {
    /// `wrapper` is a command to start it by, with its arguments; empty = none.
    fn start(wrapper: &[&str], part: &str, folder: &Path) -> Self {
        std::fs::write(folder.join(INVITATION), "").expect("written");
        let this = std::env::current_exe().expect("a binary");
        let mut words = wrapper.iter().map(std::ffi::OsStr::new).chain([this.as_os_str()]);
        let mut process = Command::new(words.next().expect("a program"))
            .args(words)
            .args(["--exact", part, "--ignored", "--nocapture", "--test-threads=1"])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let input = process.stdin.take().expect("piped");
        let output = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, input, output }
    }

    /// The next line that is not of the test harness, without its mark; `None` at the end.
    fn told(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).expect("readable") == 0 {
                return None;
            }
            // The harness begins the first line. What a kill cut short has no end and was not told.
            let told = line.split_once("> ").and_then(|(_, told)| told.strip_suffix('\n'));
            if let Some(told) = told {
                return Some(told.to_owned());
            }
        }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("writable");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// As the other process: tells the one that started it.
fn tell(what: &str) {
    let mut output = std::io::stdout().lock();
    output.write_all(format!("> {what}\n").as_bytes()).expect("somebody listens");
    output.flush().expect("somebody listens");
}
