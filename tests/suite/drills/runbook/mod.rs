//! docs/runbook.md, entry by entry: the trouble is made, its commands are run as they stand there, and it is over.

mod balancers;
mod keys;
mod nodes;
mod people;
mod sessions;
mod stores;

use super::steps;
use crate::support::outside::install::{Install, Server, wait_for};

const USER: &str = "alice";
const PASSWORD: &str = "seven words make a fine passphrase indeed";

/// Does what the runbook says below a comment; each command must succeed.
fn does(install: &Install, title: &str, variables: &[(&str, &str)]) -> String {
    steps::run(install, &steps::commands("runbook.md", title), variables)
}

/// Looks as the runbook says, at what may be in trouble.
fn looks(install: &Install, title: &str, variables: &[(&str, &str)]) -> String {
    steps::run_to_the_end(install, &steps::commands("runbook.md", title), variables)
}

#[track_caller]
fn says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word:?} in {said}");
    }
}

/// Waits until the server has logged that.
fn logs(server: &Server, words: &str) {
    let is_said = || server.printed().contains(words).then_some(());
    wait_for(is_said).unwrap_or_else(|| panic!("{words:?} in {}", server.printed()));
}
