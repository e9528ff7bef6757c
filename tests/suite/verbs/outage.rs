//! Redis away: sign-in, refresh and sign-out say so, the check goes on for `outage.check` and no
//! longer, and nothing that was revoked passes meanwhile.

use std::time::{Duration, Instant};

use crate::support::{
    actor::{Options, PASSWORD, Server, USER, occasion},
    backends::{BackEnd, eventually, retried},
    keyspace::Keyspace,
    servers::redis,
};
use keyward::{
    auth::{error::AuthError, sessions::logout::Shown, tokens::issue::TokenSet},
    domain::{clock::Clock, session::EndReason},
    store::{redis::connection::target::Mode, sessions::Ending},
};

async fn server_on(redis: &redis::Server, options: Options) -> Server {
    let keyspace = Keyspace::of(vec![redis.url()], Mode::Single);
    Server::with(BackEnd::in_keyspace(keyspace).await, options).await
}

fn code<T>(answer: Result<T, AuthError>) -> Option<&'static str> {
    answer.err().map(|error| error.code())
}

/// Everything but the check.
async fn assert_all_else_is_unavailable(server: &Server, tokens: &TokenSet) {
    let away = Some("store_unavailable");
    let access = [Shown::Access(&tokens.access_token)];
    assert_eq!(code(server.try_login(USER, PASSWORD, None).await), away);
    assert_eq!(code(server.refresh(tokens.refresh_token.expose()).await), away);
    assert_eq!(code(server.auth.logout(&access, &occasion()).await), away);
    assert_eq!(code(server.logout_all(&tokens.access_token).await), away);
}

#[tokio::test]
async fn the_check_outlasts_a_killed_redis_for_as_long_as_is_set() {
    let mut redis = redis::Server::start(&[]);
    let server = server_on(&redis, Options::default()).await;
    let (tokens, ended, unseen) = (server.login().await, server.login().await, server.login().await);
    server.check(&tokens.access_token).await.expect("passes");
    server.logout(Some(&ended.access_token), None).await;

    redis.kill();
    server.check(&tokens.access_token).await.expect("goes on");
    server.check(&unseen.access_token).await.expect("also for a token that was not seen before");
    assert_eq!(
        code(server.check(&ended.access_token).await),
        Some("token_revoked"),
        "what is known stays so"
    );
    assert_all_else_is_unavailable(&server, &tokens).await;
    server.back_end.clock.advance(Duration::from_secs(10));
    assert_eq!(code(server.check(&tokens.access_token).await), Some("store_unavailable"));
    assert_eq!(code(server.check(&ended.access_token).await), Some("token_revoked"));

    redis.restart();
    eventually("the feed follows again", || server.back_end.set.is_following()).await;
    server.check(&tokens.access_token).await.expect("without a restart");
    server.login().await;
}

#[tokio::test]
async fn a_redis_that_hangs_is_noticed_and_does_not_hang_the_check() {
    let redis = redis::Server::start(&[]);
    let server = server_on(&redis, Options::default()).await;
    let tokens = server.login().await;
    server.check(&tokens.access_token).await.expect("passes");

    let hung = redis.hang();
    eventually("the feed is blind", || !server.back_end.set.is_following()).await;
    let begun = Instant::now();
    for _ in 0..100 {
        server.check(&tokens.access_token).await.expect("goes on");
    }
    // The first one waits for an answer; the others know that there is none.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_all_else_is_unavailable(&server, &tokens).await;
    drop(hung);
    eventually("the feed follows again", || server.back_end.set.is_following()).await;
    server.refresh(tokens.refresh_token.expose()).await.expect("nothing is lost");
}

#[tokio::test]
async fn with_no_patience_the_check_refuses_at_once() {
    let mut redis = redis::Server::start(&[]);
    let server = server_on(&redis, Options { outage: Duration::ZERO, ..Options::default() }).await;
    let tokens = server.login().await;
    server.check(&tokens.access_token).await.expect("passes");
    redis.kill();
    assert_eq!(code(server.check(&tokens.access_token).await), Some("store_unavailable"));
    redis.restart();
}

#[tokio::test]
async fn the_limit_holds_on_this_node_while_redis_is_away() {
    let mut redis = redis::Server::start(&[]);
    let server = server_on(&redis, Options { session_limit: 3, ..Options::default() }).await;
    let tokens = server.login().await;
    redis.kill();
    for _ in 0..3 {
        server.check(&tokens.access_token).await.expect("passes");
    }
    assert_eq!(code(server.check(&tokens.access_token).await), Some("rate_limited"));
    redis.restart();
}

#[tokio::test]
async fn a_sight_that_could_not_be_stored_or_was_lost_is_confirmed_at_the_next() {
    let mut redis = redis::Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let server = server_on(&redis, Options::default()).await;
    let old = server.login().await;
    let new = server.refresh(old.refresh_token.expose()).await.expect("granted");
    redis.kill();
    server.check(&new.access_token).await.expect("goes on");
    redis.restart();
    eventually("the feed follows again", || server.back_end.set.is_following()).await;
    server.check(&new.access_token).await.expect("passes");
    let confirmed = || -> Option<i64> {
        server.back_end.keyspace().ask("HGET", &format!("session:{}", new.session), "c")
    };
    assert!(confirmed().is_some());

    // A failover forgets it; the node has long seen the token.
    server.back_end.keyspace().ask::<()>("HDEL", &format!("session:{}", new.session), "c");
    let breaks = server.back_end.set.breaks();
    redis.ask::<()>("CLIENT KILL TYPE normal SKIPME yes");
    eventually("the feed is lost", || server.back_end.set.breaks() > breaks).await;
    eventually("the feed follows again", || server.back_end.set.is_following()).await;
    server.check(&new.access_token).await.expect("passes");
    assert!(confirmed().is_some());
    server.elapse(Duration::from_secs(10)).await;
    assert_eq!(code(server.refresh(old.refresh_token.expose()).await), Some("refresh_reused"));
}

#[tokio::test]
async fn a_clock_that_is_set_neither_lengthens_nor_ends_an_outage() {
    let mut redis = redis::Server::start(&[]);
    let server = server_on(&redis, Options::default()).await;
    let tokens = server.login().await;
    server.check(&tokens.access_token).await.expect("passes");
    let clock = &server.back_end.clock;
    // Set forward, a healthy node does not notice,
    clock.set(clock.now() + Duration::from_mins(5));
    server.check(&tokens.access_token).await.expect("passes");
    redis.kill();
    server.check(&tokens.access_token).await.expect("goes on");
    // nor does one that has just lost its Redis.
    clock.set(clock.now() + Duration::from_mins(5));
    server.check(&tokens.access_token).await.expect("goes on");
    // Set back, it goes on for no longer.
    clock.set(clock.now() - Duration::from_mins(9));
    clock.advance(Duration::from_secs(9));
    server.check(&tokens.access_token).await.expect("goes on");
    clock.advance(Duration::from_secs(1));
    assert_eq!(code(server.check(&tokens.access_token).await), Some("store_unavailable"));

    // And it is asked again as soon as it is back.
    clock.set(clock.now() - Duration::from_mins(1));
    redis.restart();
    eventually("the feed follows again", || server.back_end.set.is_following()).await;
    server.check(&tokens.access_token).await.expect("passes");
}

#[tokio::test]
async fn what_redis_answered_while_the_feed_was_down_is_kept_when_it_hangs() {
    let redis = redis::Server::start(&[]);
    let mut server = server_on(&redis, Options::default()).await;
    let (tokens, unasked) = (server.login().await, server.login().await);
    server.check(&tokens.access_token).await.expect("passes");
    let there = server.back_end.another_node().await;
    server.back_end.stop_following();
    eventually("the feed is down", || !server.back_end.set.is_following()).await;
    for tokens in [&tokens, &unasked] {
        let (session, reason) = (tokens.session, EndReason::Logout);
        let ending = Ending { session, owner: None, token: None, reason };
        there.sessions.end(&ending, server.now()).await.expect("ended");
    }
    assert_eq!(code(server.check(&tokens.access_token).await), Some("token_revoked"), "by Redis");
    let _hung = redis.hang();
    assert_eq!(code(server.check(&tokens.access_token).await), Some("token_revoked"), "from memory");
    // Only the feed says that all is known; one answer does not make the node sure of the others.
    server.back_end.clock.advance(Duration::from_secs(10));
    assert_eq!(code(server.check(&unasked.access_token).await), Some("store_unavailable"));
}

#[tokio::test]
async fn checks_do_not_wait_again_and_again_for_a_replica_that_is_away() {
    let redis = redis::Server::start(&[]);
    let replica = redis::Server::start(&["--replicaof", "127.0.0.1", &redis.port().to_string()]);
    let mut keyspace = Keyspace::of(vec![redis.url()], Mode::Single);
    keyspace.wait_for_replicas = 1;
    eventually("the replica follows", || redis.ask::<i64>("WAIT 1 100") == 1).await;
    let server = Server::with(BackEnd::in_keyspace(keyspace).await, Options::default()).await;
    let old = retried(async || server.try_login(USER, PASSWORD, None).await).await;
    let new = retried(async || server.refresh(old.refresh_token.expose()).await).await;
    let hung = replica.hang();
    let waits = || redis.calls_of("wait");
    let before = waits();
    for _ in 0..20 {
        server.check(&new.access_token).await.expect("passes");
    }
    assert!(waits() - before < 4, "{} of 20 have waited", waits() - before);
    drop(hung);
    eventually("the replica follows", || redis.ask::<i64>("WAIT 1 100") == 1).await;
    server.elapse(Duration::from_secs(5)).await;
    server.check(&new.access_token).await.expect("passes");
    server.elapse(Duration::from_secs(10)).await;
    assert_eq!(code(server.refresh(old.refresh_token.expose()).await), Some("refresh_reused"));
}
