//! `POST /oauth/revoke`: REV-01 to REV-03.

use super::{Stage, is_error, with_form};
use crate::support::outside::actor::{Answer, send};

const REVOKE: &str = "/oauth/revoke";

/// Revoked, or what is answered all the same.
#[track_caller]
fn is_done(answer: &Answer) {
    assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn rev_01_a_token_is_found_whatever_the_hint() {
    let stage = Stage::new().await;
    for hint in ["", "access_token", "refresh_token", "nonsense"] {
        let client = [("client_id", "phone"), ("token_type_hint", hint)];
        let user = stage.signed_in_to("phone").await;
        is_done(&stage.form(REVOKE, &[&client[..], &[("token", &user.access)]].concat()).await);
        user.check().await.refused(401, "token_revoked");
        let user = stage.signed_in_to("phone").await;
        is_done(&stage.form(REVOKE, &[&client[..], &[("token", &user.refresh)]].concat()).await);
        user.check().await.refused(401, "token_revoked");
    }
}

#[tokio::test]
async fn rev_01_the_client_shows_who_it_is_as_at_the_token_endpoint() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("shop").await;
    is_error(&stage.form(REVOKE, &[("token", &user.access)]).await, 401, "invalid_client");
    let named = [("token", user.access.as_str()), ("client_id", "shop")];
    is_error(&stage.form(REVOKE, &named).await, 401, "invalid_client");
    let request = user.request("POST", REVOKE).basic_auth("shop", Some("wrong"));
    let refused = send(with_form(request, &named)).await;
    is_error(&refused, 401, "invalid_client");
    assert!(refused.header("www-authenticate").starts_with("Basic "), "{refused:?}");
    assert_eq!(user.check().await.status, 200);
    is_done(&stage.form(REVOKE, &[&named[..], &[("client_secret", &stage.shop.secret)]].concat()).await);
    user.check().await.refused(401, "token_revoked");
    is_error(&stage.form_of_shop(REVOKE, &[]).await, 400, "invalid_request");
    is_error(&stage.form_of_shop(REVOKE, &[("token", "")]).await, 400, "invalid_request");
    is_error(&stage.form_of_shop(&format!("{REVOKE}?token=x"), &[]).await, 400, "invalid_request");
}

#[tokio::test]
async fn rev_02_what_is_no_token_or_another_clients_is_200_and_stays_alive() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("phone").await;
    let gone = stage.signed_in_to("shop").await;
    assert_eq!(gone.logout().await.status, 204);
    let tokens = [&user.access, &user.refresh, &gone.access, &gone.refresh];
    for token in tokens.into_iter().map(String::as_str).chain(["nonsense", "kwr_nonsense", "a.b.c"]) {
        is_done(&stage.form_of_shop(REVOKE, &[("token", token)]).await);
    }
    assert_eq!(user.check().await.status, 200);
    assert_eq!(user.refreshes().await.status, 200);
}

#[tokio::test]
async fn rev_03_a_refresh_token_takes_its_session_with_it() {
    let stage = Stage::new().await;
    let first = stage.signed_in_to("phone").await;
    let other = stage.signed_in_to("phone").await;
    let second = first.refreshed().await;
    let params = [("client_id", "phone"), ("token", second.refresh.as_str())];
    for _ in 0..2 {
        is_done(&stage.form(REVOKE, &params).await);
        first.check().await.refused(401, "token_revoked");
        second.check().await.refused(401, "token_revoked");
        second.refreshes().await.problem_with_reason(401, "session_ended", "logout");
    }
    assert_eq!(other.check().await.status, 200, "another session of the same user");
}

#[tokio::test]
async fn rev_03_an_access_token_goes_alone_and_at_once() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("phone").await;
    assert_eq!(user.check().await.status, 200);
    let params = [("client_id", "phone"), ("token", user.access.as_str())];
    for _ in 0..2 {
        is_done(&stage.form(REVOKE, &params).await);
        user.check().await.refused(401, "token_revoked");
    }
    assert_eq!(user.refreshed().await.check().await.status, 200, "the session goes on");
}

#[tokio::test]
async fn tok_13_a_client_that_revokes_without_end_is_told_to_wait_and_its_session_goes_on() {
    let stage = Stage::new().await;
    let mut user = stage.signed_in_to("phone").await;
    let revoke = async |token: &str| stage.form(REVOKE, &[("client_id", "phone"), ("token", token)]).await;
    for _ in 0..60 {
        is_done(&revoke(&user.access).await);
        user = user.refreshed().await;
    }
    let refused = revoke(&user.access).await;
    is_error(&refused, 429, "temporarily_unavailable");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=900).contains(&wait), "{wait}");
    user = user.refreshed().await;
    assert_eq!(user.check().await.status, 200);
    is_done(&revoke(&user.refresh).await);
    user.check().await.refused(401, "token_revoked");
}
