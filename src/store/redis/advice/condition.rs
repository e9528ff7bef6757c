//! What a Redis server says of itself (`INFO`, `CONFIG`), and what an operator should make of it.

use std::collections::BTreeMap;

use redis::{RedisResult, aio::MultiplexedConnection};

use super::Advice;

/// At how many hundredths of its memory a server is nearly full.
const NEARLY: u64 = 90;

/// How a server is.
pub struct Condition {
    info: String,
    /// `None` = it does not tell.
    save: Option<String>,
    least_replicas: Option<String>,
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
        Ok(Self { info, save, least_replicas })
    }

    /// What to mend, where `waits` replicas must acknowledge a write.
    pub fn advice(&self, waits: u32) -> Vec<Advice> {
        let found =
            [self.eviction(), self.memory(), self.disk(), self.persistence(waits), self.replicas(waits)];
        let mut advice: Vec<_> = found.into_iter().flatten().map(Advice::Mend).collect();
        advice.extend(self.version().map(Advice::Mend));
        if self.save.is_none() || self.least_replicas.is_none() {
            advice.push(Advice::Know(
                "CONFIG is not allowed: its save and min-replicas-to-write could not be looked at".to_owned(),
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
        if self.field("aof_enabled")? != "0" {
            return None;
        }
        let what = match self.save.as_deref() {
            Some("") => {
                "keeps nothing on disk: after a crash all are signed out, and signed-out tokens pass again"
            }
            _ => {
                "keeps snapshots alone: a crash brings back the sessions that were signed out since the last one"
            }
        };
        // Where replicas have it too, it is lost only where all of them crash at once.
        let enough = waits > 0 && self.number("connected_slaves") >= u64::from(waits);
        (!enough).then(|| format!("{what}; set appendonly yes"))
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
