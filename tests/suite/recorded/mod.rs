//! What earlier versions left behind: a database, keys and a Redis as they wrote them, with what their clients held,
//! in tests/recorded. This version starts on each of them, and nobody notices.

mod keyspace;
mod record;

use std::{
    fs::{self, DirBuilder, Permissions},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use keyward::domain::clock::{Clock, SystemClock};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    outside::{
        actor::{Actor, Answer},
        ask::Ask,
        install::{Install, Server},
    },
    servers::redis,
    simulation::clocks::SetClock,
};

const USER: &str = "alice";
const PASSWORD: &str = "seven words make a fine passphrase indeed";
const SHOP: &str = "shop";
/// So long after the recording: later than any retry of a refresh, and before the access tokens end.
const LATER: i64 = 60;

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// What both have: the issuer that the tokens name, and sessions that are still there in years.
fn settled(install: Install) -> Install {
    install
        .with("KEYWARD_SERVER_PUBLIC_URL", "http://127.0.0.1:8080")
        .with("KEYWARD_TOKENS_REFRESH_TTL", "3650d")
        .with("KEYWARD_TOKENS_SESSION_MAX_AGE", 0)
}

/// An installation as a recording has it, at the time of the recording.
struct Again {
    install: Install,
    clients: Value,
    shop: String,
    _clock: SetClock,
    _redis: Option<redis::Server>,
}

impl Again {
    fn of(recording: &Path, home: &str) -> Self {
        let read = |name: &str| fs::read_to_string(recording.join(name)).expect("a file");
        let clients: Value = serde_json::from_str(&read("clients.json")).expect("JSON");
        let install = settled(Install::new());
        copy(&recording.join("keys"), &install.path("keys"));
        copy(&recording.join("data"), &install.path("data"));
        let recorded_at = clients["recorded_at"].as_i64().expect("a moment");
        let off = recorded_at + LATER - SystemClock.now().secs();
        let (clock, install) = SetClock::off_by(install, off);
        let redis = (home == "redis").then(|| {
            let server = redis::Server::start(&[]);
            keyspace::restore(&server, &read("redis.jsonl"));
            server
        });
        let install = redis.iter().fold(install, |install, redis| install.with("REDIS_URL", redis.url()));
        let shop = clients["shop"].as_str().expect("a secret").to_owned();
        Self { install, clients: clients[home].clone(), shop, _clock: clock, _redis: redis }
    }

    /// A client, with the tokens that it held.
    fn client(&self, server: &Server, name: &str) -> Actor {
        let text = |part: &str| self.clients[name][part].as_str().expect(part).to_owned();
        let mut client = server.client().with_access(&text("access")).with_refresh(&text("refresh"));
        client.session = text("session");
        client
    }

    fn held(&self, what: &str) -> &str {
        self.clients[what].as_str().expect(what)
    }
}

/// A folder, as the server wants its own: closed to others.
fn copy(from: &Path, to: &Path) {
    DirBuilder::new().mode(0o700).create(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let file = entry.expect("a file").path();
        let copy = to.join(file.file_name().expect("a name"));
        fs::copy(&file, &copy).expect("copied");
        fs::set_permissions(&copy, Permissions::from_mode(0o600)).expect("closed");
    }
}

fn kept(server: &Server, secret: &str, token: &str) -> Answer {
    let ask = Ask::new(&format!("GET /v1/apps/{SHOP}/sessions/current"));
    ask.app(SHOP, secret).line("Keyward-Session", token).at(&server.url)
}

#[rstest]
#[tokio::test]
async fn what_an_earlier_version_left_goes_on_and_who_had_signed_out_stays_out(
    #[values("embedded", "redis")] home: &str,
) {
    let recordings = recordings();
    assert!(!recordings.is_empty());
    for recording in recordings {
        let again = Again::of(&recording, home);
        let server = again.install.start().await;
        let (stays, refreshed) = (again.client(&server, "stays"), again.client(&server, "refreshed"));
        for client in [&stays, &refreshed] {
            assert_eq!(client.check().await.status, 200, "{recording:?}");
            assert_eq!(client.refreshed().await.check().await.status, 200, "{recording:?}");
        }
        let left = again.client(&server, "left");
        left.check().await.refused(401, "token_revoked");
        left.refreshes().await.problem_with_reason(401, "session_ended", "logout");
        let by_cookie = Ask::new("GET /v1/check").line("Cookie", again.held("cookie")).at(&server.url);
        assert_eq!(by_cookie.status, 200, "{by_cookie:?}");
        let held = kept(&server, &again.shop, again.held("kept"));
        assert_eq!((held.status, &held.json()["data"]), (200, &json!({ "n": 1 })), "{held:?}");
        // A token that was replaced then is known to be a replaced one.
        let copied = refreshed.with_refresh(again.held("replaced"));
        copied.refreshes().await.problem(401, "refresh_reused");

        let alice = server.client().signed_in(USER, PASSWORD).await;
        assert_eq!(alice.check().await.status, 200, "{recording:?}");
        let sealing = again.install.good(&["key", "list", "--sealing"]);
        assert!(sealing.contains("sealing"), "{sealing}");
        let events = again.install.good(&["audit", "--user", USER, "--kind", "signed_out"]);
        assert!(home == "redis" || events.contains(&left.session), "{events}");
    }
}
