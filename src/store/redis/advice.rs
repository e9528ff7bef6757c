//! What an operator should mend in Redis: nothing here stops the server, all of it can lose a logout.

use std::collections::BTreeMap;

use redis::{ConnectionInfo, RedisResult};

use super::{RedisStore, error::unreachable, masters::Census};
use crate::{
    domain::clock::{Clock, Timestamp},
    store::error::StoreError,
};

/// How far Redis's clock may be from ours.
const SKEW: std::time::Duration = std::time::Duration::from_secs(2);

impl RedisStore {
    /// Advice about each master, a line each; empty when all is well.
    pub async fn advice(&self) -> Result<Vec<String>, StoreError> {
        let census = Census::new(self.target.clone(), self.link.clone());
        let mut advice = Vec::new();
        for (address, server) in census.take().await.map_err(unreachable)? {
            let found = self.advice_on(&server).await.map_err(unreachable)?;
            advice.extend(found.into_iter().map(|line| format!("Redis {address}: {line}")));
        }
        Ok(advice)
    }

    async fn advice_on(&self, server: &ConnectionInfo) -> RedisResult<Vec<String>> {
        let mut connection = self.target.open(server, &self.target.config()).await?;
        let info: String = redis::cmd("INFO").query_async(&mut connection).await?;
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let before = self.clock.now();
        let (secs, micros): (i64, i64) = redis::cmd("TIME").query_async(&mut connection).await?;
        let theirs = Timestamp::from_millis(secs * 1000 + micros / 1000);
        // A managed Redis may forbid CONFIG: then nothing is said about it.
        let guard: Result<BTreeMap<String, String>, _> =
            redis::cmd("CONFIG").arg("GET").arg("min-replicas-to-write").query_async(&mut connection).await;
        let is_guarded = guard.is_ok_and(|guard| guard.values().any(|least| least != "0"));

        let policy = field("maxmemory_policy").unwrap_or("noeviction");
        let version = field("redis_version").unwrap_or_default();
        let replicas = field("connected_slaves").unwrap_or("0");
        let mut advice = Vec::new();
        if policy != "noeviction" {
            advice.push(format!("maxmemory-policy is {policy}: revocations can be evicted; set noeviction"));
        }
        if replicas != "0" && self.keeping.wait_for_replicas == 0 && !is_guarded {
            advice.push(
                "has replicas, but a failover can lose a logout: set storage.redis_wait, or \
                 min-replicas-to-write"
                    .to_owned(),
            );
        }
        if !skew_is_small(before, theirs, self.clock.as_ref()) {
            advice.push("its clock and ours are more than 2 s apart".to_owned());
        }
        if version.split('.').next().and_then(|major| major.parse().ok()).is_some_and(|major: u32| major < 7)
        {
            advice.push(format!("is version {version}; 7.0 or later is supported"));
        }
        Ok(advice)
    }
}

fn skew_is_small(before: Timestamp, theirs: Timestamp, clock: &dyn Clock) -> bool {
    before.since(theirs) <= SKEW && theirs.since(clock.now()) <= SKEW
}
