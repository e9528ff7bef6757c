//! Contract 4 and the distributed back end: Redis' keys, several nodes, and Redis in trouble.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    actor::{Actor, send},
    install::Install,
    nodes::{comes_to, node, second_node},
};
use crate::support::servers::{postgres, redis};

const PASSWORD: &str = "correct horse battery";

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

/// Every key with its remaining life in seconds.
fn keys(redis: &redis::Server) -> BTreeMap<String, i64> {
    let names: Vec<String> = redis.ask("KEYS *");
    names.into_iter().map(|name| (name.clone(), redis.ask(&format!("TTL {name}")))).collect()
}

#[tokio::test]
async fn redis_holds_the_keys_of_the_table() {
    let redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url());
    let server = install.start().await;
    let tokens = [server.admin().await];
    let tokens = [tokens[0].refreshed().await, tokens[0].clone()];
    let newest = tokens[0].refreshed().await;
    assert_eq!(newest.check().await.status, 200);
    server.client().login("admin", "wrong").await.problem(401, "invalid_credentials");

    let (session, user) =
        (&newest.session, claims(&newest.access)["sub"].as_str().expect("a sub").to_owned());
    let all = keys(&redis);
    assert!(all.values().all(|&life| life > 0), "a key without end: {all:?}");
    let sha256 = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
    let hashed = |token: &str| format!("refresh:{}", URL_SAFE_NO_PAD.encode(sha256(token)));
    let life = |name: &str| *all.get(name).unwrap_or_else(|| panic!("{name} in {all:?}"));
    for token in [&newest.refresh, &tokens[0].refresh] {
        assert!((604_700..=604_800).contains(&life(&hashed(token))), "{all:?}");
        assert_eq!(&redis.ask::<String>(&format!("GET {}", hashed(token))), session);
    }
    assert!(!all.contains_key(&hashed(&tokens[1].refresh)), "current and parent only: {all:?}");
    life(&format!("session:{session}"));
    assert_eq!(redis.ask::<String>(&format!("TYPE session:{session}")), "hash");
    for set in [format!("sessions:user:{user}"), "sessions:app:default".to_owned()] {
        life(&set);
        assert_eq!(redis.ask::<String>(&format!("TYPE {set}")), "zset");
        assert_eq!(redis.ask::<Vec<String>>(&format!("ZRANGE {set} 0 -1")), std::slice::from_ref(session));
    }
    let counter = format!("rate:session:{session}");
    assert!(life(&counter) <= 60 && redis.ask::<u32>(&format!("GET {counter}")) >= 1, "{all:?}");
    for kind in ["pair", "user", "ip"] {
        let name = all.keys().find(|name| name.starts_with(&format!("rate:login:{kind}:"))).expect(kind);
        assert!(life(name) <= 900, "{all:?}");
    }
}

#[tokio::test]
async fn a_logout_leaves_what_the_table_says() {
    let redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url());
    let server = install.start().await;
    let admin = server.admin().await;
    assert_eq!(admin.logout().await.status, 204);
    let all = keys(&redis);
    let jti = claims(&admin.access)["jti"].as_str().expect("a jti").to_owned();
    for name in [format!("blacklist:{jti}"), format!("blacklist:session:{}", admin.session)] {
        let life = *all.get(&name).unwrap_or_else(|| panic!("{name} in {all:?}"));
        // Up to a minute more, where the check allows for clocks that differ.
        assert!((850..=961).contains(&life), "{name}: {life}");
        assert_eq!(redis.ask::<String>(&format!("GET {name}")), "logout");
    }
    assert!(!all.keys().any(|name| name.starts_with("refresh:")), "{all:?}");
    assert!(all.values().all(|&life| life > 0), "a key without end: {all:?}");
}

#[tokio::test]
async fn keys_have_the_prefix_and_the_tokens_they_are_set_to() {
    let redis = redis::Server::start(&[]);
    let install = Install::new()
        .with("REDIS_URL", redis.url())
        .with("KEYWARD_STORAGE_REDIS_PREFIX", "shop:")
        .with("KEYWARD_STORAGE_REFRESH_KEYS", "plain");
    let server = install.start().await;
    let admin = server.admin().await;
    admin.check().await;
    admin.logout().await;
    let admin = server.admin().await;
    let all = keys(&redis);
    assert!(all.keys().all(|name| name.starts_with("shop:")), "{all:?}");
    assert!(all.contains_key(&format!("shop:refresh:{}", admin.refresh)), "{all:?}");
    let _: u32 = redis.ask(&format!("DEL shop:refresh:{}", admin.refresh));
    admin.refreshes().await.problem(401, "refresh_invalid");
}

#[tokio::test]
async fn a_key_an_operator_writes_is_heard_of() {
    let redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url());
    let server = install.start().await;
    for name in ["jti", "sid", "sub"] {
        let admin = server.admin().await;
        assert_eq!(admin.check().await.status, 200);
        let value = claims(&admin.access)[name].as_str().expect(name).to_owned();
        let key = match name {
            "jti" => format!("blacklist:{value}"),
            "sid" => format!("blacklist:session:{value}"),
            _ => format!("blacklist:user:{value}"),
        };
        let _: String = redis.ask(&format!("SET {key} admin EX 900"));
        comes_to(401, async || admin.check().await).await.refused(401, "token_revoked");
    }
}

/// That a key was written is known at once, and what it holds when Redis has said so. Until then no token is good by
/// what was known before.
#[tokio::test]
async fn what_redis_has_named_and_is_slow_to_tell_is_not_believed() {
    let redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_OUTAGE_CHECK", "0");
    let secret = install.good(&["app", "add", "shop", "--confidential"]).trim().to_owned();
    let server = install.start().await;
    let admin = server.admin().await;
    // A question that counts nothing in Redis.
    let introspected = async || {
        let form = admin.request("POST", "/oauth/introspect").basic_auth("shop", Some(&secret));
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        send(form.body(format!("token={}", admin.access))).await
    };
    assert_eq!(introspected().await.json()["active"], true);
    let key = format!("blacklist:session:{}", admin.session);
    let mut both = ::redis::pipe();
    both.atomic().set_ex(key, "logout", 900).cmd("CLIENT").arg(&["PAUSE", "400", "ALL"]);
    both.exec(&mut redis.connection()).expect("written, and nothing more is answered");
    tokio::time::sleep(Duration::from_millis(110)).await;
    let answer = introspected().await;
    assert!(answer.status == 503 || answer.json()["active"] == false, "{answer:?}");
    comes_to(401, async || admin.check().await).await.refused(401, "token_revoked");
}

#[tokio::test]
async fn a_session_that_has_spent_its_window_costs_redis_nothing_until_the_window_is_over() {
    let redis = redis::Server::start(&[]);
    let install = Install::new()
        .with("REDIS_URL", redis.url())
        .with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 2)
        .with("KEYWARD_RATE_LIMIT_SESSION_WINDOW", "2s");
    let server = install.start().await;
    let admin = server.admin().await;
    let spent = comes_to(429, async || admin.check().await).await;
    let counted = || redis.ask::<Option<u64>>(&format!("GET rate:session:{}", admin.session));
    let before = counted();
    for _ in 0..5 {
        admin.check().await.refused(429, "rate_limited");
    }
    assert!(counted().is_none_or(|now| Some(now) == before), "{before:?} became {:?}", counted());
    assert!(["1", "2"].contains(&spent.header("retry-after")), "{spent:?}");
    comes_to(200, async || admin.check().await).await;
}

#[tokio::test]
async fn two_nodes_are_one_server() {
    let redis = redis::Server::start(&[]);
    let database = postgres::database();
    let install = node(&redis, &database).with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 4);
    install.add_user("alice", PASSWORD, &[]);
    let first = install.start().await;
    let beside = second_node(&install, &redis, &database).with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 4);
    let second = beside.start().await;
    assert!(!second.printed().contains("curl "), "there is an account already");

    let alice = first.client().signed_in("alice", PASSWORD).await;
    let there = |actor: &Actor| actor.at(&second.url);
    for _ in 0..2 {
        assert_eq!(alice.check().await.status, 200);
        assert_eq!(there(&alice).check().await.status, 200);
    }
    there(&alice).check().await.refused(429, "rate_limited");
    alice.check().await.refused(429, "rate_limited");

    let other = second.client().signed_in("alice", PASSWORD).await;
    assert_eq!(there(&other).check().await.status, 200);
    assert_eq!(other.at(&first.url).logout().await.status, 204);
    comes_to(401, async || there(&other).check().await).await.refused(401, "token_revoked");

    let callers = (0..50).map(|number| {
        let caller = if number % 2 == 0 { alice.clone() } else { there(&alice) };
        tokio::spawn(async move { caller.refreshed().await.refresh })
    });
    let mut children = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        children.push(caller.await.expect("an answer"));
    }
    children.dedup();
    assert_eq!(children.len(), 1, "one child on both nodes");
}

#[tokio::test]
async fn a_new_node_knows_what_was_revoked_before() {
    let redis = redis::Server::start(&[]);
    let database = postgres::database();
    let install = node(&redis, &database);
    install.add_user("alice", PASSWORD, &[]);
    let first = install.start().await;
    let gone = first.client().signed_in("alice", PASSWORD).await;
    let stays = first.client().signed_in("alice", PASSWORD).await;
    assert_eq!(gone.logout().await.status, 204);
    let beside = second_node(&install, &redis, &database);
    let second = beside.start().await;
    gone.at(&second.url).check().await.refused(401, "token_revoked");
    assert_eq!(stays.at(&second.url).check().await.status, 200);
}

#[tokio::test]
async fn redis_away_is_503_and_never_401_and_heals() {
    let mut redis = redis::Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let install = Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_OUTAGE_CHECK", "3s");
    let server = install.start().await;
    let password = server.admin_password();
    let admin = server.admin().await;
    assert_eq!(admin.check().await.status, 200);
    redis.kill();
    assert_eq!(admin.check().await.status, 200, "checks go on from what is known");
    let body = json!({ "refresh_token": admin.refresh });
    for answer in [
        admin.refreshes().await,
        server.client().login("admin", &password).await,
        admin.logout().await,
        server.client().post("/v1/logout", &body).await,
        admin.get("/readyz").await,
    ] {
        answer.problem(503, "store_unavailable");
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{answer:?}");
    }
    assert_eq!(admin.get("/healthz").await.status, 200);
    let refused = comes_to(503, async || admin.check().await).await;
    refused.refused(503, "store_unavailable");
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{refused:?}");

    redis.restart();
    comes_to(200, async || admin.check().await).await;
    comes_to(200, async || admin.get("/readyz").await).await;
    let admin = admin.refreshed().await;
    assert_eq!(admin.logout().await.status, 204);
    admin.check().await.refused(401, "token_revoked");
}

#[tokio::test]
async fn with_no_outage_allowed_the_check_refuses_at_once() {
    let mut redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_OUTAGE_CHECK", "0");
    let server = install.start().await;
    let admin = server.admin().await;
    assert_eq!(admin.check().await.status, 200);
    redis.kill();
    comes_to(503, async || admin.check().await).await.refused(503, "store_unavailable");
}

#[test]
fn a_database_that_is_away_fails_the_start() {
    let redis = redis::Server::start(&[]);
    let begun = Instant::now();
    let install = node(&redis, "postgres://keyward:swordfish@127.0.0.1:1/keyward");
    let outcome = install.run(&["serve"]);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (Some(1), 1), "{outcome:?}");
    assert!(outcome.stderr.contains("127.0.0.1:1") && !outcome.stderr.contains("swordfish"), "{outcome:?}");
    assert!(begun.elapsed().as_secs() < 15, "it gives up after a few seconds");
}
