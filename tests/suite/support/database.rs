//! A database that several nodes share: for promises that it makes by itself.

use std::{path::PathBuf, sync::Arc};

use keyward::{
    domain::clock::ManualClock,
    store::{
        accounts::AccountStore, addresses::AddressStore, apps::AppStore, events::EventStore,
        leases::LeaseStore, outbox::OutboxStore, sqlite::SqliteStore,
    },
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{
    backends::{AccountsOn, LIFETIMES, START, postgres_store},
    servers::postgres,
};

/// What one node can do with it.
pub trait Node: AccountStore + AddressStore + AppStore + EventStore + LeaseStore + OutboxStore {}

impl<T: AccountStore + AddressStore + AppStore + EventStore + LeaseStore + OutboxStore> Node for T {}

pub enum Database {
    Sqlite(TempDir),
    Postgres(String),
}

impl Database {
    /// A new one, with nothing in it.
    pub fn on(on: AccountsOn) -> Self {
        match on {
            AccountsOn::Sqlite => Self::Sqlite(TempDir::new().expect("a folder")),
            AccountsOn::Postgres => Self::Postgres(postgres::database()),
        }
    }

    /// A node on it, which makes the tables where it is the first.
    pub async fn node(&self) -> Arc<dyn Node> {
        match self {
            Self::Sqlite(folder) => {
                let clock = Arc::new(ManualClock::at(START));
                Arc::new(
                    SqliteStore::open(&file(folder), LIFETIMES, Arc::default(), clock).expect("a database"),
                )
            }
            Self::Postgres(url) => Arc::new(postgres_store(url).await),
        }
    }

    /// Runs a statement as somebody who is no server of ours; says how many rows it found or changed.
    pub async fn run(&self, sql: &str) -> usize {
        match self {
            Self::Sqlite(folder) => {
                let file = Connection::open(file(folder)).expect("opened");
                let mut statement = file.prepare(sql).expect("a statement");
                if statement.column_count() == 0 {
                    return statement.execute([]).expect("done");
                }
                statement.query_map([], |_| Ok(())).expect("asked").count()
            }
            Self::Postgres(url) => {
                let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
                let (client, connection) = connected.expect("connected");
                tokio::spawn(connection);
                usize::try_from(client.execute(sql, &[]).await.expect("done")).expect("few")
            }
        }
    }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("keyward.db")
}
