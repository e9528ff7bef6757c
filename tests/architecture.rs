//! Keeps the rooms of `src/` apart: who may use whom, which crate is at home where, no function over
//! 60 lines, no file without a word on what it is for. Reads the text as rustfmt leaves it; it does
//! not see through macros.

use std::{collections::BTreeMap, fs, path::Path};

/// Each room with the rooms it may use. Whoever adds an arrow here checks that it closes no circle.
const ROOMS: &[(&str, &[&str])] = &[
    ("app", &["auth", "cli", "config", "domain", "http", "keys", "store", "telemetry"]),
    ("auth", &["domain", "keys", "store"]),
    ("cli", &["app", "auth", "config", "domain", "gateway", "keys"]),
    ("config", &["domain"]),
    ("domain", &[]),
    ("gateway", &["domain"]),
    ("http", &["auth", "config", "domain", "keys"]),
    ("keys", &["domain"]),
    ("store", &["domain"]),
    ("telemetry", &["config"]),
];

/// The folders of `store/` that keep its promises: seen by themselves and by `app` alone.
const BACK_ENDS: &[&str] = &["memory", "postgres", "redis", "sqlite"];

/// Crates that are at home in some modules only.
const HOMES: &[(&str, &[&str])] = &[
    ("argon2", &["auth"]),
    ("argon2_rust", &["auth"]),
    ("axum", &["gateway::echo", "http"]),
    ("axum_server", &["app", "http"]),
    ("clap", &["cli"]),
    ("deadpool_postgres", &["store::postgres"]),
    ("httparse", &["gateway"]),
    ("jsonwebtoken", &["keys"]),
    ("metrics_exporter_prometheus", &["telemetry"]),
    ("pem", &["keys"]),
    ("prost", &["http::check::ext_authz"]),
    ("redis", &["store::redis"]),
    ("refinery", &["store"]),
    ("rusqlite", &["store::sqlite"]),
    ("rustix", &["app", "keys"]),
    ("tokio_postgres", &["store::postgres"]),
    ("tonic", &["http::check::ext_authz"]),
    ("tower_http", &["http"]),
    ("tracing_subscriber", &["telemetry"]),
];

const LONGEST_FUNCTION: usize = 60;

#[test]
fn rooms_stay_apart() {
    let mut broken = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut broken);
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

fn walk(folder: &Path, prefix: &str, broken: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = format!("{prefix}{}", path.file_name().expect("a name").to_string_lossy());
        if path.is_dir() {
            walk(&path, &format!("{name}/"), broken);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            broken.extend(judge(&name, &fs::read_to_string(&path).expect("UTF-8")));
        }
    }
}

/// What breaks a rule in a file, each as `src/FILE:LINE: RULE`. `name` is relative to `src/`.
fn judge(name: &str, text: &str) -> Vec<String> {
    let module: Vec<&str> = name.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").collect();
    let mut broken = Vec::new();
    if !text.starts_with("//!") {
        broken.push((1, "a file opens with //! and what it is for".to_owned()));
    }
    broken.extend(long_functions(text));
    if !matches!(module[..], ["lib" | "main"]) {
        broken.extend(foreign_uses(&module, text));
    }
    broken.into_iter().map(|(line, rule)| format!("src/{name}:{line}: {rule}")).collect()
}

fn long_functions(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some((before, after)) = line.split_once("fn ") else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let opens = before.split_whitespace().all(|word| word.starts_with("pub") || is_qualifier(word));
        if !opens || after.ends_with(';') {
            continue;
        }
        let ends = |line: &&str| line.strip_prefix(indent).is_some_and(|rest| rest == "}" || rest == ") {}");
        let length = lines[start..].iter().position(ends).map_or(1, |end| end + 1);
        if length > LONGEST_FUNCTION && !line.ends_with('}') {
            long.push((start + 1, format!("a function of {length} lines is too long")));
        }
    }
    long
}

fn is_qualifier(word: &str) -> bool {
    ["async", "const", "extern", "unsafe"].contains(&word) || word.starts_with('"')
}

fn foreign_uses(module: &[&str], text: &str) -> Vec<(usize, String)> {
    let code = without_comments(text);
    let found = paths(&code);
    let mut named: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (_, path) in &found {
        if let (Some(target), Some(name)) = (absolute(module, path), path.last()) {
            named.insert(name, target);
        }
    }
    let mut broken = Vec::new();
    for (line, path) in &found {
        let ours = absolute(module, path).or_else(|| {
            let target = named.get(path[0])?;
            Some(target.iter().chain(&path[1..]).copied().collect())
        });
        let rule =
            ours.map_or_else(|| foreign_crate(module, path[0]), |target| foreign_room(module, &target));
        broken.extend(rule.map(|rule| (*line, rule)));
    }
    broken.dedup();
    broken
}

/// The path from the root of our own crate; `None` for one that begins elsewhere.
fn absolute<'a>(module: &[&'a str], path: &[&'a str]) -> Option<Vec<&'a str>> {
    let supers = path.iter().take_while(|part| **part == "super").count();
    match path[0] {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module, &path[1..]].concat()),
        "super" => Some([&module[..module.len().saturating_sub(supers)], &path[supers..]].concat()),
        _ => None,
    }
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
    let at_home = room == "app" || (room == "store" && module.get(1).is_none_or(|own| own == back_end));
    (!at_home).then(|| format!("{} may not use the back end {back_end}", module.join("::")))
}

fn foreign_crate(module: &[&str], used: &str) -> Option<String> {
    let (_, homes) = HOMES.iter().find(|(name, _)| *name == used)?;
    let here = format!("{}::", module.join("::"));
    let at_home = homes.iter().any(|home| here.starts_with(&format!("{home}::")));
    (!at_home).then(|| format!("{used} is at home in {} only", homes.join(", ")))
}

/// The same lines with their comments blank.
fn without_comments(text: &str) -> String {
    let code = text.lines().map(|line| {
        if line.trim_start().starts_with("//") { "" } else { line.split(" // ").next().unwrap_or(line) }
    });
    code.collect::<Vec<_>>().join("\n")
}

/// Every path of two or more parts, and whatever stands alone after `use`, with its line.
fn paths(code: &str) -> Vec<(usize, Vec<&str>)> {
    let mut found = Vec::new();
    let mut rest = code;
    let mut word = "";
    while let Some(start) = rest.find(is_name) {
        let mut here = Vec::new();
        let after = expand(&rest[start..], &[], &mut here);
        here.retain(|(_, path)| path.len() > 1 || word == "use");
        word = &rest[start..rest.len() - after.len()];
        found.extend(here.into_iter().map(|(left, path)| (line(code, left), path)));
        rest = after;
    }
    found
}

/// Reads the path at the start of `rest`, its groups opened up, and returns what comes after. Each
/// comes with how much of the text was left where it ended.
fn expand<'a>(mut rest: &'a str, prefix: &[&'a str], found: &mut Vec<(usize, Vec<&'a str>)>) -> &'a str {
    let mut path = prefix.to_vec();
    loop {
        let (part, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        path.extend((!part.is_empty() && part != "self" || path.is_empty()).then_some(part));
        let Some(after) = after.strip_prefix("::") else {
            found.push((after.len(), path));
            return after;
        };
        rest = after;
        if let Some(group) = after.strip_prefix('{') {
            rest = group.trim_start();
            while !rest.is_empty() && !rest.starts_with('}') {
                rest = expand(rest, &path, found);
                let next = rest.find([',', '}']).unwrap_or(rest.len());
                rest = rest[next..].trim_start_matches(',').trim_start();
            }
            return rest.get(1..).unwrap_or("");
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn line(code: &str, left: usize) -> usize {
    code[..code.len() - left].lines().count()
}

/// Made-up sources: what `judge` says of `text` in the file `name`.
fn broken(name: &str, text: &str) -> Vec<String> {
    judge(name, &format!("//! What it is for.\n{text}"))
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
    ] {
        assert_eq!(broken(name, text).len(), 1, "{name}: {text}: {:?}", broken(name, text));
    }
    let text = "use crate::{\n    domain::ids::UserId,\n    http::Http,\n};";
    assert_eq!(broken("auth/sign_in/login.rs", text), ["src/auth/sign_in/login.rs:4: auth may not use http"]);
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
        assert_eq!(broken(name, text).len(), 1, "{name}: {text}: {:?}", broken(name, text));
    }
}

#[test]
fn a_crate_away_from_home_is_seen() {
    for (name, text) in [
        ("auth/sign_in/login.rs", "use axum::Json;"),
        ("auth/sign_in/login.rs", "use redis;"),
        ("store/error.rs", "impl From<rusqlite::Error> for StoreError {}"),
        ("store/redis/mod.rs", "use tokio_postgres as pg;"),
        ("http/wire/body.rs", "#[derive(clap::Args)]\nstruct A;"),
        ("app.rs", "use {\n    std::fmt,\n    argon2::Params,\n};"),
    ] {
        assert_eq!(broken(name, text).len(), 1, "{name}: {text}: {:?}", broken(name, text));
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
        ("auth/mod.rs", "fn short();\nfn one() {}\npub async fn two(\n    a: u8,\n) {}"),
    ] {
        assert_eq!(broken(name, text), Vec::<String>::new(), "{name}: {text}");
    }
}

#[test]
fn a_long_function_and_a_silent_file_are_seen() {
    let function =
        |lines| format!("impl A {{\n    pub async fn f() {{\n{}    }}\n}}\n", "        a();\n".repeat(lines));
    assert_eq!(broken("app/mod.rs", &function(58)), Vec::<String>::new());
    assert_eq!(broken("app/mod.rs", &function(59)), ["src/app/mod.rs:3: a function of 61 lines is too long"]);
    assert_eq!(judge("app/mod.rs", "use std::fmt;\n").len(), 1);
}
