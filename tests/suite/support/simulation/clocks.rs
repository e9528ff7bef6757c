//! A node whose clock is not that of the others: libfaketime stands between its process and the system's clock. What is
//! measured in spans (the monotonic clock) goes on as it is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keyward::domain::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use super::accounts::{PASSWORD, USERS};
use crate::support::outside::install::Install;

/// How far it is from the others, ahead or behind, in seconds.
pub const OFF: i64 = 5;

/// The clock of one node, which can be set while it runs.
pub struct SetClock(PathBuf);

impl SetClock {
    /// Ahead, in the nodes of that installation that are started from now on.
    pub fn of(install: Install) -> (Self, Install) {
        Self::off_by(install, OFF)
    }

    /// That many seconds ahead, or behind where it is less than none.
    pub fn off_by(install: Install, seconds: i64) -> (Self, Install) {
        let clock = Self(install.path("clock"));
        clock.set(seconds);
        let install = install
            .with("LD_PRELOAD", library().display())
            .with("FAKETIME_TIMESTAMP_FILE", clock.0.display())
            .with("FAKETIME_CACHE_DURATION", 1)
            .with("FAKETIME_DONT_FAKE_MONOTONIC", 1);
        (clock, install)
    }

    /// From ahead to behind, or back; returns how far it is off then. It takes a second.
    pub fn turn(&self) -> i64 {
        let is_ahead = fs::read_to_string(&self.0).expect("a file").starts_with('+');
        let off = if is_ahead { -OFF } else { OFF };
        self.set(off);
        off
    }

    fn set(&self, off: i64) {
        // Never seen half written.
        let new = self.0.with_extension("new");
        fs::write(&new, format!("{off:+}")).expect("written");
        fs::rename(new, &self.0).expect("in place");
    }
}

fn library() -> PathBuf {
    const WHERE: &str = "faketime/libfaketimeMT.so.1";
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|folder| folder.path());
    let mut found = folders.chain([PathBuf::from("/usr/lib64")]).map(|folder| folder.join(WHERE));
    found.find(|path| Path::exists(path)).expect("libfaketime, which the simulation needs")
}

/// How far a node's clock is off, by a token that it issues; `None` where it issues none.
pub async fn off(url: &str) -> Option<i64> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let body = json!({ "username": USERS[0], "password": PASSWORD });
    let answer = client.post(format!("{url}/v1/login")).json(&body).send().await.ok()?;
    let answer: Value = answer.json().await.ok()?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(answer["access_token"].as_str()?.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Some(claims["iat"].as_i64()? - SystemClock.now().secs())
}
