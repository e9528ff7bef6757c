//! Which room may use which, who may name a back end, and which crate is used where.

use std::{fs, path::Path};

use crate::source::{Origin, Source};

/// Each room with the rooms it may use.
const ROOMS: &[(&str, &[&str])] = &[
    ("answers", &["auth", "domain", "keys"]),
    ("app", &["auth", "config", "domain", "http", "keys", "mail", "measures", "store", "telemetry"]),
    ("auth", &["domain", "keys", "mail", "measures", "store"]),
    ("cli", &["answers", "app", "auth", "config", "domain", "gateway", "keys"]),
    ("config", &["domain"]),
    ("domain", &[]),
    ("gateway", &["domain"]),
    ("http", &["answers", "auth", "config", "domain", "keys", "measures"]),
    ("keys", &["domain"]),
    ("mail", &["domain"]),
    ("measures", &[]),
    ("store", &["domain", "measures"]),
    ("telemetry", &["config", "domain", "measures"]),
];

/// The folders of `store/` that keep its promises: seen by themselves and by `app` alone.
const BACK_ENDS: &[&str] = &["memory", "postgres", "redis", "sqlite"];

/// Crates that are used in some modules only.
const CRATES: &[(&str, &[&str])] = &[
    ("argon2", &["auth"]),
    ("argon2_rust", &["auth"]),
    ("axum", &["gateway::echo", "http"]),
    ("axum_server", &["app", "http"]),
    ("bcrypt", &["auth::sign_in::foreign"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("csv_core", &["cli::user::import"]),
    ("deadpool_postgres", &["store::postgres"]),
    ("fast_qr", &["auth::factors"]),
    ("httparse", &["gateway"]),
    ("idna", &["domain::user"]),
    ("jsonwebtoken", &["keys"]),
    ("lettre", &["mail"]),
    ("metrics_exporter_prometheus", &["telemetry"]),
    ("opentelemetry", &["telemetry"]),
    ("opentelemetry_otlp", &["telemetry"]),
    ("opentelemetry_sdk", &["telemetry"]),
    ("pem", &["keys"]),
    ("prost", &["http::check::ext_authz"]),
    ("redis", &["store::redis"]),
    ("refinery", &["store"]),
    ("rusqlite", &["store::sqlite"]),
    ("rustix", &["app", "cli", "keys"]),
    ("scrypt", &["auth::sign_in::foreign"]),
    ("sha_crypt", &["auth::sign_in::foreign"]),
    ("tokio_postgres", &["store::postgres"]),
    ("tonic", &["http::check::ext_authz"]),
    ("totp_rs", &["auth::factors"]),
    ("tower_http", &["http"]),
    ("tracing_opentelemetry", &["telemetry"]),
    ("url", &["auth::factors", "keys::key_proof"]),
    ("webauthn_rs_core", &["auth::factors"]),
    ("tracing_subscriber", &["telemetry"]),
    ("utoipa", &["answers", "http"]),
];

/// What `domain/` leaves to others: the system, and waiting for it.
const OUTSIDE: &[&str] = &["env", "fs", "io", "net", "process", "thread"];

/// What a file uses and may not, each as `FILE:LINE: RULE`.
fn broken(source: &Source) -> Vec<String> {
    let module = source.module();
    if module.is_empty() {
        return Vec::new();
    }
    let uses = source.uses();
    let rules = uses.iter().filter_map(|used| {
        let rule = match &used.of {
            Origin::Ours(target) => foreign_room(&module, target),
            Origin::Foreign(path) => foreign_crate(&module, path[0]).or_else(|| outside(&module, path)),
        };
        rule.map(|rule| format!("{}: {rule}", source.at(used.line)))
    });
    let mut broken: Vec<_> = rules.collect();
    broken.dedup();
    broken
}

fn foreign_room(module: &[&str], target: &[&str]) -> Option<String> {
    let (room, used) = (module[0], *target.first()?);
    let Some((_, may_use)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return Some(format!("{room} is no room: say in this test what it may use"));
    };
    if used != room && ROOMS.iter().any(|(name, _)| *name == used) && !may_use.contains(&used) {
        return Some(format!("{room} may not use {used}"));
    }
    let back_end = target.get(1).filter(|part| used == "store" && BACK_ENDS.contains(part))?;
    let may = room == "app" || (room == "store" && module.get(1).is_none_or(|own| own == back_end));
    (!may).then(|| format!("{} may not use the back end {back_end}", module.join("::")))
}

fn foreign_crate(module: &[&str], used: &str) -> Option<String> {
    let (_, places) = CRATES.iter().find(|(name, _)| *name == used)?;
    let here = format!("{}::", module.join("::"));
    let may = places.iter().any(|place| here.starts_with(&format!("{place}::")));
    (!may).then(|| format!("{used} is used in {} only", places.join(", ")))
}

fn outside(module: &[&str], path: &[&str]) -> Option<String> {
    let is_outside = match path {
        // An address is a value; a connection is not.
        ["std", "net", name, ..] => !name.ends_with("Addr"),
        ["std", part, ..] => OUTSIDE.contains(part),
        [first, ..] => ["futures_util", "tokio"].contains(first),
        [] => false,
    };
    (module[0] == "domain" && is_outside).then(|| format!("domain may not use {}", path.join("::")))
}

#[test]
fn the_map_says_the_same() {
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let map = fs::read_to_string(map).expect("the map");
    let rows = map.lines().filter_map(|line| {
        let (room, rest) = line.strip_prefix("| `")?.split_once("/` | ")?;
        let (_, may_use) = rest.strip_suffix(" |")?.rsplit_once(" | ")?;
        Some((room, may_use.split(", ").filter(|used| *used != "nothing").collect::<Vec<_>>()))
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable();
    let rules: Vec<_> = ROOMS.iter().map(|(room, may_use)| (*room, may_use.to_vec())).collect();
    assert_eq!(rows, rules);
}

#[test]
fn rooms_stay_apart() {
    let broken: Vec<_> = Source::all("src").iter().flat_map(broken).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// A made-up source: what breaks a rule in it.
fn broken_in(name: &str, text: &str) -> Vec<String> {
    broken(&Source::new("src", name, text))
}

#[test]
fn a_use_of_a_room_that_is_not_below_is_seen() {
    for (name, text) in [
        ("domain/user.rs", "use crate::store::error::StoreError;"),
        (
            "domain/user.rs",
            "use crate::{\n    domain::ids::UserId,\n    store::{self as kept, error::StoreError},\n};",
        ),
        ("http/me.rs", "fn me() {\n    crate::store::open();\n}"),
        ("http/me.rs", "use super::super::store::accounts::AccountStore;"),
        ("auth/mod.rs", "use crate::{domain::clock, http::problem::Problem};"),
        ("config/mod.rs", "use crate::keys;"),
        ("keys/mod.rs", "pub(crate) use crate::auth;"),
        ("attic/mod.rs", "use crate::domain::clock;"),
        ("domain/user.rs", "use std::{fmt, fs::File};"),
        ("domain/user.rs", "fn a() {\n    tokio::spawn(b());\n}"),
    ] {
        assert_eq!(broken_in(name, text).len(), 1, "{name}: {text}: {:?}", broken_in(name, text));
    }
    let text = "use crate::{\n    domain::ids::UserId,\n    http::Http,\n};";
    let broken = broken_in("auth/sign_in/login.rs", text);
    assert_eq!(broken, ["src/auth/sign_in/login.rs:3: auth may not use http"]);
}

#[test]
fn a_use_of_a_back_end_is_seen() {
    for (name, text) in [
        ("auth/sign_in/login.rs", "use crate::store::{error::StoreError, sqlite::SqliteStore};"),
        ("auth/sign_in/login.rs", "use crate::store;\nfn open() {\n    store::redis::open();\n}"),
        ("store/redis/mod.rs", "use crate::store::sqlite::rows;"),
        ("store/redis/sessions/mod.rs", "use super::super::memory::Shard;"),
        ("store/sessions.rs", "use super::redis::RedisStore;"),
    ] {
        assert_eq!(broken_in(name, text).len(), 1, "{name}: {text}: {:?}", broken_in(name, text));
    }
}

#[test]
fn a_crate_in_another_place_is_seen() {
    for (name, text) in [
        ("auth/sign_in/login.rs", "use axum::Json;"),
        ("auth/sign_in/login.rs", "use redis;"),
        ("store/error.rs", "impl From<rusqlite::Error> for StoreError {}"),
        ("store/redis/mod.rs", "use tokio_postgres as pg;"),
        ("http/wire/body.rs", "#[derive(clap::Args)]\nstruct A;"),
        ("app.rs", "use {\n    std::fmt,\n    argon2::Params,\n};"),
    ] {
        assert_eq!(broken_in(name, text).len(), 1, "{name}: {text}: {:?}", broken_in(name, text));
    }
}

#[test]
fn what_is_in_order_passes() {
    for (name, text) in [
        ("app/back_ends.rs", "use crate::store::{redis::{RedisStore, Topology}, sqlite::SqliteStore};"),
        ("app.rs", "use crate::store::redis;\nfn open() {\n    redis::RedisStore::open();\n}"),
        (
            "auth/sign_in/login.rs",
            "use crate::{domain::{app::App, user}, keys::KeyRing, store::accounts::AccountStore};",
        ),
        (
            "store/redis/revocations/feed.rs",
            "use redis::aio::PubSub;\nuse super::{RedisStore, super::error::StoreError};",
        ),
        ("domain/ids.rs", "// crate::store keeps it\n/// See [`crate::store::accounts`].\nuse std::fmt;"),
        ("http/mod.rs", "use axum::Router;\nuse self::check::check;"),
    ] {
        assert_eq!(broken_in(name, text), Vec::<String>::new(), "{name}: {text}");
    }
}
