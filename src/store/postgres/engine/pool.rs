//! The connections: few, reused while they are good, and no wait on any of them without an end.

use std::{path::Path, time::Duration};

use deadpool_postgres::{
    Client, Manager, ManagerConfig, Object, Pool as Connections, RecyclingMethod, Runtime, Timeouts,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use tokio_postgres::{Config, Error, NoTls, Row, config::SslMode, types::ToSql};

use super::{errors, tls};
use crate::store::postgres::StoreError;

/// Connections of one node. A server takes 100 as it is shipped, and hashing passwords is what bounds
/// the statements a second.
pub(in crate::store::postgres) const CONNECTIONS: usize = 8;

/// How long a statement, or getting a connection for one, may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long one address of a server may take to accept a connection, so that there is time for the
/// next one.
const CONNECT: Duration = Duration::from_secs(2);

/// A few connections to one database.
#[derive(Clone)]
pub(in crate::store::postgres) struct Pool(Connections);

impl Pool {
    /// Reads the URL; connects to nothing yet.
    pub(in crate::store::postgres) fn new(
        url: &SecretString,
        tls_ca: Option<&Path>,
    ) -> Result<Self, StoreError> {
        let config = parse(url, tls_ca)?;
        // A connection is not tried before it is used: one that fails is thrown away then.
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match config.get_ssl_mode() {
            SslMode::Require => Manager::from_config(config, tls::connector(tls_ca)?, manager),
            _ => Manager::from_config(config, NoTls, manager),
        };
        let connections = Connections::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts { wait: Some(PATIENCE), create: Some(PATIENCE), recycle: Some(PATIENCE) })
            .build();
        connections.map(Self).map_err(errors::refused)
    }

    /// The rows a statement returns.
    pub(in crate::store::postgres) async fn query(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let client = self.client().await?;
        let work = async { client.query(&client.prepare_cached(sql).await?, parameters).await };
        let outcome = within(PATIENCE, work).await;
        keep_if_good(client, outcome)
    }

    /// How many rows a statement changed.
    pub(in crate::store::postgres) async fn execute(
        &self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, StoreError> {
        let client = self.client().await?;
        let work = async { client.execute(&client.prepare_cached(sql).await?, parameters).await };
        let outcome = within(PATIENCE, work).await;
        keep_if_good(client, outcome)
    }

    /// How many rows a statement changed that ran once `lock` was granted, and until then held.
    pub(in crate::store::postgres) async fn execute_alone(
        &self,
        lock: &'static str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, StoreError> {
        let mut client = self.client().await?;
        let work = async {
            let transaction = client.transaction().await?;
            // Its own statement: the next one then sees what was there when the lock was granted.
            transaction.batch_execute(lock).await?;
            let changed = transaction.execute(sql, parameters).await?;
            transaction.commit().await?;
            Ok(changed)
        };
        let outcome = within(PATIENCE, work).await;
        keep_if_good(client, outcome)
    }

    /// The rows that each of some statements returns, all in one transaction that takes `lock` first.
    pub(in crate::store::postgres) async fn transaction<const N: usize>(
        &self,
        lock: &'static str,
        statements: &[(&'static str, &[&(dyn ToSql + Sync)]); N],
    ) -> Result<[Vec<Row>; N], StoreError> {
        let mut client = self.client().await?;
        let work = async {
            let transaction = client.transaction().await?;
            transaction.batch_execute(lock).await?;
            let mut answers = [const { Vec::new() }; N];
            for ((sql, parameters), answer) in statements.iter().zip(&mut answers) {
                *answer = transaction.query(&transaction.prepare_cached(sql).await?, parameters).await?;
            }
            transaction.commit().await?;
            Ok(answers)
        };
        let outcome = within(PATIENCE, work).await;
        keep_if_good(client, outcome)
    }

    /// A connection of one's own.
    pub(in crate::store::postgres) async fn client(&self) -> Result<Client, StoreError> {
        self.0.get().await.map_err(errors::of_pool)
    }
}

/// Ends a wait. What it waited for is not undone on the server.
pub(in crate::store::postgres) async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, StoreError> {
    match timeout(patience, work).await {
        Ok(outcome) => outcome.map_err(errors::of_statement),
        Err(elapsed) => Err(errors::away(elapsed)),
    }
}

/// A connection that saw an error is closed: it may hang, or lead to a server that is no longer the
/// one to write to.
fn keep_if_good<T>(client: Client, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
    if outcome.is_err() {
        drop(Object::take(client));
    }
    outcome
}

fn parse(url: &SecretString, tls_ca: Option<&Path>) -> Result<Config, StoreError> {
    // The library knows no verify-full. Here, require is just that.
    let url = url.expose_secret().replace("sslmode=verify-full", "sslmode=require");
    let mut config: Config = url.parse().map_err(errors::refused)?;
    if tls_ca.is_some() {
        config.ssl_mode(SslMode::Require);
    }
    if config.get_application_name().is_none() {
        config.application_name("keyward");
    }
    config
        .connect_timeout(CONNECT)
        .keepalives_idle(Duration::from_secs(30))
        // A server that is gone without a word is found out by what it does not acknowledge.
        .tcp_user_timeout(PATIENCE);
    Ok(config)
}
