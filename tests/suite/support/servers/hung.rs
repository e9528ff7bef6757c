//! Processes that are stopped where they stand, with their connections open.

use std::process::Command;

/// Processes that hang until this is dropped.
pub struct Hung(Vec<String>);

impl Hung {
    /// Has processes hang, in this order.
    pub fn stop(pids: Vec<String>) -> Self {
        for pid in &pids {
            signal("STOP", pid);
        }
        Self(pids)
    }

    /// Has more of them hang.
    pub fn and(mut self, pids: Vec<String>) -> Self {
        self.0.append(&mut Self::stop(pids).0);
        self
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        for pid in &self.0 {
            signal("CONT", pid);
        }
    }
}

/// A process that has ended meanwhile needs no signal.
fn signal(name: &str, pid: &str) {
    Command::new("kill").args([&format!("-{name}"), pid]).output().expect("kill");
}
