//! What holds for Redis alone: its keys, its feed, its failovers, crashes between two of its commands.

mod advice;
mod app_crash;
mod app_keys;
mod app_races;
mod cluster;
mod counters;
mod crash;
mod failover;
mod feed;
mod keys;
mod lateness;
mod outage;
mod tls;
mod trips;
mod upgrades;

use crate::support::{
    backends::{Home, SignedIn},
    keyspace::Keyspace,
    servers::redis::Server,
};
use keyward::{domain::clock::Timestamp, store::redis::connection::target::Mode};

/// A home on a server of the test's own.
async fn home_on(server: &Server) -> Home {
    Home::in_keyspace(Keyspace::of(vec![server.url()], Mode::Single)).await
}

/// A home on the server that all tests share.
async fn home() -> Home {
    Home::in_keyspace(Keyspace::single()).await
}

/// The names of all keys, without the prefix.
fn names(home: &Home) -> Vec<String> {
    let keys = home.keyspace().keys().into_iter();
    let mut names: Vec<_> = keys.map(|(key, _)| key[home.keyspace().prefix.len()..].to_owned()).collect();
    names.sort();
    names
}

fn with_prefix(names: &[String], prefix: &str) -> Vec<String> {
    names.iter().filter(|name| name.starts_with(prefix)).cloned().collect()
}

/// `session:<id>`.
fn session_key(client: &SignedIn) -> String {
    format!("session:{}", client.session())
}

/// In whole seconds, as a JWT has it.
fn soon(home: &Home) -> Timestamp {
    home.now() + std::time::Duration::from_mins(10)
}
