//! What a Redis server says of itself (`INFO`, `CONFIG`), and what an operator should make of it.

use std::collections::BTreeMap;

use redis::{RedisResult, aio::MultiplexedConnection};

use super::Advice;
use crate::store::redis::connection::target::Mode;

/// At how many hundredths of its memory a server is nearly full.
const NEARLY: u64 = 90;

/// How a server is.
pub struct Condition {
    info: String,
    /// `None` = it does not tell.
    save: Option<String>,
    least_replicas: Option<String>,
    synced: Option<String>,
}

impl Condition {
    /// Asks; what a user may not ask is left out, for the lack of it is advice of its own.
    pub async fn of(connection: &mut MultiplexedConnection) -> RedisResult<Self> {
        let info = match redis::cmd("INFO").query_async(connection).await {
            Err(error) if error.is_io_error() => return Err(error),
            info => info.unwrap_or_default(),
        };
        let save = setting(connection, "save").await?;
        let least_replicas = setting(connection, "min-replicas-to-write").await?;
        let synced = setting(connection, "appendfsync").await?;
        Ok(Self { info, save, least_replicas, synced })
    }

    /// What to mend, where `waits` replicas must acknowledge a write.
    pub fn advice(&self, waits: u32, mode: &Mode) -> Vec<Advice> {
        let found = [
            self.kind(mode),
            self.eviction(),
            self.memory(),
            self.disk(),
            self.persistence(waits),
            self.replicas(waits),
        ];
        let mut advice: Vec<_> = found.into_iter().flatten().map(Advice::Mend).collect();
        advice.extend(self.version().map(Advice::Mend));
        if self.save.is_none() || self.least_replicas.is_none() {
            advice.push(Advice::Know(
                "CONFIG is not allowed: its save, appendfsync and min-replicas-to-write could not be looked at".to_owned(),
            ));
        }
        advice
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    }

    fn number(&self, name: &str) -> u64 {
        self.field(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Whether it is what the settings take it for.
    fn kind(&self, mode: &Mode) -> Option<String> {
        if self.field("role") == Some("slave") {
            return Some(
                "is a replica, which takes no writes: point storage.redis_url at its master".to_owned(),
            );
        }
        (self.field("cluster_enabled") == Some("1") && !matches!(mode, Mode::Cluster)).then(|| {
            "is a node of a Cluster, and storage.redis_mode is another: set it to cluster".to_owned()
        })
    }

    fn eviction(&self) -> Option<String> {
        let policy = self.field("maxmemory_policy").filter(|policy| *policy != "noeviction")?;
        Some(format!("maxmemory-policy is {policy}: revocations can be evicted; set noeviction"))
    }

    fn memory(&self) -> Option<String> {
        let (used, most) = (self.number("used_memory"), self.number("maxmemory"));
        let hundredths = used.saturating_mul(100).checked_div(most)?;
        if hundredths >= 100 {
            return Some(
                "is full: sign-in, refresh and sign-out answer 503; raise maxmemory, or free some".to_owned(),
            );
        }
        (hundredths >= NEARLY).then(|| {
            format!("is nearly full ({hundredths} % of maxmemory): raise it before sign-in answers 503")
        })
    }

    fn disk(&self) -> Option<String> {
        let files = ["rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"];
        files.iter().find(|name| self.field(name) == Some("err")).map(|name| {
            format!("cannot write to its disk ({name} is err), and may refuse every write: make room there, its log says more")
        })
    }

    fn persistence(&self, waits: u32) -> Option<String> {
        let keeps_log = self.field("aof_enabled")? != "0";
        let what = match (keeps_log, self.synced.as_deref(), self.save.as_deref()) {
            (true, Some("no"), _) => {
                "appendfsync is no: a crash of the machine brings back who signed out in the last half minute; set \
                 everysec"
            }
            (true, _, _) => return None,
            (false, _, Some("")) => {
                "keeps nothing on disk: after a crash all are signed out, and signed-out tokens pass again; set \
                 appendonly yes"
            }
            (false, _, _) => {
                "keeps snapshots alone: a crash brings back the sessions that were signed out since the last one; \
                 set appendonly yes"
            }
        };
        // Where replicas have it too, it is lost only where all of them crash at once.
        let enough = waits > 0 && self.number("connected_slaves") >= u64::from(waits);
        (!enough).then(|| what.to_owned())
    }

    fn replicas(&self, waits: u32) -> Option<String> {
        let there = self.number("connected_slaves");
        self.field("connected_slaves")?;
        if there < u64::from(waits) {
            return Some(format!(
                "has {there} replicas, but storage.redis_wait is {waits}: sign-in, refresh and sign-out answer \
                 503; add replicas, or lower it"
            ));
        }
        let is_guarded = self.least_replicas.as_ref().is_some_and(|least| least != "0");
        (there > 0 && waits == 0 && !is_guarded).then(|| {
            "has replicas, but a failover can lose a logout: set storage.redis_wait, or min-replicas-to-write"
                .to_owned()
        })
    }

    fn version(&self) -> Option<String> {
        let version = self.field("redis_version")?;
        let major: u32 = version.split('.').next()?.parse().ok()?;
        (major < 7).then(|| format!("is version {version}; 7.0 or later is supported"))
    }
}

/// A setting of the server; `None` = we may not ask for it, as of many a managed Redis.
async fn setting(connection: &mut MultiplexedConnection, name: &str) -> RedisResult<Option<String>> {
    let mut command = redis::cmd("CONFIG");
    match command.arg("GET").arg(name).query_async::<BTreeMap<String, String>>(connection).await {
        Err(error) if error.is_io_error() => Err(error),
        settings => Ok(settings.ok().and_then(|settings| settings.into_values().next())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_too_old_is_named() {
        let of = |version: &str| {
            let info = format!("redis_version:{version}\r\nrole:master\r\n");
            Condition { info, save: Some(String::new()), least_replicas: Some("0".into()), synced: None }
        };
        let advice = of("6.2.14").advice(0, &Mode::Single);
        assert!(
            matches!(&advice[..], [Advice::Mend(line)] if line.ends_with("7.0 or later is supported")),
            "{advice:?}"
        );
        assert_eq!(of("7.0.0").advice(0, &Mode::Single), []);
    }
}
