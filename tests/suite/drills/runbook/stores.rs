//! Stores that are away, full, slow, or back without what they held.

use super::{PASSWORD, USER, does, logs, looks, says};
use crate::support::{
    outside::{
        install::Install,
        nodes::{comes_to, node, second_node},
    },
    servers::{postgres, redis},
};

fn with_alice(redis: &redis::Server) -> Install {
    let install = node(redis, &postgres::database());
    install.add_user(USER, PASSWORD, &[]);
    install
}

#[tokio::test]
async fn a_store_that_is_away_is_found() {
    let mut redis = redis::Server::start(&["--appendonly", "yes"]);
    let install = with_alice(&redis);
    let server = install.start().await;
    let alice = server.client().signed_in(USER, PASSWORD).await;
    redis.kill();
    alice.refreshes().await.problem(503, "store_unavailable");
    logs(&server, "a store is away");
    let title = "a store is away: which, and does it answer here";
    let said = looks(&install, title, &[]);
    says(&said, &["/readyz answers 503", "redis", "Could not connect to Redis", "accepting connections"]);

    redis.restart();
    comes_to(200, async || alice.refreshes().await).await;
    says(&does(&install, title, &[]), &["PONG", "accepting connections"]);
    logs(&server, "a store is back");
}

#[tokio::test]
async fn a_redis_that_is_full_is_given_more_memory() {
    let redis = redis::Server::start(&[]);
    let install = with_alice(&redis);
    let server = install.start().await;
    redis.ask::<()>("CONFIG SET maxmemory 1");
    server.client().login(USER, PASSWORD).await.problem(503, "store_unavailable");
    logs(&server, "OOM");
    says(&looks(&install, "a store is away: which, and does it answer here", &[]), &["is full: sign-in"]);
    let said = does(&install, "Redis is full: how much it has, and more", &[]);
    says(&said, &["used_memory:", "maxmemory:1\r", "OK"]);
    comes_to(200, async || server.client().login(USER, PASSWORD).await).await;
}

#[tokio::test]
async fn what_a_slow_store_is_busy_with_is_shown() {
    let redis = redis::Server::start(&[]);
    let install = with_alice(&redis);
    let server = install.start().await;
    redis.ask::<()>("CONFIG SET slowlog-log-slower-than 0");
    server.client().signed_in(USER, PASSWORD).await.refreshed().await;
    let title = "a store is slow: which calls, and what it is busy with";
    let said = does(&install, title, &[("MANAGEMENT", &server.management_url)]);
    says(&said, &[r#"store="redis",verb="sessions.rotate""#, r#"store="postgres",verb="#]);
    says(&said.to_lowercase(), &["evalsha", "select pid, state"]);
}

#[tokio::test]
async fn a_redis_that_came_back_empty_lets_nobody_in_who_had_signed_out() {
    let mut redis = redis::Server::start(&[]);
    let database = postgres::database();
    let install = node(&redis, &database);
    install.add_user(USER, PASSWORD, &[]);
    let second = second_node(&install, &redis, &database);
    let server = install.start().await;
    let out = server.client().signed_in(USER, PASSWORD).await;
    let inside = server.client().signed_in(USER, PASSWORD).await.refreshed().await;
    assert_eq!((inside.check().await.status, out.logout().await.status), (200, 204));
    redis.kill();
    redis.restart();

    comes_to(401, async || inside.refreshes().await).await.problem(401, "refresh_expired");
    out.check().await.refused(401, "token_revoked");
    // What the page warns of.
    let later = second.start().await;
    assert_eq!(out.at(&later.url).check().await.status, 200);
    let counted = later.client().at(&server.management_url).get("/metrics").await.text;
    says(&counted, &[r#"keyward_refreshes_total{outcome="refresh_expired"} "#]);

    later.terminate();
    server.terminate();
    does(&install, "Redis came back empty, or older: everybody signs in again", &[]);
    for node in [&install, &second] {
        let server = node.start().await;
        for client in [&out, &inside] {
            assert_eq!(client.at(&server.url).check().await.status, 401);
            assert_eq!(client.at(&server.url).refreshes().await.status, 401);
        }
        assert_eq!(server.client().signed_in(USER, PASSWORD).await.check().await.status, 200);
        server.terminate();
    }
}
