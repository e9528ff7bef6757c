//! `POST /oauth/token`: TOK-01 to TOK-12, the grants, and contract 3 through this door.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::json;

use super::{FORM, Stage, is_error, with_form};
use crate::support::outside::{
    actor::{Answer, send},
    install::{Install, wait_for},
};

const TOKEN: &str = "/oauth/token";

#[tokio::test]
async fn tok_01_only_post_is_answered() {
    let stage = Stage::new().await;
    for path in [TOKEN, "/oauth/revoke", "/oauth/introspect"] {
        for method in ["GET", "PUT", "DELETE", "PATCH"] {
            let answer = send(stage.server.client().request(method, path)).await;
            is_error(&answer, 405, "invalid_request");
            assert_eq!(answer.header("allow"), "POST");
        }
    }
}

#[tokio::test]
async fn tok_02_only_a_form_is_read() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("default").await;
    let body =
        json!({ "grant_type": "refresh_token", "refresh_token": user.refresh, "client_id": "default" });
    for path in [TOKEN, "/oauth/revoke", "/oauth/introspect"] {
        is_error(&user.post(path, &body).await, 400, "invalid_request");
        is_error(&send(user.request("POST", path)).await, 400, "invalid_request");
    }
    let form = format!("grant_type=refresh_token&client_id=default&refresh_token={}", user.refresh);
    let request = user.request("POST", TOKEN).header(CONTENT_TYPE, format!("{FORM}; charset=UTF-8"));
    assert_eq!(send(request.body(form)).await.status, 200);
}

#[tokio::test]
async fn tok_03_each_parameter_comes_once_and_an_empty_one_is_none() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("default").await;
    let good = [("grant_type", "refresh_token"), ("refresh_token", &user.refresh), ("client_id", "default")];
    for repeated in [good[0], good[1], good[2], ("unknown", "1")] {
        let params = [&good[..], &[repeated, repeated]].concat();
        is_error(&stage.form(TOKEN, &params).await, 400, "invalid_request");
    }
    for empty in 0..2 {
        let mut params = good;
        params[empty].1 = "";
        is_error(&stage.form(TOKEN, &params).await, 400, "invalid_request");
    }
    is_error(&stage.form(TOKEN, &[good[0], good[1], ("client_id", "")]).await, 401, "invalid_client");
    let params = [&good[..], &[("unknown", "1"), ("scope", ""), ("client_secret", "")]].concat();
    assert_eq!(stage.form(TOKEN, &params).await.status, 200);
}

#[tokio::test]
async fn tok_04_the_query_is_not_read() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("default").await;
    let query = format!("grant_type=refresh_token&client_id=default&refresh_token={}", user.refresh);
    is_error(&stage.form(&format!("{TOKEN}?{query}"), &[]).await, 400, "invalid_request");
    let elsewhere = format!("{TOKEN}?grant_type=password&client_id=nobody");
    let good = [("grant_type", "refresh_token"), ("refresh_token", &user.refresh), ("client_id", "default")];
    assert_eq!(stage.form(&elsewhere, &good).await.status, 200);
}

#[tokio::test]
async fn tok_05_and_06_a_success_has_the_members_and_headers_of_the_standard() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("phone").await;
    let answer = stage.refresh_as("phone", &user.refresh).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)), "{body}");
    assert!(body.get("scope").is_none(), "{body}");
    let user = user.with_tokens(&answer);
    assert_eq!(user.check().await.header("x-auth-app"), "phone");
    assert_eq!(user.refreshes().await.status, 200, "one chain, whichever door");
}

#[tokio::test]
async fn tok_08_and_09_each_mistake_has_its_code() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("default").await;
    let (client, token) = (("client_id", "default"), ("refresh_token", user.refresh.as_str()));
    let grant = ("grant_type", "refresh_token");
    is_error(&stage.form(TOKEN, &[client, token]).await, 400, "invalid_request");
    is_error(&stage.form(TOKEN, &[grant, client]).await, 400, "invalid_request");
    for other in ["authorization_code", "client_credentials", "Refresh_Token"] {
        let params = [("grant_type", other), client, token];
        is_error(&stage.form(TOKEN, &params).await, 400, "unsupported_grant_type");
    }
    is_error(&stage.form(TOKEN, &[grant, token]).await, 401, "invalid_client");
    is_error(&stage.refresh_as("default", "kwr_nonsense").await, 400, "invalid_grant");
    let scoped = [grant, client, token, ("scope", "openid")];
    is_error(&stage.form(TOKEN, &scoped).await, 400, "invalid_scope");
    let long = "x".repeat(70_000);
    is_error(&stage.form(TOKEN, &[grant, ("refresh_token", &long)]).await, 413, "invalid_request");
    assert_eq!(stage.refresh_as("default", &user.refresh).await.status, 200, "none of it did anything");
}

#[tokio::test]
async fn grt_08_a_password_is_never_taken_here() {
    let stage = Stage::new().await;
    let params = [("grant_type", "password"), ("username", "alice"), ("password", super::PASSWORD)];
    is_error(&stage.form(TOKEN, &params).await, 400, "unsupported_grant_type");
    is_error(&stage.form_of_shop(TOKEN, &params).await, 400, "unsupported_grant_type");
}

#[tokio::test]
async fn tok_10_a_confidential_client_shows_its_secret_in_either_way_and_in_one() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("shop").await;
    let secret = stage.shop.secret.as_str();
    let grant = |token| [("grant_type", "refresh_token"), ("refresh_token", token)];
    let basic = stage.form_of_shop(TOKEN, &grant(&user.refresh)).await;
    let user = user.with_tokens(&basic);
    let posted = [&grant(&user.refresh)[..], &[("client_id", "shop"), ("client_secret", secret)]].concat();
    let user = user.with_tokens(&stage.form(TOKEN, &posted).await);
    // Both halves may be encoded like a form's.
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let request = stage.shop.anonymous("POST", TOKEN).basic_auth(encoded("shop"), Some(encoded(secret)));
    let user = user.with_tokens(&send(with_form(request, &grant(&user.refresh))).await);
    let named = [&grant(&user.refresh)[..], &[("client_id", "shop")]].concat();
    let user = user.with_tokens(&stage.form_of_shop(TOKEN, &named).await);

    let twice = [&grant(&user.refresh)[..], &[("client_secret", secret)]].concat();
    is_error(&stage.form_of_shop(TOKEN, &twice).await, 400, "invalid_request");
    let other = [&grant(&user.refresh)[..], &[("client_id", "phone")]].concat();
    is_error(&stage.form_of_shop(TOKEN, &other).await, 400, "invalid_request");
    let request = stage.shop.request("POST", TOKEN).basic_auth("shop", Some(secret));
    is_error(&send(with_form(request, &grant(&user.refresh))).await, 400, "invalid_request");
    is_error(&stage.form(TOKEN, &named).await, 401, "invalid_client");
    assert_eq!(stage.form_of_shop(TOKEN, &grant(&user.refresh)).await.status, 200);
}

/// All of an answer but what is new in each.
fn told(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let headers =
        answer.headers.iter().filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    let text = |value: &reqwest::header::HeaderValue| value.to_str().expect("ASCII").to_owned();
    let headers = headers.map(|(name, value)| (name.to_string(), text(value)));
    (answer.status, answer.text.clone(), headers.collect())
}

#[tokio::test]
async fn tok_11_an_unknown_client_and_a_wrong_secret_are_one_answer() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("shop").await;
    let grant = [("grant_type", "refresh_token"), ("refresh_token", user.refresh.as_str())];
    for path in [TOKEN, "/oauth/revoke", "/oauth/introspect"] {
        let basic = async |name: &str| {
            let request = user.request("POST", path).basic_auth(name, Some("wrong"));
            send(with_form(request, &[&grant[..], &[("token", "x")]].concat())).await
        };
        let posted = async |name: &str| {
            let client = [("client_id", name), ("client_secret", "wrong"), ("token", "x")];
            stage.form(path, &[&grant[..], &client].concat()).await
        };
        let [known, unknown] = [basic("shop").await, basic("nobody").await];
        is_error(&known, 401, "invalid_client");
        assert!(known.header("www-authenticate").starts_with("Basic realm="), "{known:?}");
        assert_eq!(told(&known), told(&unknown));
        let [known, unknown] = [posted("shop").await, posted("nobody").await];
        is_error(&known, 401, "invalid_client");
        assert!(!known.headers.contains_key("www-authenticate"), "nobody tried the header: {known:?}");
        assert_eq!(told(&known), told(&unknown));
    }
    for header in ["Bearer x", "Basic !", "Basic", "Basic c2hvcA=="] {
        let request = user.request("POST", TOKEN).header(AUTHORIZATION, header);
        let refused = send(with_form(request, &grant)).await;
        is_error(&refused, 401, "invalid_client");
        assert!(refused.header("www-authenticate").starts_with("Basic "), "{header}: {refused:?}");
    }
}

#[tokio::test]
async fn tok_12_a_public_client_with_a_secret_is_a_public_client() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("phone").await;
    let grant = |token| [("grant_type", "refresh_token"), ("refresh_token", token)];
    let secret = [("client_id", "phone"), ("client_secret", "made up")];
    let user = user.with_tokens(&stage.form(TOKEN, &[grant(&user.refresh), secret].concat()).await);
    let request = user.request("POST", TOKEN).basic_auth("phone", Some("made up"));
    assert_eq!(send(with_form(request, &grant(&user.refresh))).await.status, 200);
}

#[tokio::test]
async fn grt_02_a_refresh_token_is_its_clients_alone() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("phone").await;
    is_error(&stage.refresh_as("default", &user.refresh).await, 400, "invalid_grant");
    let grant = [("grant_type", "refresh_token"), ("refresh_token", user.refresh.as_str())];
    is_error(&stage.form_of_shop(TOKEN, &grant).await, 400, "invalid_grant");
    let is_told = |text: &String| text.contains("another's refresh token") && text.contains(&user.session);
    let shown = wait_for(|| Some(stage.server.printed()).filter(is_told)).expect("a line in the log");
    assert!(!shown.contains(&user.refresh), "no token in the log");
    assert_eq!(user.check().await.status, 200, "nothing became of it");
    assert_eq!(stage.refresh_as("phone", &user.refresh).await.status, 200);
}

#[tokio::test]
async fn rft_03_a_replaced_token_that_comes_back_ends_the_session() {
    let stage = Stage::on(Install::new().with("KEYWARD_TOKENS_REUSE_GRACE", "0")).await;
    let first = stage.signed_in_to("default").await;
    let second = first.with_tokens(&stage.refresh_as("default", &first.refresh).await);
    let third = second.with_tokens(&stage.refresh_as("default", &second.refresh).await);
    is_error(&stage.refresh_as("default", &first.refresh).await, 400, "invalid_grant");
    is_error(&stage.refresh_as("default", &third.refresh).await, 400, "invalid_grant");
    third.check().await.refused(401, "token_revoked");
}

#[tokio::test]
async fn rft_05_and_06_any_number_of_callers_get_one_successor() {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("default").await;
    let calls = (0..20).map(|_| {
        let grant = [("grant_type", "refresh_token"), ("refresh_token", user.refresh.as_str())];
        let params = [&grant[..], &[("client_id", "default")]].concat();
        tokio::spawn(send(with_form(user.request("POST", TOKEN), &params)))
    });
    let mut successors = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        successors.push(user.with_tokens(&call.await.expect("an answer")).refresh);
    }
    successors.dedup();
    assert_eq!(successors.len(), 1, "one successor for all");
    let lost = user.with_tokens(&stage.refresh_as("default", &user.refresh).await);
    assert_eq!(lost.refresh, successors[0], "and for who lost the answer");
}

#[tokio::test]
async fn rft_07_every_dead_token_is_one_answer() {
    let stage = Stage::on(Install::new().with("KEYWARD_TOKENS_REUSE_GRACE", "0")).await;
    let [out, reused, other] = [
        stage.signed_in_to("phone").await,
        stage.signed_in_to("phone").await,
        stage.signed_in_to("shop").await,
    ];
    assert_eq!(out.logout().await.status, 204);
    reused.refreshed().await.refreshed().await;
    let tampered = out.refresh.replace("kwr_", "kwr_A");
    let mut answers = Vec::new();
    for token in [&out.refresh, &reused.refresh, &reused.refresh, &other.refresh, &tampered, &other.access] {
        let answer = stage.refresh_as("phone", token).await;
        is_error(&answer, 400, "invalid_grant");
        answers.push(told(&answer));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let disabled = stage.signed_in_to("phone").await;
    stage.install.good(&["user", "disable", "alice"]);
    assert_eq!(told(&stage.refresh_as("phone", &disabled.refresh).await), answers[0]);
}

#[tokio::test]
async fn bytes_that_mean_nothing_are_refused_and_harm_nobody() {
    let stage = Stage::new().await;
    let many = (0..9_000).map(|number| format!("p{number}")).collect::<Vec<_>>().join("&");
    for body in [&b"\xff\xfe=\xff"[..], b"%zz%=%&%", b"&&&=&", b"grant_type", b"\0", many.as_bytes()] {
        for (path, status, error) in [
            (TOKEN, 400, "invalid_request"),
            ("/oauth/revoke", 401, "invalid_client"),
            ("/oauth/introspect", 401, "invalid_client"),
        ] {
            let request = stage.server.client().request("POST", path).header(CONTENT_TYPE, FORM);
            let answer = send(request.body(body.to_vec())).await;
            is_error(&answer, status, error);
        }
    }
    assert_eq!(stage.signed_in_to("phone").await.check().await.status, 200);
}
