//! Outages, drilled: a real server loses a real store, its keys, its file descriptors or its peace, and answers
//! as docs/outages.md says. Afterwards it goes on by itself. Each test of an outage is named in a row of
//! that page; `restore` follows docs/operating.md, and `runbook` that page.

mod database;
mod node;
mod overload;
mod redis;
mod replication;
mod restore;
mod runbook;
mod stage;
mod steps;

use std::sync::atomic::{AtomicBool, Ordering};

/// Ends what goes on beside a test, however the test ends.
struct SetWhenDropped<'a>(&'a AtomicBool);

impl Drop for SetWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
