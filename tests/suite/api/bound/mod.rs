//! Contract 3.2: sessions bound to a key (RFC 9449), from the sign-in through every renewal to the end.

mod attacks;
mod sign_ins;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward::domain::clock::{Clock, SystemClock};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{
    actor::{Actor, Answer, send},
    app_server::AppServer,
    cookies::{self, cookie},
    install::{Install, Server},
    nodes::TwoNodes,
};
use crate::support::{
    client_key::ClientKey,
    outside::nodes::node,
    servers::{postgres, redis},
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";
const PAGE: &str = "https://app.example.com";

fn now() -> i64 {
    SystemClock.now().secs()
}

/// What an access token says.
fn said(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

/// A device with a key, of the user alice.
struct Phone {
    client: Actor,
    key: ClientKey,
    /// `server.public_url`.
    url: String,
}

/// A refresh that proves nothing yet.
fn presented(tokens: &Actor) -> RequestBuilder {
    tokens.request("POST", "/v1/refresh").json(&json!({ "refresh_token": tokens.refresh }))
}

async fn with_alice(install: &Install) -> Server {
    install.good(&["app", "add", "web", "--origin", PAGE]);
    install.add_user("alice", PASSWORD, &[]);
    install.start().await
}

impl Phone {
    fn of(server: &Server) -> Self {
        Self { client: server.client(), key: ClientKey::es256(), url: server.url.clone() }
    }

    /// A proof for a path, of now.
    fn proof(&self, path: &str) -> String {
        self.key.proof(&format!("{}{path}", self.url), now())
    }

    fn login(&self, more: &Value) -> RequestBuilder {
        let mut body = json!({ "username": "alice", "password": PASSWORD });
        body.as_object_mut().expect("members").extend(more.as_object().expect("members").clone());
        self.client.request("POST", "/v1/login").json(&body)
    }

    async fn signed_in(&self) -> Actor {
        let request = self.login(&json!({})).header("dpop", self.proof("/v1/login"));
        self.client.with_tokens(&send(request).await)
    }

    async fn refreshes(&self, tokens: &Actor) -> Answer {
        send(presented(tokens).header("dpop", self.proof("/v1/refresh"))).await
    }

    async fn refreshed(&self, tokens: &Actor) -> Actor {
        tokens.with_tokens(&self.refreshes(tokens).await)
    }
}

impl Answer {
    /// The proof was refused, and nothing else was.
    #[track_caller]
    fn is_unproved(&self) {
        self.problem_with_reason(401, "refresh_invalid", "proof");
    }
}

#[tokio::test]
async fn a_proof_at_the_sign_in_binds_the_session_and_each_refresh_takes_another() {
    let install = Install::new();
    let server = with_alice(&install).await;
    for key in [ClientKey::es256(), ClientKey::ed25519()] {
        let phone = Phone { key, ..Phone::of(&server) };
        let mut tokens = phone.signed_in().await;
        for _ in 0..3 {
            assert_eq!(said(&tokens.access)["cnf"], json!({ "jkt": phone.key.thumbprint() }));
            assert_eq!(tokens.check().await.status, 200, "it is a Bearer token as any other");
            tokens.refreshes().await.is_unproved();
            let answer = phone.refreshes(&tokens).await;
            assert_eq!(answer.json()["token_type"], "Bearer");
            tokens = tokens.with_tokens(&answer);
        }
        let sessions = tokens.sessions().await;
        let own = sessions.iter().find(|session| session["current"] == true).expect("its own");
        assert_eq!(own["bound"], true);
        let body = json!({ "refresh_token": tokens.refresh });
        assert_eq!(tokens.post("/v1/logout", &body).await.status, 204, "who signs out proves nothing");
        phone.refreshes(&tokens).await.problem_with_reason(401, "session_ended", "logout");
    }
    let unbound = server.client().signed_in("alice", PASSWORD).await;
    assert!(said(&unbound.access).get("cnf").is_none());
    assert!(unbound.sessions().await.iter().all(|session| session["bound"] == false));
}

#[tokio::test]
async fn a_session_that_is_bound_to_nothing_goes_on_as_before() {
    let server = with_alice(&Install::new()).await;
    let phone = Phone::of(&server);
    let first = server.client().signed_in("alice", PASSWORD).await;
    let next = phone.refreshed(&first).await.refreshed().await;
    assert!(said(&next.access).get("cnf").is_none(), "no refresh binds it");
    let old = phone.key.proof(&format!("{}/v1/refresh", phone.url), now() - 120);
    send(presented(&next).header("dpop", old)).await.is_unproved();
    next.refreshed().await;
}

#[tokio::test]
async fn the_same_where_a_cookie_holds_the_refresh_token() {
    let server = with_alice(&Install::new()).await;
    let phone = Phone::of(&server);
    let request = phone.login(&json!({ "app": "web", "transport": "cookie" })).header("origin", PAGE);
    let answer = cookies::send(request.header("dpop", phone.proof("/v1/login"))).await;
    assert_eq!(
        said(answer.json()["access_token"].as_str().expect("a token"))["cnf"]["jkt"],
        phone.key.thumbprint()
    );
    let kept = |answer: &Answer| {
        cookie(&answer.headers).expect("a cookie").split(';').next().expect("a pair").to_owned()
    };
    let refresh = |cookie: &str| {
        phone.client.request("POST", "/v1/refresh").header("cookie", cookie).header("origin", PAGE)
    };
    let cookie = kept(&answer);
    // Neither that it is missing nor that it is bad takes the cookie from the browser.
    send(refresh(&cookie)).await.is_unproved();
    send(refresh(&cookie).header("dpop", phone.proof("/v1/login"))).await.is_unproved();
    let answer = cookies::send(refresh(&cookie).header("dpop", phone.proof("/v1/refresh"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = cookies::send(refresh(&kept(&answer)).header("dpop", phone.proof("/v1/refresh"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn a_page_of_a_registered_origin_may_send_a_proof_and_read_the_servers_clock() {
    let server = with_alice(&Install::new()).await;
    let preflight = server.client().request("OPTIONS", "/v1/refresh").header("origin", PAGE);
    let preflight = preflight.header("access-control-request-method", "POST");
    let answer = send(preflight.header("access-control-request-headers", "content-type,dpop")).await;
    assert!(
        answer.header("access-control-allow-headers").split(", ").any(|name| name == "DPoP"),
        "{answer:?}"
    );
    let phone = Phone::of(&server);
    let fast = phone.key.proof(&format!("{}/v1/login", phone.url), now() + 86_400);
    let answer = send(phone.login(&json!({})).header("origin", PAGE).header("dpop", fast)).await;
    answer.problem_with_reason(400, "invalid_request", "proof");
    assert!(
        answer.header("access-control-expose-headers").split(", ").any(|name| name == "Date"),
        "{answer:?}"
    );
    assert!(!answer.header("date").is_empty());
}

#[tokio::test]
async fn a_step_up_keeps_the_session_bound() {
    let server = with_alice(&Install::new()).await;
    let phone = Phone::of(&server);
    let tokens = phone.signed_in().await;
    let answer = tokens.post_authorized("/v1/step-up", &json!({ "password": PASSWORD })).await;
    let access = answer.json()["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(said(&access)["cnf"]["jkt"], phone.key.thumbprint());
    tokens.refreshes().await.is_unproved();
    phone.refreshed(&tokens).await;
}

#[tokio::test]
async fn the_token_endpoint_takes_proofs_in_the_words_of_rfc_9449_and_introspection_names_the_key() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let shop = AppServer::register(&install, &server, "shop");
    let phone = Phone::of(&server);
    let metadata = phone.client.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(metadata["dpop_signing_alg_values_supported"], json!(["ES256", "EdDSA", "Ed25519"]));
    let tokens = phone.signed_in().await;
    let form = |tokens: &Actor| {
        let body = format!("grant_type=refresh_token&client_id=default&refresh_token={}", tokens.refresh);
        let request = tokens.request("POST", "/oauth/token");
        request.header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    for bad in [None, Some(phone.proof("/v1/refresh")), Some(String::new()), Some("a.b.c".to_owned())] {
        let request = bad.iter().fold(form(&tokens), |request, proof| request.header("dpop", proof));
        let answer = send(request).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (400, &json!("invalid_dpop_proof")),
            "{answer:?}"
        );
    }
    let proof = phone.proof("/oauth/token");
    let next = tokens.with_tokens(&send(form(&tokens).header("dpop", &proof)).await);
    let again = send(form(&next).header("dpop", &proof)).await;
    assert_eq!((again.status, &again.json()["error"]), (400, &json!("invalid_dpop_proof")), "{again:?}");
    let request = shop.request("POST", "/oauth/introspect");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let told = send(request.body(format!("token={}", next.access))).await.json();
    assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("Bearer")));
    assert_eq!(told["cnf"], json!({ "jkt": phone.key.thumbprint() }));
    phone.refreshed(&next).await;
}

#[tokio::test]
async fn what_one_node_took_no_other_takes_again() {
    let nodes = TwoNodes::with_alice(PASSWORD, |install| install).await;
    let phone = Phone::of(&nodes.one);
    let tokens = phone.signed_in().await;
    let at = |server: &Server, tokens: &Actor| presented(&tokens.at(&server.url));
    let proof = phone.proof("/v1/refresh");
    let next = tokens.with_tokens(&send(at(&nodes.one, &tokens).header("dpop", &proof)).await);
    for tokens in [&tokens, &next] {
        send(at(&nodes.two, tokens).header("dpop", &proof)).await.is_unproved();
        send(at(&nodes.one, tokens).header("dpop", &proof)).await.is_unproved();
    }
    let answer = send(at(&nodes.two, &next).header("dpop", phone.proof("/v1/refresh"))).await;
    let last = next.with_tokens(&answer);
    assert_eq!(said(&last.access)["cnf"]["jkt"], phone.key.thumbprint());
    send(at(&nodes.two, &last)).await.is_unproved();
}

#[tokio::test]
async fn while_no_proof_can_be_spent_a_refresh_is_503_and_nobody_is_signed_out() {
    let redis = redis::Server::start(&[]);
    let server = with_alice(&node(&redis, &postgres::database())).await;
    let phone = Phone::of(&server);
    let tokens = phone.signed_in().await;
    // It can be read, and takes no writes.
    redis.ask::<()>("CONFIG SET maxmemory 1");
    let proof = phone.proof("/v1/refresh");
    let answer = send(presented(&tokens).header("dpop", &proof)).await;
    answer.problem(503, "store_unavailable");
    assert!(!answer.header("retry-after").is_empty());
    redis.ask::<()>("CONFIG SET maxmemory 0");
    phone.refreshed(&tokens).await;
}
