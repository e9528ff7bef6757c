//! A `redis-server` that keeps nothing on disk.

use super::guard::{Guard, free_address};

pub struct Redis {
    guard: Guard,
    pub port: u16,
    _home: tempfile::TempDir,
}

impl Redis {
    pub fn start() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let port = address.port().to_string();
        let mut words = vec!["redis-server", "--port", &port, "--bind", "127.0.0.1"];
        words.extend(["--save", "", "--maxmemory-policy", "noeviction"]);
        let guard = Guard::start(home.path(), &words, &[], address);
        Self { guard, port: address.port(), _home: home }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }
}

/// Its process.
impl AsRef<Guard> for Redis {
    fn as_ref(&self) -> &Guard {
        &self.guard
    }
}
