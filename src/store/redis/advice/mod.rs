//! What an operator should mend in Redis: most of it can lose a logout, the rest stops the server.

pub(super) mod condition;
pub(super) mod rights;

use std::{fmt, time::Duration};

use redis::{ConnectionInfo, RedisResult, aio::MultiplexedConnection};

use self::condition::Condition;
use super::{
    RedisStore,
    connection::{error::unreachable, masters::Discovery},
};
use crate::{domain::clock::Timestamp, store::error::StoreError};

/// How far Redis's clock may be from ours.
const SKEW: Duration = Duration::from_secs(2);

/// A line for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    Mend(String),
    /// Something could not be looked at.
    Know(String),
}

impl RedisStore {
    /// Advice about each master; empty when all is well.
    pub async fn advice(&self) -> Result<Vec<Advice>, StoreError> {
        let discovery = Discovery::new(self.target.clone(), self.link.clone());
        let mut advice = Vec::new();
        for (address, server) in discovery.masters().await.map_err(unreachable)? {
            let found = self.advice_on(&server).await.map_err(unreachable)?;
            advice.extend(found.into_iter().map(|found| found.about(&address)));
        }
        Ok(advice)
    }

    async fn advice_on(&self, server: &ConnectionInfo) -> RedisResult<Vec<Advice>> {
        let mut connection = self.target.open(server, &self.target.config()).await?;
        let mut advice = rights::lacking(&connection, &self.keys, &self.target.mode).await?;
        advice.extend(
            Condition::of(&mut connection).await?.advice(self.keeping.wait_for_replicas, &self.target.mode),
        );
        if !self.clocks_agree(&mut connection).await? {
            advice.push(Advice::Mend("its clock and ours are more than 2 s apart".to_owned()));
        }
        Ok(advice)
    }

    /// Where we may not ask, they do.
    async fn clocks_agree(&self, connection: &mut MultiplexedConnection) -> RedisResult<bool> {
        let before = self.clock.now();
        let (secs, micros): (i64, i64) = match redis::cmd("TIME").query_async(connection).await {
            Err(error) if error.is_io_error() => return Err(error),
            Err(_) => return Ok(true),
            Ok(theirs) => theirs,
        };
        let theirs = Timestamp::from_millis(secs * 1000 + micros / 1000);
        Ok(before.since(theirs) <= SKEW && theirs.since(self.clock.now()) <= SKEW)
    }
}

impl Advice {
    fn about(self, server: &str) -> Self {
        match self {
            Self::Mend(text) => Self::Mend(format!("Redis {server}: {text}")),
            Self::Know(text) => Self::Know(format!("Redis {server}: {text}")),
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Mend(text) | Self::Know(text)) = self;
        f.write_str(text)
    }
}
