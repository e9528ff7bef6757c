//! The Lua scripts: each one atomic step on one key, so that it runs on a Cluster as it is.
//!
//! They are loaded with each new connection and called by their hash; a server that has forgotten
//! one (`SCRIPT FLUSH`) is sent its text.

use std::sync::LazyLock;

use redis::{Cmd, RedisResult, ToRedisArgs, aio::MultiplexedConnection};

/// A script and the hash it is called by.
pub struct Script {
    source: &'static str,
    hash: String,
}

pub static OPEN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("open.lua")));
pub static ROTATE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("rotate.lua")));
pub static SLIDE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("slide.lua")));
pub static SEEN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("seen.lua")));
pub static END: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("end.lua")));
pub static INDEX: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("index.lua")));
pub static PAGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("page.lua")));
pub static PRUNE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("prune.lua")));
pub static REFUSE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("refuse.lua")));
pub static COUNT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("count.lua")));
pub static WRITABLE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("writable.lua")));
pub static APP_GET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("app_get.lua")));
pub static APP_SET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("app_set.lua")));
pub static APP_END: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("app_end.lua")));
pub static APP_ENTER: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("app_enter.lua")));
pub static APP_USE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("app_use.lua")));
pub static APP_LEAVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("app_leave.lua")));
pub static APP_SETTLE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("app_settle.lua")));
pub static APP_ACTIVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("app_active.lua")));

static ALL: [&LazyLock<Script>; 19] = [
    &OPEN,
    &ROTATE,
    &SEEN,
    &SLIDE,
    &END,
    &INDEX,
    &PAGE,
    &PRUNE,
    &REFUSE,
    &COUNT,
    &WRITABLE,
    &APP_GET,
    &APP_SET,
    &APP_END,
    &APP_ENTER,
    &APP_USE,
    &APP_LEAVE,
    &APP_SETTLE,
    &APP_ACTIVE,
];

/// Teaches a server every script.
pub async fn load_all(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let mut pipeline = redis::pipe();
    for script in ALL {
        pipeline.cmd("SCRIPT").arg("LOAD").arg(script.source).ignore();
    }
    pipeline.query_async(connection).await
}

impl Script {
    fn new(source: &'static str) -> Self {
        Self { source, hash: redis::Script::new(source).get_hash().to_owned() }
    }

    /// Begins a call on its one key.
    pub fn on(&self, key: &str) -> Call<'_> {
        Call { script: self, key: key.to_owned(), args: Vec::new() }
    }
}

/// A call of a script.
pub struct Call<'a> {
    script: &'a Script,
    key: String,
    args: Vec<Vec<u8>>,
}

impl Call<'_> {
    /// Adds an argument.
    pub fn arg(mut self, value: impl ToRedisArgs) -> Self {
        value.write_redis_args(&mut self.args);
        self
    }

    /// The key it is on.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The call by hash.
    pub fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.script.hash)
    }

    /// The call with the whole text, which a server then remembers.
    pub fn by_text(&self) -> Cmd {
        self.command("EVAL", self.script.source)
    }

    fn command(&self, verb: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(verb);
        command.arg(script).arg(1).arg(&self.key);
        for arg in &self.args {
            command.arg(arg.as_slice());
        }
        command
    }
}
