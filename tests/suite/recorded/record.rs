//! How a recording is made: a server of this version, embedded and then with Redis, on new stores and keys, and
//! clients of every kind. It is a test, so that it stands on what the others stand on; tests/recorded/README.md says when
//! it is run.

use std::{fs, path::Path};

use keyward::domain::clock::{Clock, SystemClock};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{PASSWORD, SHOP, USER, kept, keyspace, settled};
use crate::support::{
    outside::{
        actor::Actor,
        ask::Ask,
        install::{Install, Server},
    },
    servers::redis,
};

fn held_by(client: &Actor) -> Value {
    json!({ "access": client.access, "refresh": client.refresh, "session": client.session })
}

/// Signs clients in and out, and says what they hold then.
async fn clients(server: &Server, secret: &str) -> Value {
    let sign_in = async || server.client().signed_in(USER, PASSWORD).await;
    let (stays, first, left) = (sign_in().await, sign_in().await, sign_in().await);
    let refreshed = first.refreshed().await;
    assert_eq!(refreshed.check().await.status, 200);
    assert_eq!(left.logout().await.status, 204);
    let body = json!({ "username": USER, "password": PASSWORD, "transport": "session" });
    let opened = Ask::new("POST /v1/login").json(&body).at(&server.url);
    let cookies = opened.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    let mut cookies = cookies.filter(|cookie| cookie.starts_with("keyward-session="));
    let cookie = cookies.next().and_then(|cookie| cookie.split(';').next()).expect("a cookie");
    let body = json!({ "user": "anna", "ip": "192.0.2.1", "ttl": 604_800, "data": { "n": 1 } });
    let path = format!("POST /v1/apps/{SHOP}/sessions");
    let created = Ask::new(&path).app(SHOP, secret).json(&body).at(&server.url).json();
    let token = created["token"].as_str().expect("a token");
    assert_eq!(kept(server, secret, token).status, 200);
    json!({
        "stays": held_by(&stays), "refreshed": held_by(&refreshed), "left": held_by(&left),
        "replaced": first.refresh, "cookie": cookie, "kept": token,
    })
}

/// The step of the schema that this version is at.
fn schema(database: &Path) -> i64 {
    let database = Connection::open(database).expect("opened");
    let newest = "SELECT max(version) FROM refinery_schema_history";
    database.query_row(newest, [], |row| row.get(0)).expect("a number")
}

#[tokio::test]
#[ignore = "writes to tests/recorded, whose README says when it is run"]
async fn a_recording_is_made() {
    let install = settled(Install::new());
    install.add_user(USER, PASSWORD, &[]);
    let secret = install.good(&["app", "add", SHOP, "--confidential"]).trim_end().to_owned();
    let server = install.start().await;
    let embedded = clients(&server, &secret).await;
    install.good(&["backup", "copy.db"]);
    server.terminate();

    let redis = redis::Server::start(&[]);
    let with_redis = Install::beside(&install).with("REDIS_URL", redis.url());
    let server = with_redis.start().await;
    let in_redis = clients(&server, &secret).await;
    server.terminate();

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(format!(
        "{}-v{}",
        env!("CARGO_PKG_VERSION"),
        schema(&install.path("copy.db"))
    ));
    fs::create_dir(&folder).expect("there is no such recording yet");
    for part in ["keys", "data"] {
        fs::create_dir(folder.join(part)).expect("made");
    }
    let keys = fs::read_dir(install.path("keys")).expect("a folder").map(|file| file.expect("a file").path());
    for key in keys.filter(|path| path.extension().is_some()) {
        fs::copy(&key, folder.join("keys").join(key.file_name().expect("a name"))).expect("copied");
    }
    fs::copy(install.path("copy.db"), folder.join("data/keyward.db")).expect("copied");
    fs::write(folder.join("redis.jsonl"), keyspace::dump(&redis)).expect("written");
    let clients = json!({
        "recorded_at": SystemClock.now().secs(), "shop": secret, "embedded": embedded, "redis": in_redis,
    });
    fs::write(folder.join("clients.json"), format!("{clients:#}\n")).expect("written");
}
