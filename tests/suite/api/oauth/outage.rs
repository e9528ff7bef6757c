//! TOK-14 and REV-04: Redis away is 503, and never a reason to throw a token away.

use super::{Stage, is_error};
use crate::support::{
    outside::{actor::Answer, install::Install, nodes::comes_to},
    servers::redis,
};

#[track_caller]
fn is_away(answer: &Answer) {
    is_error(answer, 503, "temporarily_unavailable");
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{answer:?}");
}

#[tokio::test]
async fn tok_14_and_rev_04_redis_away_is_503_and_heals() {
    let mut redis = redis::Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let install = Install::new().with("REDIS_URL", redis.url()).with("KEYWARD_OUTAGE_CHECK", "0");
    let stage = Stage::on(install).await;
    let user = stage.signed_in_to("phone").await;
    assert_eq!(stage.introspected(&user.access).await["active"], true);
    let revoke =
        async |token: &str| stage.form("/oauth/revoke", &[("client_id", "phone"), ("token", token)]).await;
    let introspect = async || stage.form_of_shop("/oauth/introspect", &[("token", &user.access)]).await;

    redis.kill();
    is_away(&stage.refresh_as("phone", &user.refresh).await);
    is_away(&revoke(&user.refresh).await);
    is_away(&comes_to(503, introspect).await);
    is_error(&stage.refresh_as("phone", "kwr_nonsense").await, 400, "invalid_grant");

    redis.restart();
    comes_to(200, introspect).await;
    let user =
        user.with_tokens(&comes_to(200, async || stage.refresh_as("phone", &user.refresh).await).await);
    assert_eq!(revoke(&user.access).await.status, 200);
    user.check().await.refused(401, "token_revoked");
    let user = user.with_tokens(&stage.refresh_as("phone", &user.refresh).await);
    assert_eq!(revoke(&user.refresh).await.status, 200);
    user.check().await.refused(401, "token_revoked");
    is_error(&stage.refresh_as("phone", &user.refresh).await, 400, "invalid_grant");
}

#[tokio::test]
async fn rev_04_an_access_token_is_not_said_to_be_revoked_where_it_was_not_written() {
    let mut redis = redis::Server::start(&[]);
    let stage = Stage::on(Install::new().with("REDIS_URL", redis.url())).await;
    let user = stage.signed_in_to("phone").await;
    redis.kill();
    let params = [("client_id", "phone"), ("token", user.access.as_str())];
    is_away(&stage.form("/oauth/revoke", &params).await);
    redis.restart();
}

#[tokio::test]
async fn rev_03_another_node_refuses_what_was_revoked_here() {
    let redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url());
    let stage = Stage::on(Install::beside(&install)).await;
    let beside = Install::new()
        .with("REDIS_URL", redis.url())
        .with("KEYWARD_STORAGE_DATA_DIR", install.path("data").display())
        .with("KEYWARD_KEYS_DIR", install.path("keys").display())
        .with("KEYWARD_SERVER_PUBLIC_URL", &stage.server.url);
    let second = beside.start().await;
    for kind in ["access", "refresh"] {
        let user = stage.signed_in_to("phone").await;
        let there = user.at(&second.url);
        assert_eq!(there.check().await.status, 200);
        let token = if kind == "access" { &user.access } else { &user.refresh };
        let params = [("client_id", "phone"), ("token", token.as_str())];
        assert_eq!(stage.form("/oauth/revoke", &params).await.status, 200);
        comes_to(401, async || there.check().await).await.refused(401, "token_revoked");
    }
    let keys: Vec<String> = redis.ask("KEYS blacklist:*");
    for key in keys {
        assert!(redis.ask::<i64>(&format!("TTL {key}")) > 0, "{key} has no end");
    }
}
