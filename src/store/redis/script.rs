//! The Lua scripts: each one atomic step on one key, so that it runs on a Cluster as it is. Where all keys are
//! on one server, those that write a session's hash write its `refresh:` keys and indexes in the same step.
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

/// The text of a script on an app's session.
macro_rules! of_app_session {
    ($file:literal) => {
        concat!(include_str!("app_sessions/prelude.lua"), include_str!(concat!("app_sessions/", $file)))
    };
}

/// The text of a script on a session's hash.
macro_rules! of_session {
    ($file:literal) => {
        concat!(
            include_str!("sessions/prelude.lua"),
            include_str!("sessions/enter.lua"),
            include_str!(concat!("sessions/", $file))
        )
    };
}

pub static OPEN: LazyLock<Script> = LazyLock::new(|| Script::new(of_session!("open.lua")));
pub static ROTATE: LazyLock<Script> = LazyLock::new(|| Script::new(of_session!("rotate.lua")));
pub static RENEW: LazyLock<Script> = LazyLock::new(|| Script::new(of_session!("renew.lua")));
pub static SEEN: LazyLock<Script> = LazyLock::new(|| Script::new(of_session!("seen.lua")));
pub static STEP_UP: LazyLock<Script> = LazyLock::new(|| Script::new(of_session!("step_up.lua")));
pub static END: LazyLock<Script> = LazyLock::new(|| Script::new(of_session!("end.lua")));
pub static INDEX: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(include_str!("sessions/enter.lua"), include_str!("sessions/index.lua")))
});
pub static PAGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("sessions/page.lua")));
pub static PRUNE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("sessions/prune.lua")));
pub static REFUSE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("revocations/refuse.lua")));
pub static USER: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("revocations/user.lua")));
pub static COUNT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("counters/count.lua")));
pub static TAKE_BACK: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("counters/take_back.lua")));
pub static SPEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("spend.lua")));
pub static AGREE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("agree.lua")));
pub static WRITABLE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("writable.lua")));
pub static APP_CREATE: LazyLock<Script> = LazyLock::new(|| Script::new(of_app_session!("create.lua")));
pub static APP_GET: LazyLock<Script> = LazyLock::new(|| Script::new(of_app_session!("get.lua")));
pub static APP_SET: LazyLock<Script> = LazyLock::new(|| Script::new(of_app_session!("set.lua")));
pub static APP_END: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("app_sessions/end.lua")));
pub static APP_ENTER: LazyLock<Script> = LazyLock::new(|| Script::new(of_app_session!("enter.lua")));
pub static APP_USE: LazyLock<Script> = LazyLock::new(|| Script::new(of_app_session!("use.lua")));
pub static APP_LEAVE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("app_sessions/leave.lua")));
pub static APP_SETTLE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("app_sessions/settle.lua")));
pub static APP_ACTIVE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("app_sessions/active.lua")));

static ALL: &[&LazyLock<Script>] = &[
    &OPEN,
    &ROTATE,
    &SEEN,
    &RENEW,
    &STEP_UP,
    &END,
    &INDEX,
    &PAGE,
    &PRUNE,
    &REFUSE,
    &USER,
    &COUNT,
    &TAKE_BACK,
    &SPEND,
    &AGREE,
    &WRITABLE,
    &APP_CREATE,
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

    /// Begins a call on a key.
    pub fn on(&self, key: &str) -> Call<'_> {
        Call { script: self, keys: vec![key.to_owned()], args: Vec::new() }
    }
}

/// A call of a script.
pub struct Call<'a> {
    script: &'a Script,
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
}

impl Call<'_> {
    pub fn arg(mut self, value: impl ToRedisArgs) -> Self {
        value.write_redis_args(&mut self.args);
        self
    }

    /// Adds keys that are on the same server.
    pub fn and_keys(mut self, keys: impl IntoIterator<Item = String>) -> Self {
        self.keys.extend(keys);
        self
    }

    /// The key it is on.
    pub fn key(&self) -> &str {
        &self.keys[0]
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
        command.arg(script).arg(self.keys.len()).arg(&self.keys);
        for arg in &self.args {
            command.arg(arg.as_slice());
        }
        command
    }
}
