//! Lists with a million users and a million sessions: what each page takes, end to end. It takes minutes to fill the
//! stores, so it is run by hand: docs/performance.md says how.

use std::{fs, time::Instant};

use keyward::domain::clock::{Clock, SystemClock};
use serde_json::Value;

use super::{Stage, send};
use crate::support::{
    outside::{nodes::node, resources::memory},
    servers::{postgres, redis},
};

const MILLION: usize = 1_000_000;
/// How often each page is asked for.
const ASKED: usize = 21;
const GOAL: f64 = 20.0;

/// Users whose names, addresses and roles are of the same kind: half are editors, few are auditors or disabled.
const USERS_IN_SQLITE: &str = "
    WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 1000000)
    INSERT INTO users (id, username, username_key, email, roles, status, password_hash, created_at)
    SELECT unhex(printf('01900000000070008000%012x', n)), 'User-' || n, 'user-' || n, 'Person-' || n || '@example.com',
        CASE WHEN n % 100000 = 0 THEN 'auditor' WHEN n % 2 = 0 THEN 'editor' ELSE '' END,
        CASE WHEN n % 100000 = 1 THEN 'disabled' ELSE 'active' END, '$argon2id$x', 1700000000000 + n FROM n";
const USERS_IN_POSTGRES: &str = "
    INSERT INTO users (id, username, username_key, email, roles, status, password_hash, created_at)
    SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'User-' || n, 'user-' || n,
        'Person-' || n || '@example.com',
        CASE WHEN n % 100000 = 0 THEN '{auditor}' WHEN n % 2 = 0 THEN '{editor}' ELSE '{}' END::text[],
        CASE WHEN n % 100000 = 1 THEN 'disabled' ELSE 'active' END, '$argon2id$x', 1700000000000 + n
    FROM generate_series(1, 1000000) AS n;
    ANALYZE users; ANALYZE user_roles";
/// One of each user, at the app `default`.
const SESSIONS_IN_SQLITE: &str = "
    INSERT INTO sessions (id, user_id, app, generation, issued_at, created_at, last_seen_at, expires_at)
    SELECT id, id, 'default', 0, :now, :now, :now - abs(random() % 600000), :now + 600000000 FROM users
    WHERE password_hash = '$argon2id$x' AND username_key BETWEEN :from AND :to";
const SESSIONS_IN_REDIS: &str = "
    local now, from = tonumber(ARGV[1]), tonumber(ARGV[2])
    for n = from, from + 9999 do
      local id = string.format('%021dA', n)
      local user = '\\1\\144\\0\\0\\0\\0\\112\\0\\128\\0\\0\\0\\0' .. string.char(math.floor(n / 65536), math.floor(n / 256) % 256, n % 256)
      redis.call('HSET', 'session:' .. id, 'u', user, 'a', 'default', 'n', '0', 'i', now, 's', now, 'l', now,
        'e', now + 600000000, 'z', now, 'b', string.rep('x', 32))
      redis.call('PEXPIRE', 'session:' .. id, 600000000)
      redis.call('ZADD', 'sessions:app:default', now - n % 600000, id)
    end
    redis.call('PEXPIRE', 'sessions:app:default', 600000000)";

/// How long a page takes, in ms: the median, and the middle of the slower half.
async fn takes(stage: &Stage, path: &str) -> (f64, f64, Value) {
    let (mut times, mut page) = (Vec::new(), Value::Null);
    for _ in 0..ASKED {
        let begun = Instant::now();
        let answer = send(stage.tools("GET", path)).await;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        page = answer.json();
    }
    times.sort_by(f64::total_cmp);
    (times[ASKED / 2], times[ASKED * 3 / 4], page)
}

/// How much is in use with so many sessions, once the node has looked at some of them.
async fn tell_memory(stage: &Stage, sessions: usize, store: u64) {
    stage.install.good(&["app", "update", "tools", "--role", "admin.read"]);
    let page = send(stage.tools("GET", "/admin/v1/sessions?app=default")).await;
    assert_eq!(page.status, 200, "{page:?}");
    let node = memory(&stage.server).resident;
    eprintln!("{sessions} sessions: the node has {} MiB, the store {} MiB", node >> 20, store >> 20);
}

fn used_by(connection: &mut ::redis::Connection) -> u64 {
    let info: ::redis::InfoDict = ::redis::cmd("INFO").arg("memory").query(connection).expect("INFO");
    info.get("used_memory").expect("a size")
}

async fn measure(stage: &Stage) {
    let deep = "01900000-0000-7000-8000-0000000dbba0";
    let mut slow = Vec::new();
    for path in [
        "users",
        "users?order=newest",
        &format!("users?cursor={deep}"),
        &format!("users?cursor={deep}&order=newest"),
        "users?role=editor",
        &format!("users?role=editor&cursor={deep}"),
        "users?role=auditor",
        "users?status=disabled",
        &format!("users?status=active&cursor={deep}"),
        "users?role=auditor&status=disabled",
        "users?role=editor&status=disabled",
        "users?search=user-9",
        "users?search=user-777777",
        "users?search=person-5",
        "users?search=u&role=auditor",
        "users?search=nobody",
        "sessions?app=default",
        &format!("sessions?user={deep}"),
    ] {
        let path = format!("/admin/v1/{path}");
        let (median, slower, page) = takes(stage, &path).await;
        let shown = page["users"].as_array().or(page["sessions"].as_array()).map_or(0, Vec::len);
        eprintln!("{median:>7.2} ms, three quarters in {slower:>7.2} ms, {shown:>4} shown: {path}");
        slow.extend((median > GOAL).then_some(path.clone()));
        if let Some(cursor) = page["next_cursor"].as_str() {
            let sign = if path.contains('?') { '&' } else { '?' };
            if !path.contains("cursor=") {
                let (median, slower, _) = takes(stage, &format!("{path}{sign}cursor={cursor}")).await;
                eprintln!("{median:>7.2} ms, three quarters in {slower:>7.2} ms, its second page");
            }
        }
    }
    let begun = Instant::now();
    let stats = send(stage.tools("GET", "/admin/v1/stats")).await.json();
    eprintln!("{:>7.2} ms: /admin/v1/stats {stats}", begun.elapsed().as_secs_f64() * 1000.0);
    assert!(stats["users"]["active"].as_u64() > Some(MILLION as u64 - 100), "{stats}");
    eprintln!("over {GOAL} ms: {slow:?}");
    assert!(cfg!(debug_assertions) || slow.is_empty(), "over {GOAL} ms: {slow:?}");
}

#[tokio::test]
#[ignore = "it fills a database for a minute"]
async fn a_million_in_sqlite() {
    let stage = Stage::new().await;
    let path = stage.install.path("data/keyward.db");
    let file = rusqlite::Connection::open(&path).expect("the database");
    file.busy_timeout(std::time::Duration::from_mins(1)).expect("set");
    file.execute_batch(USERS_IN_SQLITE).expect("users");
    let now = SystemClock.now().millis();
    let mut count = 0;
    // The names from `user-1` on are a tenth of all, and those from `user-2` on nine.
    for (from, to) in [("user-1", "user-1~"), ("user-2", "user-9~")] {
        let parts = rusqlite::named_params! { ":now": now, ":from": from, ":to": to };
        count += file.execute(SESSIONS_IN_SQLITE, parts).expect("sessions");
        file.pragma_update(None, "wal_checkpoint", "TRUNCATE").expect("written");
        tell_memory(&stage, count, fs::metadata(&path).expect("the database").len()).await;
    }
    drop(file);
    measure(&stage).await;
}

#[tokio::test]
#[ignore = "it fills a database for a minute"]
async fn a_million_in_postgres_and_redis() {
    let (redis, database) = (redis::Server::start(&[]), postgres::Server::start());
    let url = database.database();
    let stage = Stage::with(node(&redis, &url)).await;
    database.sql(url.rsplit('/').next().expect("a name"), USERS_IN_POSTGRES);
    let (mut connection, now) = (redis.connection(), SystemClock.now().millis());
    for from in (0..MILLION).step_by(10_000) {
        let mut eval = ::redis::cmd("EVAL");
        let script = eval.arg(SESSIONS_IN_REDIS).arg(0).arg(now).arg(from);
        script.query::<()>(&mut connection).expect("sessions");
        if [MILLION / 10, MILLION].contains(&(from + 10_000)) {
            tell_memory(&stage, from + 10_000, used_by(&mut connection)).await;
        }
    }
    measure(&stage).await;
}
