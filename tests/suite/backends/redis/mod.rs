//! What holds for Redis alone: its keys, its feed, its failovers, crashes between two of its commands.

mod advice;
mod app_crash;
mod app_keys;
mod app_races;
mod cluster;
mod counters;
pub mod crash;
mod failover;
mod feed;
mod keys;
mod lateness;
mod outage;
mod tls;
mod trips;
mod upgrades;
mod users;

use crate::support::{
    backends::{BackEnd, SignedIn},
    keyspace::Keyspace,
    servers::redis::Server,
};
use keyward::{domain::clock::Timestamp, store::redis::connection::target::Mode};

/// A back end on a server of the test's own.
async fn back_end_on(server: &Server) -> BackEnd {
    BackEnd::in_keyspace(Keyspace::of(vec![server.url()], Mode::Single)).await
}

/// A back end on the server that all tests share.
async fn back_end() -> BackEnd {
    BackEnd::in_keyspace(Keyspace::single()).await
}

/// The names of all keys, without the prefix.
fn names(back_end: &BackEnd) -> Vec<String> {
    let keys = back_end.keyspace().keys().into_iter();
    let mut names: Vec<_> = keys.map(|(key, _)| key[back_end.keyspace().prefix.len()..].to_owned()).collect();
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
fn soon(back_end: &BackEnd) -> Timestamp {
    back_end.now() + std::time::Duration::from_mins(10)
}
